"""Bags as other programs and accidents leave them: read, or named with what to do."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from bags import START, K, write_camera_bag
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from mono_depth_ros.bags.index import index_bag
from mono_depth_ros.bags.reader import (
    CorruptMessageError,
    deserialize,
    open_bag,
    read_messages,
    read_objects,
    select_connections,
)
from mono_depth_ros.bags.writer import BagWriter
from mono_depth_ros.geometry.transforms import TransformTree

CASES = Path(__file__).resolve().parents[3] / 'shared' / 'field_cases' / 'bags'
INFO = '/camera/camera_info'


def case(name):
    if not (CASES / name).exists():
        pytest.skip('no field cases beside the checkout')
    return CASES / name


def write_raw(path, *messages, compressed=False):
    """Write (topic, type, bytes) as they are, at one stamp after the other."""
    types = get_typestore(Stores.ROS2_HUMBLE)
    writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
    if compressed:
        writer.set_compression(CompressionMode.MESSAGE, CompressionFormat.ZSTD)
    with writer:
        connections = {}
        for index, (topic, kind, data) in enumerate(messages):
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=types)
            writer.write(connections[topic], START + index, data)
    return path


def infos(tmp_path, count=3):
    """Return serialised CameraInfo messages."""
    bag = write_camera_bag(tmp_path / 'source', count)
    with open_bag(bag) as reader:
        connections = select_connections(reader, [INFO])
        return [bytes(data) for _, _, data in read_messages(reader, connections)]


def test_messages_compressed_one_by_one_are_read_with_metadata_and_named_without(tmp_path):
    rows = [(INFO, 'sensor_msgs/msg/CameraInfo', data) for data in infos(tmp_path)]
    bag = write_raw(tmp_path / 'bag', *rows, compressed=True)

    with open_bag(bag) as reader:
        assert len(list(read_objects(reader, reader.connections))) == 3
    with (
        pytest.raises(ValueError, match=r'compressed one by one \(zstd\).*Name the folder'),
        open_bag(next(bag.glob('*.mcap'))) as reader,
    ):
        list(read_messages(reader, reader.connections))


def test_an_error_names_the_file_of_the_user_and_no_link_to_it(tmp_path):
    rows = [(INFO, 'sensor_msgs/msg/CameraInfo', data) for data in infos(tmp_path)]
    bag = write_raw(tmp_path / 'bag', *rows, compressed=True)
    renamed = shutil.copy(next(bag.glob('*.mcap')), tmp_path / 'recording.db3')

    with pytest.raises(ValueError, match=r'recording\.db3'), open_bag(renamed) as reader:
        list(read_messages(reader, reader.connections))


def test_a_cut_message_is_skipped_and_named(tmp_path, caplog):
    first, second, _ = infos(tmp_path)
    kind = 'sensor_msgs/msg/CameraInfo'
    bag = write_raw(tmp_path / 'bag', (INFO, kind, first), (INFO, kind, second[:10]))

    with open_bag(bag) as reader, caplog.at_level(logging.WARNING):
        index = index_bag(reader, [], [INFO])

    assert index.cameras[INFO].K[0, 0] == K[0, 0]
    assert "1 broken messages on '/camera/camera_info' skipped: A message of 10" in caplog.text


def test_a_topic_of_cut_messages_alone_is_refused(tmp_path):
    cut = infos(tmp_path)[0][:10]
    bag = write_raw(tmp_path / 'bag', (INFO, 'sensor_msgs/msg/CameraInfo', cut))

    with (
        pytest.raises(CorruptMessageError, match="'/camera/camera_info' cannot be read as sensor"),
        open_bag(bag) as reader,
    ):
        index_bag(reader, [], [INFO])


@pytest.mark.parametrize('data', [b'', b'\x00', b'\x00\x01\x00\x00', b'{"a": 1}', bytes(100)])
def test_whatever_is_no_message_is_one_error(tmp_path, data):
    bag = write_raw(tmp_path / 'bag', (INFO, 'sensor_msgs/msg/CameraInfo', data))

    with open_bag(bag) as reader:
        [(connection, _, stored)] = list(read_messages(reader, reader.connections))
        try:
            deserialize(reader, connection, stored)
        except CorruptMessageError as error:
            assert INFO in str(error)


def test_a_topic_that_is_not_cdr_is_left_out_and_named(tmp_path, caplog):
    bag = write_camera_bag(tmp_path / 'bag')
    path = bag / 'metadata.yaml'
    content = yaml.safe_load(path.read_text())
    topics = content['rosbag2_bagfile_information']['topics_with_message_count']
    foreign = {'name': '/log', 'type': 'Log', 'serialization_format': 'json'}
    topics.append({'topic_metadata': foreign | {'offered_qos_profiles': ''}, 'message_count': 3})
    path.write_text(yaml.safe_dump(content))

    with caplog.at_level(logging.WARNING), open_bag(bag) as reader:
        assert sorted(reader.topics) == [INFO, '/camera/image_raw']
        assert len(list(read_objects(reader, reader.connections))) == 16
        with pytest.raises(ValueError, match=r"'/log' cannot be read: serialised as json"):
            select_connections(reader, ['/log'])
    assert "'/log' is left out of bag" in caplog.text


def test_what_lies_in_a_folder_decides_and_not_what_metadata_says(tmp_path):
    bag = write_camera_bag(tmp_path / 'bag')
    path = bag / 'metadata.yaml'
    path.write_text(
        path.read_text().replace('storage_identifier: mcap', 'storage_identifier: sqlite3')
    )

    with open_bag(bag) as reader:
        assert len(list(read_objects(reader, reader.connections))) == 16


def test_a_file_is_known_by_its_content_and_not_by_its_suffix(tmp_path):
    bag = write_camera_bag(tmp_path / 'bag')
    renamed = shutil.copy(next(bag.glob('*.mcap')), tmp_path / 'recording.db3')

    with open_bag(renamed) as reader:
        assert len(list(read_objects(reader, reader.connections))) == 16


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'version https://git-lfs.github.com/spec/v1\noid sha256:0\n', 'Git LFS pointer'),
        (b'\x28\xb5\x2f\xfd' + bytes(40), r"compressed as a whole: run 'zstd -d"),
        (b'SQLite format 3\0' + b'\x10\0' + bytes(10) + b'\0\0\0\x09', 'its header says 36864'),
        (b'\x89MCAP0\r\n' + bytes(40), 'has no end'),
        (b'PK\x03\x04' + bytes(40), 'is not a bag .starts with 50 4b 03 04'),
    ],
)
@pytest.mark.parametrize('name', ['bag.mcap', 'bag.db3'])
def test_what_is_no_whole_recording_is_named(tmp_path, content, message, name):
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(ValueError, match=message), open_bag(path):
        pass


def test_a_cut_file_in_a_folder_gets_the_cure_of_its_kind(tmp_path):
    bag = write_camera_bag(tmp_path / 'bag')
    file = next(bag.glob('*.mcap'))
    file.write_bytes(file.read_bytes()[:-20])

    with pytest.raises(ValueError, match='mcap recover'), open_bag(bag):
        pass


def test_a_transform_that_is_none_is_left_out_and_the_others_hold(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        links = [('map', 'odom', np.eye(4)), ('odom', 'cam', np.eye(4))]
        bag.write_transforms('/tf_static', START, links)
    with open_bag(tmp_path / 'bag') as reader:
        [(_, _, message)] = list(read_objects(reader, reader.connections))
    broken = message.transforms[0].transform.rotation
    broken.x = broken.y = broken.z = broken.w = 0.0
    tree = TransformTree()

    with pytest.raises(ValueError, match="from 'map' to 'odom'"):
        tree.add_message(message, is_static=True)

    assert tree.frames == ['cam', 'odom']


@pytest.mark.data
@pytest.mark.parametrize(
    ('name', 'left_out'),
    [('with_json_channel.mcap', '/log'), ('type_hash_differs', '/state')],
)
def test_a_foreign_topic_of_a_field_case_is_left_out(name, left_out):
    with open_bag(case(name)) as reader:
        assert list(reader.left_out) == [left_out]
        assert left_out not in reader.topics
        assert len(list(read_objects(reader, reader.connections))) > 0


@pytest.mark.data
def test_an_mcap_file_of_ros_1_says_what_it_is():
    with (
        pytest.raises(ValueError, match=r"profile 'ros1', not 'ros2'.*rosbags-convert"),
        open_bag(case('profile_ros1.mcap')),
    ):
        pass
