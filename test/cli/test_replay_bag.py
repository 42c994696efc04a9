import numpy as np
import pytest
from domains import next_domain

from mono_depth_ros.bags.writer import BagWriter
from mono_depth_ros.cli.replay_bag import main
from mono_depth_ros.cli.ros_arguments import split_ros_arguments
from mono_depth_ros.ros.replay.bag_player import PlayReport


@pytest.fixture
def bag(tmp_path):
    with BagWriter(tmp_path / 'bag') as writer:
        writer.write_image('/camera/image_raw', 10**18, '', 'mono8', np.zeros((2, 2), np.uint8))
    return str(tmp_path / 'bag')


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['nowhere'], "Bag 'nowhere' does not exist"),
        (['{bag}', '--topics', '/camera/image'], "Did you mean '/camera/image_raw'?"),
        (['{bag}', '--rate', '-1'], 'rate is -1.0. Expected a number above 0.'),
        (['{bag}', '--remap', '/a'], "'/a' is not a remapping. Expected /recorded/topic:="),
    ],
)
def test_a_mistake_ends_with_one_line_that_names_the_cure(
    bag, capsys, monkeypatch, arguments, message
):
    monkeypatch.setenv('ROS_DOMAIN_ID', str(next_domain()))
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')

    code = main([argument.format(bag=bag) for argument in arguments])

    captured = capsys.readouterr()
    assert code == 1
    assert captured.err.startswith('replay_bag: error: ') and message in captured.err
    assert captured.err.count('\n') == 1


@pytest.mark.parametrize(
    ('line', 'own', 'ros'),
    [
        ('bag --rate 2', 'bag --rate 2', ''),
        ('bag --remap /a:=/b', 'bag --remap /a:=/b', ''),
        ('bag --ros-args -r /a:=/b', 'bag', '--ros-args -r /a:=/b'),
        ('--ros-args -r a:=b -- bag --loop', 'bag --loop', '--ros-args -r a:=b --'),
        ('--ros-args -- bag --ros-args -r a:=b', 'bag', '--ros-args -- --ros-args -r a:=b'),
        # As launch_ros calls a node.
        ('--ros-args --log-level info --ros-args -r __node:=a --params-file b', '', '{line}'),
    ],
)
def test_ros_arguments_are_told_from_the_programs_own(line, own, ros):
    assert split_ros_arguments(line.split()) == (own.split(), ros.format(line=line).split())


def test_the_report_counts_per_topic_and_names_those_nobody_heard():
    report = PlayReport(
        {'/image': 78, '/imu': 1200},
        {},
        ['/imu'],
        bag_seconds=7.7,
        wall_seconds=3.85,
        worst_lateness=0.0042,
    )

    assert report.text().splitlines() == [
        '/image      78 messages',
        '/imu      1200 messages  (too few subscribers at the start)',
        'Played 7.70 s of the bag in 3.85 s, at worst 4.2 ms late.',
    ]
