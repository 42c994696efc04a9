"""The live evaluation of a replay, over real DDS, beside the offline one of the same bag."""

import itertools
import json
import math

import numpy as np
import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from domains import next_domain
from processes import PythonProcess
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_harness import ENVIRONMENT, NodeProcess, Probe, camera_info
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from street_bags import (
    CAMERA,
    INFO,
    LIDAR,
    OPTICAL,
    OPTICAL_FROM_LIDAR,
    POSES,
    frames,
    write_street_bag,
)

from mono_depth_ros.cli.evaluate_bag import main as evaluate_bag
from mono_depth_ros.ros.conversions import cloud_message, image_message
from mono_depth_ros.ros.evaluator.replay_evaluator import ReplayEvaluator

FRAMES = 16
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@pytest.fixture(scope='module')
def drive():
    return frames(FRAMES)


@pytest.fixture(scope='module')
def bag(tmp_path_factory, drive):
    return write_street_bag(tmp_path_factory.mktemp('bag') / 'street', drive)


@pytest.fixture(scope='module')
def extrinsics(tmp_path_factory):
    path = tmp_path_factory.mktemp('extrinsics') / 'extrinsics.yaml'
    path.write_text(
        yaml.safe_dump(
            {
                'transforms': [
                    {
                        'parent': OPTICAL,
                        'child': 'lidar',
                        'matrix': OPTICAL_FROM_LIDAR.ravel().tolist(),
                    }
                ]
            }
        )
    )
    return path


class Process(PythonProcess):
    def __init__(self, domain, log, module, *arguments):
        super().__init__(
            log,
            ['-m', f'mono_depth_ros.cli.{module}', *map(str, arguments)],
            ENVIRONMENT | {'ROS_DOMAIN_ID': str(domain)},
            fresh=False,
        )


def parameters(**values):
    return [word for name, value in values.items() for word in ('-p', f'{name}:={value}')]


def replay(folder, bag, topics, output, **values):
    """Replay the bag into depth_node and replay_evaluator; return exit code, report and log."""
    domain = next_domain()
    started = [
        NodeProcess(
            domain,
            folder / 'node.log',
            [
                '-r',
                f'image:={CAMERA}',
                *parameters(
                    model='untrained',
                    depth_scale=5.0,
                    threads=1,
                    use_sim_time='true',
                    max_age=0.0,  # lockstep waits for the answer to an image however old
                    # Best effort may lose what is sent while the two still find each other.
                    **{f'qos_overrides.{CAMERA}.subscription.reliability': 'reliable'},
                    **{f'qos_overrides.{INFO}.subscription.reliability': 'reliable'},
                ),
            ],
        ),
        Process(
            domain,
            folder / 'evaluator.log',
            'replay_evaluator',
            '--ros-args',
            '-r',
            f'image:={CAMERA}',
            *parameters(output=output, use_sim_time='true', **values),
        ),
    ]
    probe = Probe(domain)
    try:
        probe.spin_until(
            lambda: probe.node.count_subscribers(CAMERA) == 2, 'depth_node and the evaluator'
        )
        player = Process(
            domain,
            folder / 'player.log',
            'replay_bag',
            bag,
            '--clock',
            '--lockstep',
            CAMERA,
            '/depth/image_rect',
            '--wait-for-subscribers',
            '60',
            '--topics',
            *topics,
        )
        started.insert(0, player)
        metrics = probe.listen('/replay_evaluator/metrics', DiagnosticArray)
        probe.spin_until(lambda: not player.alive(), 'the end of the replay')
        metrics.clear()
        probe.spin_until(lambda: metrics, 'the figures after the last frame')
        codes = [process.stop() for process in reversed(started)]
    finally:
        for process in started:
            process.stop()
        probe.close()
    assert output.exists(), (folder / 'evaluator.log').read_text()
    return codes[0], json.loads(output.read_text()), metrics[-1]


def offline(bag, output, *arguments):
    code = evaluate_bag(
        [
            str(bag),
            '--model',
            'untrained',
            '--depth-scale',
            '5',
            '--threads',
            '1',
            '--image',
            CAMERA,
            '--output',
            str(output),
            *map(str, arguments),
        ]
    )
    return code, json.loads(output.read_text())


