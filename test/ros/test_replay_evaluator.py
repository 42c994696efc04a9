"""The live evaluation of a replay, over real DDS, beside the offline one of the same bag."""

import itertools
import json
import math

import numpy as np
import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from processes import PythonProcess
from ros_harness import ENVIRONMENT, NodeProcess, Probe, camera_info, next_domain
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header
from street_bags import (
    CAMERA,
    INFO,
    LIDAR,
    OPTICAL,
    OPTICAL_FROM_LIDAR,
    PERIOD,
    POSES,
    START,
    frames,
    write_street_bag,
)

from mono_depth_ros.cli.evaluate_bag import main as evaluate_bag
from mono_depth_ros.ros.conversions import cloud_message, image_message


@pytest.fixture(scope='module')
def drive():
    return frames(16)


@pytest.fixture(scope='module')
def bag(tmp_path_factory, drive):
    return write_street_bag(tmp_path_factory.mktemp('bag') / 'street', drive)


@pytest.fixture(scope='module')
def extrinsics(tmp_path_factory):
    path = tmp_path_factory.mktemp('extrinsics') / 'extrinsics.yaml'
    path.write_text(yaml.safe_dump({'transforms': [
        {'parent': OPTICAL, 'child': 'lidar', 'matrix': OPTICAL_FROM_LIDAR.ravel().tolist()}]}))
    return path


class Process(PythonProcess):
    def __init__(self, domain, log, module, *arguments):
        super().__init__(log, ['-m', f'mono_depth_ros.cli.{module}', *map(str, arguments)],
                         ENVIRONMENT | {'ROS_DOMAIN_ID': str(domain)})


def parameters(**values):
    return [word for name, value in values.items() for word in ('-p', f'{name}:={value}')]


def replay(folder, bag, topics, output, **values):
    """Replay the bag into depth_node and replay_evaluator; return exit code, report and log."""
    domain = next_domain()
    started = [
        NodeProcess(domain, folder / 'node.log', [
            '-r', f'image:={CAMERA}', *parameters(
                model='untrained', depth_scale=5.0, threads=1, use_sim_time='true')]),
        Process(domain, folder / 'evaluator.log', 'replay_evaluator', '--ros-args',
                '-r', f'image:={CAMERA}', *parameters(
                    output=output, use_sim_time='true', **values))]
    probe = Probe(domain)
    try:
        player = Process(domain, folder / 'player.log', 'replay_bag', bag, '--clock', '--rate',
                         '0.5', '--wait-for-subscribers', '60', '--topics', *topics)
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
    code = evaluate_bag([str(bag), '--model', 'untrained', '--depth-scale', '5', '--threads', '1',
                         '--image', CAMERA, '--output', str(output), *map(str, arguments)])
    return code, json.loads(output.read_text())


def every_figure(report):
    ways = ('median_scaled', 'unscaled')
    return {name: report[name] for name in (
        'compared', 'coverage', 'scale', 'scale_spread', 'flicker', 'flicker_p95')} | {
        f'{way} {name}': math.nan if value is None else value
        for way in ways for name, value in report[way].items()}


def test_live_and_offline_agree_in_every_figure_under_simulated_time(
        bag, drive, extrinsics, tmp_path):
    code, live, metrics = replay(
        tmp_path, bag, [CAMERA, INFO, LIDAR, POSES], tmp_path / 'live.json', reference=LIDAR,
        extrinsics=extrinsics, ego_motion=POSES, thresholds="['max_abs_rel=9.0']")
    arrived = {frame['stamp'] for frame in live['per_frame']}
    # A loaded machine may drop a frame; what came is what both have to agree on.
    lost = [index for index in range(16) if START + index * PERIOD not in arrived]
    whole = write_street_bag(tmp_path / 'arrived', drive, without_image=lost) if lost else bag
    _, recorded = offline(whole, tmp_path / 'offline.json', '--reference', LIDAR,
                          '--ego-motion', POSES)

    assert (code, live['passed']) == (0, True)
    assert live['compared'] >= 12 and live['latency']['dropped'] == len(lost)
    ours, theirs = every_figure(live), every_figure(recorded)
    assert ours['unscaled abs_rel'] > 0.05 and ours['flicker'] > 0
    assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-3, nan_ok=True)
    assert live['clocks']['state'] == recorded['clocks']['state']
    said = {status.name.rpartition(' ')[2]: {pair.key: float(pair.value)
                                             for pair in status.values}
            for status in metrics.status}
    assert said['all']['abs_rel'] == pytest.approx(ours['unscaled abs_rel'], rel=1e-3)
    assert 0 < said['recent']['age_p50'] <= said['recent']['age_p95'] <= said['recent']['age_p99']
    assert not math.isnan(said['recent']['jitter'])


