"""A bag is opened, understood or refused with the cure; its images become RGB."""

import cv2
import numpy as np
import pytest
from bags import START, write_camera_bag, write_ros1_bag

from mono_depth_ros.bags.reader import (
    image_topics,
    open_bag,
    read_messages,
    rgb_from_bag_message,
    select_connections,
)
from mono_depth_ros.bags.writer import BagWriter
from mono_depth_ros.stamps import stamp_of


def test_a_storage_file_without_metadata_is_enough(tmp_path):
    bag = write_camera_bag(tmp_path / 'bag')
    (bag / 'metadata.yaml').unlink()

    with open_bag(bag) as folder, open_bag(next(bag.glob('*.mcap'))) as file:
        assert folder.message_count == file.message_count == 16


def test_a_missing_bag_says_what_is_expected(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match=r'does not exist\. Expected a ROS 1 file'),
        open_bag(tmp_path / 'nothing'),
    ):
        pass


def test_a_folder_without_a_bag_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match='holds no bag'), open_bag(tmp_path):
        pass


def test_a_ros_2_folder_named_like_a_ros_1_file_is_refused(tmp_path):
    with (
        pytest.raises(ValueError, match=r"Rename it without '\.bag'"),
        open_bag(write_camera_bag(tmp_path / 'a.bag')),
    ):
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
    with BagWriter(tmp_path / 'bag'):
        pass

    with pytest.raises(ValueError, match='holds no messages'), open_bag(tmp_path / 'bag'):
        pass


def messages(path, topic):
    with open_bag(path) as reader:
        return [
            reader.deserialize(data, connection.msgtype)
            for connection, _, data in read_messages(reader, select_connections(reader, [topic]))
        ]


def test_a_raw_image_of_ros_1_and_of_ros_2_becomes_rgb(tmp_path):
    new = messages(write_camera_bag(tmp_path / 'bag'), '/camera/image_raw')
    old = messages(write_ros1_bag(tmp_path / 'a.bag'), '/camera/image_raw')

    for message in (new[3], old[3]):
        assert np.array_equal(rgb_from_bag_message(message), np.full((4, 6, 3), 3))
        assert stamp_of(message) == START + 3 * 50_000_000


def test_a_bgr_image_and_a_compressed_one_show_the_same_colors(tmp_path):
    red = np.zeros((4, 6, 3), np.uint8)
    red[..., 2] = 255
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write_image('/raw', START, '', 'bgr8', red)
        bag.write_compressed('/png', START, '', 'png', cv2.imencode('.png', red)[1].tobytes())

    [raw], [png] = (messages(tmp_path / 'bag', topic) for topic in ('/raw', '/png'))

    assert rgb_from_bag_message(raw)[0, 0].tolist() == [255, 0, 0]
    assert rgb_from_bag_message(png)[0, 0].tolist() == [255, 0, 0]


def test_image_topics_are_those_with_raw_or_compressed_images(tmp_path):
    with open_bag(write_camera_bag(tmp_path / 'bag')) as reader:
        assert image_topics(reader) == {'/camera/image_raw': 8}