def every_figure(report):
    ways = ('median_scaled', 'unscaled')
    return {
        name: report[name]
        for name in ('compared', 'coverage', 'scale', 'scale_spread', 'flicker', 'flicker_p95')
    } | {
        f'{way} {name}': math.nan if value is None else value
        for way in ways
        for name, value in report[way].items()
    }


def test_live_and_offline_agree_in_every_figure_under_simulated_time(bag, extrinsics, tmp_path):
    code, live, metrics = replay(
        tmp_path,
        bag,
        [CAMERA, INFO, LIDAR, POSES],
        tmp_path / 'live.json',
        reference=LIDAR,
        extrinsics=extrinsics,
        ego_motion=POSES,
        thresholds="['max_abs_rel=0.01']",
    )
    _, recorded = offline(
        bag, tmp_path / 'offline.json', '--reference', LIDAR, '--ego-motion', POSES
    )

    assert (code, live['passed']) == (3, False)  # the card is untrained
    assert live['compared'] == FRAMES and live['latency']['dropped'] == 0
    ours, theirs = every_figure(live), every_figure(recorded)
    assert ours['unscaled abs_rel'] > 0.05 and ours['flicker'] > 0
    assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-3, nan_ok=True)
    assert live['clocks']['state'] == recorded['clocks']['state']
    said = {
        status.name.rpartition(' ')[2]: {pair.key: float(pair.value) for pair in status.values}
        for status in metrics.status
    }
    assert said['all']['abs_rel'] == pytest.approx(ours['unscaled abs_rel'], rel=1e-3)
    assert 0 < said['recent']['age_p50'] <= said['recent']['age_p95'] <= said['recent']['age_p99']
    assert not math.isnan(said['recent']['jitter'])


def depth_and_info(probe, metres, size=(20, 30)):
    """Return a function that publishes flat depth and its camera_info, as depth_node does."""
    count = itertools.count(1)

    def publish():
        info = camera_info(size)
        info.header.stamp.sec, tenths = divmod(next(count), 10)
        info.header.stamp.nanosec = tenths * 10**8
        depth = image_message(info.header, np.full(size, metres, np.float32), '32FC1')
        probe.advertise('/depth/image_rect', Image).publish(depth)
        probe.advertise('/depth/camera_info', CameraInfo).publish(info)
        return info.header

    return publish


@pytest.fixture
def evaluator():
    """Make the node in this process: evaluator(reference=…) -> (node, probe)."""
    probes, nodes = [], []

    def start(**values):
        probe = Probe(next_domain(), ['--ros-args', *parameters(**values)])
        probes.append(probe)
        nodes.append(ReplayEvaluator(probe.context))
        probe.executor.add_node(nodes[-1])
        return nodes[-1], probe

    yield start
    for node in nodes:
        node.destroy_node()
    for probe in probes:
        probe.close()


def test_a_wall_that_is_seen_too_far_fails_the_thresholds(evaluator, tmp_path):
    node, probe = evaluator(
        reference='wall:2.0', thresholds="['max_abs_rel=0.2']", output=tmp_path / 'wall.json'
    )

    status = probe.diagnosis('abs_rel 0.5 is above 0.2', depth_and_info(probe, 3.0))
    text, verdict = node.finish()

    assert status.level == b'\x02' and not verdict.passed
    assert 'FAILED (unscaled)\n  abs_rel 0.5 is above 0.2' in text
    report = json.loads((tmp_path / 'wall.json').read_text())
    assert report['unscaled']['abs_rel'] == pytest.approx(0.5)
    assert report['flicker'] == pytest.approx(0, abs=1e-6) and report['passed'] is False


