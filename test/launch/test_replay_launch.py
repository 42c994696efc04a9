"""replay.launch.py plays a bag into the real node and ends with it."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip(
    'launch_ros', reason='launch and launch_ros come with a ROS distribution, they are not on PyPI'
)

from domains import next_domain
from launch_ros.actions import LifecycleNode, Node
from launching import LaunchProcess, visit, words
from ros_harness import ENVIRONMENT, Probe
from sensor_msgs.msg import Image

from mono_depth_ros.bags.writer import BagWriter

SIZE = (64, 96)
K = np.array([[80.0, 0, 47.5], [0, 80.0, 31.5], [0, 0, 1]])
FRAMES = 20
START = 1_700_000_000 * 10**9


@pytest.fixture(scope='module')
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('bag') / 'camera'
    pixels = np.random.default_rng(0).integers(0, 255, (*SIZE, 3), dtype=np.uint8)
    with BagWriter(path) as writer:
        for index in range(FRAMES):
            stamp = START + index * 10**8
            writer.write_camera_info('/camera/camera_info', stamp, 'optical', SIZE, K)
            writer.write_image('/camera/image_raw', stamp, 'optical', 'rgb8', pixels)
            writer.write_camera_info('/stereo/camera_info', stamp, 'optical', SIZE, K)
            writer.write_image(
                '/stereo/depth', stamp, 'optical', '32FC1', np.full(SIZE, 2, np.float32)
            )
    return path


def player_words(entities: list[object]) -> list[str]:
    (player,) = (
        entity
        for entity in entities
        if isinstance(entity, Node) and not isinstance(entity, LifecycleNode)
    )
    return words(player)


def test_player_gets_image_its_camera_info_and_the_clock(launch_files, bag):
    given = player_words(
        visit(launch_files / 'replay.launch.py', bag=str(bag), image='/camera/image_raw')
    )

    assert given[:4] == [str(bag), '--topics', '/camera/image_raw', '/camera/camera_info']
    assert '--clock' in given and '--loop' not in given and '--rate' not in given


def test_player_gets_rate_loop_and_further_topics(launch_files, bag):
    given = player_words(
        visit(
            launch_files / 'replay.launch.py',
            bag=str(bag),
            image='/left/image',
            rate='0.5',
            camera_info='/left/info',
            topics='/tf, /tf_static',
            loop='true',
            clock='false',
            image_transport='compressed',
        )
    )

    assert given[1:6] == ['--topics', '/left/image/compressed', '/left/info', '/tf', '/tf_static']
    assert given[given.index('--rate') + 1] == '0.5'
    assert '--loop' in given and '--clock' not in given


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'image': '/i'}, 'Required launch argument "bag" was not provided'),
        ({'bag': '.'}, 'Required launch argument "image" was not provided'),
        ({'bag': '/no/bag', 'image': '/i'}, "bag '/no/bag' does not exist: give a .bag file"),
        ({'bag': '.', 'image': 'i'}, "topic 'i' is relative: write it as recorded"),
        ({'bag': '.', 'image': '/i', 'rate': '0'}, "rate '0' is not a positive number"),
        ({'bag': '.', 'image': '/i', 'rate': 'fast'}, "rate 'fast' is not a positive number"),
        ({'bag': '.', 'image': '/i', 'loop': 'yes'}, "Valid options are: .'true', 'false'"),
        ({'bag': '.', 'image': '/i', 'evaluate': 'true'}, 'evaluate:=true needs a reference'),
        (
            {
                'bag': '.',
                'image': '/a,/b',
                'evaluate': 'true',
                'reference': 'wall:2',
                'cameras': 'a,b',
            },
            'evaluate:=true is for one camera',
        ),
    ],
)
def test_wrong_arguments_are_refused_and_the_right_ones_named(launch_files, arguments, message):
    with pytest.raises(RuntimeError, match=message):
        visit(launch_files / 'replay.launch.py', **arguments)


def test_evaluation_that_refuses_its_parameters_ends_the_launch(launch_files, bag, tmp_path):
    process = LaunchProcess(
        launch_files / 'replay.launch.py',
        tmp_path / 'launch.log',
        f'bag:={bag}',
        'image:=/camera/image_raw',
        'model:=untrained',
        'evaluate:=true',
        'reference:=floor:1',
        ROS_DOMAIN_ID=str(next_domain()),
    )
    try:
        process.wait()
    finally:
        process.stop()

    assert 'a wall is written wall:METRES' in process.log()
    assert 'replay_bag' not in process.log()


def test_evaluation_writes_its_figures_when_the_bag_ends(launch_files, bag, tmp_path, monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    process = LaunchProcess(
        launch_files / 'replay.launch.py',
        tmp_path / 'launch.log',
        f'bag:={bag}',
        'image:=/camera/image_raw',
        'model:=untrained',
        'depth_scale:=5',
        'rate:=0.5',
        'evaluate:=true',
        'reference:=/stereo/depth',
        'reference_info:=/stereo/camera_info',
        'thresholds:=min_frames=5',
        f'evaluation_output:={tmp_path / "figures.json"}',
        ROS_DOMAIN_ID=str(next_domain()),
    )
    try:
        process.wait()
    finally:
        process.stop()

    assert (tmp_path / 'figures.json').exists(), process.log()
    report = json.loads((tmp_path / 'figures.json').read_text())
    assert report['compared'] > FRAMES // 2 and report['passed'], process.log()
    assert report['latency']['images'] == FRAMES


def test_bag_becomes_depth_and_everything_ends_with_it(launch_files, bag, tmp_path, monkeypatch):
    for name, value in ENVIRONMENT.items():  # the probe needs the profile as much as the node
        monkeypatch.setenv(name, value)
    domain = next_domain()
    probe = Probe(domain)
    depths = probe.listen('/depth/image_rect', Image)
    process = LaunchProcess(
        launch_files / 'replay.launch.py',
        tmp_path / 'launch.log',
        f'bag:={bag}',
        'image:=/camera/image_raw',
        'model:=untrained',
        'depth_scale:=5',
        'rate:=0.5',
        ROS_DOMAIN_ID=str(domain),
    )
    try:
        probe.spin_until(lambda: process.process.poll() is not None, 'the end of the launch')
    finally:
        process.stop()
        probe.close()

    log = process.log()
    assert process.wait() == 0, log
    assert f'{FRAMES} messages' in log and 'shutting down launched system' in log
    assert len(depths) > FRAMES // 2, log
    stamps = {
        message.header.stamp.sec * 10**9 + message.header.stamp.nanosec for message in depths
    }
    assert stamps <= {START + index * 10**8 for index in range(FRAMES)}
    assert {(message.height, message.width) for message in depths} == {SIZE}
