"""A bag is opened, understood or refused with the cure."""

import pytest
from bags import START, write_camera_bag, write_ros1_bag
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

from mono_depth_ros.datasets.bag_writer import CameraBagWriter
from mono_depth_ros.ros.bag_player import is_latched, recorded_qos
from mono_depth_ros.ros.bag_source import open_bag

FOREVER = QosTime(2147483647, 4294967295)


def offered(reliability, durability, depth=5):
    return Qos(
        QosHistory.KEEP_LAST, depth, reliability, durability, FOREVER, FOREVER,
        QosLiveliness.AUTOMATIC, FOREVER, False,
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
        ([offered(QosReliability.BEST_EFFORT, QosDurability.VOLATILE)],
         'BEST_EFFORT', 'VOLATILE', 5),
        ([offered(QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL, 1)] * 3,
         'RELIABLE', 'TRANSIENT_LOCAL', 3),
        ([offered(QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL),
          offered(QosReliability.BEST_EFFORT, QosDurability.VOLATILE)],
         'BEST_EFFORT', 'VOLATILE', 5),
        ([offered(QosReliability.RELIABLE, QosDurability.VOLATILE, 0)],
         'RELIABLE', 'VOLATILE', 10),
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


def test_a_storage_file_without_metadata_is_enough(tmp_path):
    bag = write_camera_bag(tmp_path / 'bag')
    (bag / 'metadata.yaml').unlink()

    with open_bag(bag) as folder, open_bag(next(bag.glob('*.mcap'))) as file:
        assert folder.message_count == file.message_count == 16


def test_a_missing_bag_says_what_is_expected(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'does not exist\. Expected a ROS 1 file'), \
            open_bag(tmp_path / 'nothing'):
        pass


def test_a_folder_without_a_bag_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match='holds no bag'), open_bag(tmp_path):
        pass


def test_a_file_that_is_no_bag_is_refused(tmp_path):
    file = tmp_path / 'film.mp4'
    file.write_bytes(b'')

    with pytest.raises(ValueError, match='is not a bag'), open_bag(file):
        pass


@pytest.mark.parametrize(
    ('name', 'cure'), [('a.mcap', 'mcap recover'), ('a.bag', 'rosbag reindex')]
)
def test_a_truncated_bag_names_the_tool_that_mends_it(tmp_path, name, cure):
    if name == 'a.bag':
        whole = write_ros1_bag(tmp_path / 'whole.bag')
    else:
        whole = next(write_camera_bag(tmp_path / 'bag').glob('*.mcap'))
    cut = tmp_path / name
    cut.write_bytes(whole.read_bytes()[:-200])

    with pytest.raises(ValueError, match=f'cannot be read: .*{cure}'), open_bag(cut):
        pass


def test_a_bag_without_messages_is_refused(tmp_path):
    with CameraBagWriter(tmp_path / 'bag'):
        pass

    with pytest.raises(ValueError, match='holds no messages'), open_bag(tmp_path / 'bag'):
        pass
