"""Bags that cannot be trained on are refused with the reason and the cure."""

import numpy as np
import pytest
from moving_bags import (
    INFO,
    PERIOD,
    SIZE,
    START,
    TOPIC,
    K,
    wall,
    write_image,
    write_moving_bag,
    write_odometry,
)

from mono_depth_ros.bags.writer import BagWriter
from mono_depth_ros.datasets.bag.data import RosbagData
from mono_depth_ros.datasets.bag.options import BagOptions


def test_a_missing_bag_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'nowhere.*does not exist'):
        RosbagData(tmp_path / 'nowhere')


def test_a_truncated_bag_is_named_with_the_cure(tmp_path):
    file = next(write_moving_bag(tmp_path / 'bag').glob('*.mcap'))
    file.write_bytes(file.read_bytes()[:50_000])

    with pytest.raises(ValueError, match=r'cannot be read.*mcap recover'):
        RosbagData(file)


def write_images(path, count=3, stamp=lambda index: START + index * PERIOD, **info):
    with BagWriter(path) as bag:
        for index in range(count):
            bag.write_image(TOPIC, stamp(index), '', 'rgb8', wall(3 * index))
        if info:
            bag.write_camera_info(INFO, START, '', **info)
    return path


def test_a_bag_without_camera_info_asks_for_a_calibration(tmp_path):
    path = write_images(tmp_path / 'bag')

    with pytest.raises(ValueError, match=r"'/camera/camera_info' is not.*holds: none.*YAML"):
        RosbagData(path)


def test_a_calibration_file_stands_in_for_camera_info(tmp_path):
    (tmp_path / 'camera.yaml').write_text(
        'image_width: 160\nimage_height: 48\n'
        f'camera_matrix: {{rows: 3, cols: 3, data: {K.ravel().tolist()}}}\n'
    )

    data = RosbagData(
        write_images(tmp_path / 'bag'), options=BagOptions(intrinsics=tmp_path / 'camera.yaml')
    )

    assert np.array_equal(data[0].K, K)


@pytest.mark.parametrize(
    ('info', 'error'),
    [
        ({'size': SIZE, 'K': np.zeros((3, 3))}, 'not calibrated: K is all zero'),
        ({'size': (96, 320), 'K': K}, 'the image is 160x48, its calibration is for 320x96'),
        ({'size': SIZE, 'K': K * 4}, r'must have 0 0 1'),
        (
            {'size': SIZE, 'K': np.diag((4, 4, 1)) @ K},
            r'principal point \(318\.0, 94\.0\) lies outside the image of 160x48',
        ),
        (
            {'size': SIZE, 'K': K, 'D': [0.1, 0, 0, 0], 'distortion_model': 'mei'},
            "Distortion model 'mei' cannot be rectified",
        ),
    ],
)
def test_a_wrong_calibration_names_bag_and_cure(tmp_path, info, error):
    path = write_images(tmp_path / 'bag', **info)

    with pytest.raises(ValueError, match=f"bag'.*{error}"):
        RosbagData(path)


def test_a_calibration_that_changes_is_refused(tmp_path):
    def zoom(bag, index, stamp):
        bag.write_camera_info(INFO, stamp + 1, '', SIZE, K + np.diag((index, index, 0)))

    path = write_moving_bag(tmp_path / 'bag', write=zoom)

    with pytest.raises(ValueError, match=r"calibration on '/camera/camera_info' changes 0\.1 s"):
        RosbagData(path)


def test_one_image_is_too_short_a_bag(tmp_path):
    path = write_images(tmp_path / 'bag', count=1, size=SIZE, K=K)

    with pytest.raises(ValueError, match=r'holds 1 image.*Record longer'):
        RosbagData(path)


def test_several_cameras_ask_for_a_choice(tmp_path):
    def second(bag, index, stamp):
        bag.write_image('/rear/image_raw', stamp, '', 'rgb8', wall(0))

    path = write_moving_bag(tmp_path / 'bag', write=second)

    with pytest.raises(ValueError, match=r'/camera/image_raw, /rear/image_raw.*image_topic'):
        RosbagData(path)
    with pytest.raises(ValueError, match="'/front' is not an image topic"):
        RosbagData(path, options=BagOptions(image_topic='/front'))


