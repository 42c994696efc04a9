import numpy as np
import pytest
from rosbags.highlevel import AnyReader

from mono_depth_ros.bags.writer import BagWriter

K = np.array([[70.0, 0.0, 31.5], [0.0, 71.0, 23.5], [0.0, 0.0, 1.0]])
STAMP = 1_234_567_890_123_456_789


def read_all(path):
    with AnyReader([path]) as reader:
        return [
            (connection.topic, stamp, reader.deserialize(data, connection.msgtype))
            for connection, stamp, data in reader.messages()
        ]


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_an_image_is_read_back_with_its_stamp_frame_and_pixels(tmp_path, storage):
    image = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)

    with BagWriter(tmp_path / 'bag', storage) as bag:
        bag.write_image('/camera/image_raw', STAMP, 'camera_optical', 'bgr8', image)

    [(topic, log_time, message)] = read_all(tmp_path / 'bag')
    assert (topic, log_time) == ('/camera/image_raw', STAMP)
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (1_234_567_890, 123_456_789)
    assert message.header.frame_id == 'camera_optical'
    assert (message.height, message.width, message.step) == (4, 5, 15)
    assert message.encoding == 'bgr8' and not message.is_bigendian
    assert np.array_equal(message.data.reshape(4, 5, 3), image)


def test_a_cropped_view_is_written_without_the_pixels_around_it(tmp_path):
    image = np.arange(6 * 8, dtype=np.uint8).reshape(6, 8)[1:4, 2:7]

    with BagWriter(tmp_path / 'bag') as bag:
        bag.write_image('/image', STAMP, '', 'mono8', image)

    [(_, _, message)] = read_all(tmp_path / 'bag')
    assert message.step == 5
    assert np.array_equal(message.data.reshape(3, 5), image)


def test_a_big_endian_image_says_so(tmp_path):
    image = np.array([[1, 2], [3, 4]], dtype='>u2')

    with BagWriter(tmp_path / 'bag') as bag:
        bag.write_image('/image', STAMP, '', 'mono16', image)

    [(_, _, message)] = read_all(tmp_path / 'bag')
    assert message.is_bigendian == 1 and message.step == 4
    assert message.data.tobytes() == image.tobytes()


def test_camera_info_defaults_to_a_rectified_camera(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write_camera_info('/camera/camera_info', STAMP, 'camera_optical', (48, 64), K)

    [(_, _, message)] = read_all(tmp_path / 'bag')
    assert (message.height, message.width) == (48, 64)
    assert np.array_equal(message.k.reshape(3, 3), K)
    assert np.array_equal(message.p.reshape(3, 4), np.hstack([K, np.zeros((3, 1))]))
    assert np.array_equal(message.r.reshape(3, 3), np.eye(3))
    assert message.d.size == 0


def test_a_distorted_camera_keeps_its_coefficients(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write_camera_info(
            '/info', STAMP, '', (48, 64), K, D=[0.1, -0.2, 0, 0], distortion_model='equidistant'
        )

    [(_, _, message)] = read_all(tmp_path / 'bag')
    assert message.d.tolist() == [0.1, -0.2, 0, 0]
    assert message.distortion_model == 'equidistant'


def test_a_compressed_image_keeps_its_bytes(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write_compressed('/image/compressed', STAMP, 'camera', 'jpeg', b'\xff\xd8\x01')

    [(_, _, message)] = read_all(tmp_path / 'bag')
    assert message.format == 'jpeg' and message.data.tobytes() == b'\xff\xd8\x01'


def test_an_unknown_storage_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'rosbag'.*mcap, sqlite3"):
        BagWriter('somewhere', 'rosbag')


def test_an_existing_bag_is_never_overwritten(tmp_path):
    with pytest.raises(FileExistsError, match='exists already'):
        BagWriter(tmp_path)
