import cv2
import numpy as np
import pytest

from mono_depth_ros.bags.reader import open_bag
from mono_depth_ros.bags.writer import BagWriter
from mono_depth_ros.datasets.street.raycast import street_intrinsics
from mono_depth_ros.demo.bag import (
    find_kitti_drive,
    inspect_bag,
    write_kitti_bag,
    write_street_bag,
)

CALIBRATION = """calib_time: 09-Jan-2012 13:57:47
S_rect_02: 1.2e+01 8.0e+00
P_rect_02: 7.2e+02 0 6.0e+02 4.5e+01 0 7.3e+02 1.7e+02 2.1e-01 0 0 1 2.7e-03
"""
PIXELS = np.zeros((4, 6, 3), np.uint8)


@pytest.fixture
def drive(tmp_path):
    drive = tmp_path / 'kitti/test/2011_09_26/2011_09_26_drive_0052_sync'
    (drive / 'image_02/data').mkdir(parents=True)
    (drive.parent / 'calib_cam_to_cam.txt').write_text(CALIBRATION)
    for index in range(3):
        file = drive / f'image_02/data/{index:010d}.png'
        cv2.imwrite(str(file), np.full((8, 12, 3), (index, 20, 30), np.uint8))
    return drive


def messages_of(path, topic):
    with open_bag(path) as reader:
        connections = [c for c in reader.connections if c.topic == topic]
        return [
            (stamp, reader.deserialize(data, connection.msgtype))
            for connection, stamp, data in reader.messages(connections)
        ]


def test_a_kitti_clip_becomes_ten_images_a_second_with_the_rectified_k(tmp_path, drive):
    assert find_kitti_drive(tmp_path) == drive

    write_kitti_bag(drive, tmp_path / 'bag')

    images = messages_of(tmp_path / 'bag', '/camera_color_left/image_rect')
    assert np.diff([stamp for stamp, _ in images]).tolist() == [100_000_000] * 2
    assert [image.data[:3].tolist() for _, image in images] == [[30, 20, i] for i in range(3)]
    assert images[0][1].encoding == 'rgb8'
    info = messages_of(tmp_path / 'bag', '/camera_color_left/camera_info')[0][1]
    assert info.k.reshape(3, 3).tolist() == [[720, 0, 600], [0, 730, 170], [0, 0, 1]]
    assert not info.d.any() and (info.height, info.width) == (8, 12)


def test_without_the_data_there_is_no_kitti_clip(tmp_path):
    assert find_kitti_drive(tmp_path) is None


def test_a_broken_picture_is_named(tmp_path, drive):
    (drive / 'image_02/data/0000000001.png').write_bytes(b'no picture')

    with pytest.raises(ValueError, match=r'0000000001\.png'):
        write_kitti_bag(drive, tmp_path / 'bag')


def test_the_street_bag_has_the_streets_intrinsics(tmp_path):
    write_street_bag(tmp_path / 'bag', 2, (32, 96))

    clip = inspect_bag(tmp_path / 'bag', None, 'street')
    info = messages_of(tmp_path / 'bag', '/camera/camera_info')[0][1]
    assert (clip.frames, clip.width, clip.cloud_stride) == (2, 96, 1)
    assert clip.topics == ('/camera/image_raw', '/camera/camera_info')
    assert np.allclose(info.k.reshape(3, 3), street_intrinsics((32, 96)))


def test_compressed_images_are_found_with_the_camera_info_beside_the_base_topic(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write_compressed('/cam/image/compressed', 10**18, '', 'jpeg', b'\xff\xd8')
        bag.write_camera_info('/cam/camera_info', 10**18, '', (4, 6), np.eye(3))

    clip = inspect_bag(tmp_path / 'bag', None, 'mine')

    assert clip.is_compressed and clip.base_topic == '/cam/image'
    assert clip.topics == ('/cam/image/compressed', '/cam/camera_info')


def test_of_several_image_topics_one_has_to_be_chosen(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        for topic in ('/left/image', '/right/image'):
            bag.write_image(topic, 10**18, '', 'rgb8', PIXELS)

    with pytest.raises(ValueError, match='choose one with IMAGE_TOPIC=…: /left/image, /right'):
        inspect_bag(tmp_path / 'bag', None, 'mine')
    assert inspect_bag(tmp_path / 'bag', '/right/image', 'mine').image_topic == '/right/image'
    with pytest.raises(ValueError, match="'/rear/image' is not an image topic"):
        inspect_bag(tmp_path / 'bag', '/rear/image', 'mine')


def test_a_bag_without_images_is_refused(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write_camera_info('/camera_info', 10**18, '', (4, 6), np.eye(3))

    with pytest.raises(ValueError, match='holds no images'):
        inspect_bag(tmp_path / 'bag', None, 'mine')