def write_with_header_stamps(path, stamps):
    """Write images recorded one after the other, whatever their headers say."""
    with BagWriter(path) as bag:
        bag.write_camera_info(INFO, START, '', SIZE, K)
        for index, stamp in enumerate(stamps):
            write_image(bag, stamp, START + index * PERIOD, wall(3 * index))
    return path


def test_stamps_that_jump_back_are_refused(tmp_path):
    stamps = [START + step * PERIOD for step in (0, 1, 2, -50, -49)]
    path = write_with_header_stamps(tmp_path / 'bag', stamps)

    with pytest.raises(ValueError, match=r'run 5\.2 s backwards after message 3'):
        RosbagData(path)


def test_images_that_were_recorded_out_of_order_are_sorted(tmp_path):
    stamps = [START + step * PERIOD for step in (0, 2, 1, 3)]

    data = RosbagData(write_with_header_stamps(tmp_path / 'bag', stamps))

    assert [source.image[0, 0, 0] for source in data[0].sources] == [
        wall(0)[0, 0, 0],
        wall(3)[0, 0, 0],
    ]
    assert np.array_equal(data[0].target, wall(6))


def test_images_without_stamps_can_take_the_times_of_recording(tmp_path):
    path = write_with_header_stamps(tmp_path / 'bag', [0] * 5)

    with pytest.raises(ValueError, match=r"have no stamp.*stamps='log'"):
        RosbagData(path)
    data = RosbagData(path, options=BagOptions(stamps='log'))
    assert len(data) == 3 and np.array_equal(data[2].target, wall(9))


def test_an_image_with_too_little_data_is_named_by_topic_and_time(tmp_path):
    def cut(bag, index, stamp):
        if index == 7:
            bag.write_image(TOPIC, stamp + PERIOD, '', 'rgb16', wall(0))

    path = write_moving_bag(tmp_path / 'bag', write=cut)

    with pytest.raises(ValueError, match=r"'/camera/image_raw' at \d+\.800 s: .*Copy the bag"):
        RosbagData(path)


def test_odometry_of_another_clock_is_refused(tmp_path):
    def write(bag, index, stamp):
        write_odometry(bag, stamp + 1000 * PERIOD, (0, 0, 0))

    path = write_moving_bag(tmp_path / 'bag', write=write)

    with pytest.raises(ValueError, match=r"do not overlap in time.*stamps='log'"):
        RosbagData(path, options=BagOptions(odometry_topic='/odom'))
    with pytest.raises(ValueError, match='carries sensor_msgs/msg/CameraInfo, expected nav_msgs'):
        RosbagData(path, options=BagOptions(odometry_topic=INFO))


@pytest.mark.parametrize(
    ('options', 'error'),
    [
        ({'frame_interval': 0}, 'frame_interval is 0. Expected a number above 0'),
        ({'speed': -1}, 'speed is -1'),
        ({'offsets': (0, 1)}, 'named by stereo_topic'),
        ({'speed': 1.0, 'odometry_topic': '/odom'}, 'give one'),
    ],
)
def test_options_that_make_no_sense_are_refused(options, error):
    with pytest.raises(ValueError, match=error):
        BagOptions(**options)


@pytest.mark.parametrize(
    ('options', 'error'),
    [
        ({'tolerance': 0.06}, 'less than half of that'),
        ({'stamps': 'wall'}, "expected 'header' or 'log'"),
        ({'input': 'warped'}, "expected 'raw' or 'rectified'"),
    ],
)
def test_options_that_do_not_fit_the_bag_are_refused(tmp_path, options, error):
    path = write_moving_bag(tmp_path / 'bag')

    with pytest.raises(ValueError, match=error):
        RosbagData(path, options=BagOptions(**options))