@pytest.fixture
def evaluator(tmp_path):
    """Start the evaluator alone: evaluator(reference=…) -> (probe, process)."""
    started = []

    def start(*arguments, **values):
        domain = next_domain()
        log = tmp_path / f'evaluator{len(started)}.log'
        started.append((Probe(domain), Process(
            domain, log, 'replay_evaluator', '--ros-args', *arguments, *parameters(**values))))
        return started[-1]

    yield start
    for probe, process in started:
        process.stop()
        probe.close()


def depth_and_info(probe, stamp, metres, size=(20, 30)):
    """Return a function that publishes flat depth and its camera_info, as depth_node does."""
    def publish():
        info = camera_info(size)
        message = image_message(info.header, np.full(size, metres, np.float32), '32FC1')
        info.header.stamp.sec, tenths = divmod(next(stamp), 10)
        info.header.stamp.nanosec = tenths * 10**8
        probe.advertise('/depth/image_rect', Image).publish(message)
        probe.advertise('/depth/camera_info', CameraInfo).publish(info)

    return publish


def test_a_wall_that_is_seen_too_far_fails_the_thresholds(evaluator, tmp_path):
    probe, process = evaluator(reference='wall:2.0', thresholds="['max_abs_rel=0.2']",
                               output=tmp_path / 'wall.json')

    status = probe.diagnosis('abs_rel 0.5 is above 0.2',
                             depth_and_info(probe, itertools.count(1), 3.0))

    assert status.level == b'\x02'
    assert process.stop() == 3
    report = json.loads((tmp_path / 'wall.json').read_text())
    assert report['unscaled']['abs_rel'] == pytest.approx(0.5)
    assert (report['flicker'], report['passed']) == (0.0, False)
    assert 'FAILED' in process.log() and 'Traceback' not in process.log()


def test_frames_that_nothing_connects_are_named_with_the_cure(evaluator):
    probe, process = evaluator(reference='/lidar/points')
    flat = np.ones((4, 5, 3), np.float32)
    count = itertools.count(1)
    depth = depth_and_info(probe, itertools.count(1), 3.0)

    def both():
        header = Header(frame_id='lidar')
        header.stamp.sec = next(count)
        probe.advertise('/lidar/points', PointCloud2).publish(
            cloud_message(header, flat, np.zeros(flat.shape, np.uint8)))
        depth()

    status = probe.diagnosis('no transform', both)

    assert "'camera_optical' is not known" in status.message
    assert 'tf2_msgs is not installed here' in status.message
    assert process.stop() == 1


@pytest.mark.parametrize(('values', 'error'), [
    ({'reference': "''"}, "reference is ''; expected a topic such as /velodyne_points, or wall:"),
    ({'reference': '/points'}, 'depth would be compared with itself'),
    ({'reference': 'wall:2', 'thresholds': "['max_absrel=1']"}, "Did you mean 'max_abs_rel'?"),
])
def test_a_parameter_that_cannot_be_meant_ends_the_node_with_one_line(evaluator, values, error):
    _, process = evaluator(**values)

    assert process.process.wait(timeout=60) == 1
    assert error in process.log() and 'Traceback' not in process.log()
