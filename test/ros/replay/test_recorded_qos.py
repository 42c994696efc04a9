"""A bag is opened, understood or refused with the cure."""

import pytest
from bags import START, write_ros1_bag
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_typestore

from mono_depth_ros.bags.reader import open_bag
from mono_depth_ros.ros.replay.bag_player import is_latched, recorded_qos

FOREVER = QosTime(2147483647, 4294967295)


def offered(reliability, durability, depth=5):
    return Qos(
        QosHistory.KEEP_LAST,
        depth,
        reliability,
        durability,
        FOREVER,
        FOREVER,
        QosLiveliness.AUTOMATIC,
        FOREVER,
        False,
    )


def write_text_bag(path, profiles):
    types = get_typestore(Stores.ROS2_JAZZY)
    text = types.serialize_cdr(types.types['std_msgs/msg/String'](data='x'), 'std_msgs/msg/String')
    with Writer2(path, version=8) as bag:
        connection = bag.add_connection(
            '/text', 'std_msgs/msg/String', typestore=types, offered_qos_profiles=profiles
        )
        bag.write(connection, START, text)
    return path


@pytest.mark.parametrize(
    ('profiles', 'reliability', 'durability', 'depth'),
    [
        ([], 'RELIABLE', 'VOLATILE', 10),
        (
            [offered(QosReliability.BEST_EFFORT, QosDurability.VOLATILE)],
            'BEST_EFFORT',
            'VOLATILE',
            5,
        ),
        (
            [offered(QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL, 1)] * 3,
            'RELIABLE',
            'TRANSIENT_LOCAL',
            3,
        ),
        (
            [
                offered(QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL),
                offered(QosReliability.BEST_EFFORT, QosDurability.VOLATILE),
            ],
            'BEST_EFFORT',
            'VOLATILE',
            5,
        ),
        (
            [offered(QosReliability.RELIABLE, QosDurability.VOLATILE, 0)],
            'RELIABLE',
            'VOLATILE',
            10,
        ),
    ],
)
def test_the_recorded_qos_is_offered_again(tmp_path, profiles, reliability, durability, depth):
    with open_bag(write_text_bag(tmp_path / 'bag', profiles)) as reader:
        qos = recorded_qos(reader.connections)

    assert qos.reliability == ReliabilityPolicy[reliability]
    assert qos.durability == DurabilityPolicy[durability]
    assert qos.depth == depth


def test_only_a_ros1_topic_that_was_latched_counts_as_latched(tmp_path):
    with open_bag(write_ros1_bag(tmp_path / 'a.bag')) as reader:
        latched = {connection.topic for connection in reader.connections if is_latched(connection)}

    assert latched == {'/name'}