def test_frames_that_nothing_connects_are_named_with_the_cure(evaluator):
    node, probe = evaluator(reference='/lidar/points')
    flat = np.ones((4, 5, 3), np.float32)
    depth = depth_and_info(probe, 3.0)

    def both():
        header = depth()
        header.frame_id = 'lidar'
        probe.advertise('/lidar/points', PointCloud2).publish(
            cloud_message(header, flat, np.zeros(flat.shape, np.uint8))
        )

    status = probe.diagnosis('no transform', both)

    assert "'camera_optical' is not known" in status.message
    assert 'tf2_msgs is not installed here' in status.message
    assert node.finish()[1] is None


def test_depth_of_a_stereo_camera_is_compared_pixel_by_pixel(evaluator):
    node, probe = evaluator(reference='/stereo/depth')
    depth = depth_and_info(probe, 3.0)

    def both():
        header = depth()
        info = camera_info((20, 30), header=header)
        probe.advertise('/stereo/depth', Image).publish(
            image_message(header, np.full((20, 30), 2500, np.uint16), '16UC1')
        )
        probe.advertise('/stereo/camera_info', CameraInfo).publish(info)

    probe.diagnosis('abs_rel 0.200', both)

    assert node.evaluation.result().metrics()['coverage'] == 1


def test_a_topic_that_nobody_publishes_is_named_with_the_nearest(evaluator):
    _, probe = evaluator(reference='/lidar/point')
    probe.advertise('/lidar/points', PointCloud2)

    probe.diagnosis("no publisher on '/lidar/point'. Did you mean '/lidar/points'?")


def test_a_reference_of_another_kind_is_an_error_on_diagnostics(evaluator):
    _, probe = evaluator(reference='/stereo/camera_info')

    status = probe.diagnosis(
        'carries sensor_msgs/msg/CameraInfo; a reference is',
        lambda: probe.advertise('/stereo/camera_info', CameraInfo).publish(camera_info((2, 3))),
    )

    assert status.level == b'\x02'


@pytest.mark.parametrize(
    ('values', 'error'),
    [
        (
            {'reference': "''"},
            "reference is ''; expected a topic such as /velodyne_points, or wall:",
        ),
        ({'reference': '/points'}, 'depth would be compared with itself'),
        (
            {'reference': 'wall:2', 'thresholds': "['max_absrel=1']"},
            r"Did you mean 'max_abs_rel'\?",
        ),
        ({'reference': 'wall:2', 'tolerance': '1'}, r'tolerance: .* decimal point'),
        ({'reference': 'wall:2', 'region': '[0.1, 0.2]'}, 'expected left, top, right, bottom'),
        ({'reference': 'wall:2', 'window': '0'}, 'window is 0; expected 1 or more'),
        (
            {'reference': 'wall:2', 'output': '/no/where.json'},
            "Folder '/no' of output does not exist",
        ),
        ({'reference': 'wall:2', 'image_transport': 'h264'}, 'expected raw or compressed'),
    ],
)
def test_a_parameter_that_cannot_be_meant_is_refused(evaluator, values, error):
    with pytest.raises(ValueError, match=error):
        evaluator(**values)


def test_tf_static_places_the_lidar_where_its_messages_are_installed(evaluator):
    tf2_msgs = pytest.importorskip('tf2_msgs.msg', reason='tf2_msgs comes with a ROS distribution')
    from geometry_msgs.msg import TransformStamped

    _, probe = evaluator(reference=LIDAR)
    depth = depth_and_info(probe, 1.0)
    stamped = TransformStamped(child_frame_id='lidar')
    stamped.header.frame_id = 'camera_optical'
    stamped.transform.translation.z = -1.0  # 1 m behind the camera

    def all_three():
        header = depth()
        header.frame_id = 'lidar'
        probe.advertise('/tf_static', tf2_msgs.TFMessage, LATCHED).publish(
            tf2_msgs.TFMessage(transforms=[stamped])
        )
        points = np.dstack(
            [*np.meshgrid(np.linspace(-1, 1, 40), np.linspace(-1, 1, 40)), np.full((40, 40), 2)]
        ).astype(np.float32)
        probe.advertise(LIDAR, PointCloud2).publish(
            cloud_message(header, points, np.zeros(points.shape, np.uint8))
        )

    probe.diagnosis('abs_rel 0.000', all_three)
