"""The latest camera_info of every size counts; a bad one is named, a new one used at once."""

import numpy as np
import pytest
from rosbags.typesys import Stores, get_typestore

from mono_depth_ros.messages.calibrations import CalibrationError, Calibrations

MAX_SIZES = 4
SIZE = (48, 96)
DISTORTION = [-0.3, 0.1, 0.0, 0.0, 0.0]


def camera_info(size, k=None, d=(0.0,) * 5, r=(1, 0, 0, 0, 1, 0, 0, 0, 1)):
    """A CameraInfo of a bag: an undistorted pinhole, f = width / 2."""
    types = get_typestore(Stores.ROS2_JAZZY).types
    time = types['builtin_interfaces/msg/Time'](0, 0)
    f, cx, cy = size[1] / 2, (size[1] - 1) / 2, (size[0] - 1) / 2
    return types['sensor_msgs/msg/CameraInfo'](
        types['std_msgs/msg/Header'](time, 'optical'),
        *size,
        'plumb_bob',
        np.array(d),
        np.array([f, 0, cx, 0, f, cy, 0, 0, 1] if k is None else k),
        np.array(r, float),
        np.array([f, 0, cx, 0, 0, f, cy, 0, 0, 0, 1, 0]),
        0,
        0,
        types['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False),
    )


@pytest.fixture
def calibrations():
    return Calibrations('camera_info on /camera_info', 'raw', True, MAX_SIZES)


def test_nothing_is_known_before_the_first_message(calibrations):
    assert not calibrations
    assert calibrations.may_rectify


def test_the_latest_info_of_the_right_size_is_used(calibrations):
    for size in (SIZE, (60, 80), (120, 160)):
        calibrations.update(camera_info(size))

    assert calibrations.geometry(SIZE).K_out[0, 0] == 48.0
    assert calibrations.geometry((60, 80)).K_out[0, 0] == 40.0


def test_a_new_calibration_is_used_at_once(calibrations):
    calibrations.update(camera_info(SIZE))
    calibrations.geometry(SIZE)
    changed = camera_info(SIZE)
    changed.k[0] = 50.0

    calibrations.update(changed)

    assert calibrations.geometry(SIZE).K_out[0, 0] == 50.0


def test_maps_are_made_once_for_a_calibration_that_is_repeated(calibrations):
    calibrations.update(camera_info(SIZE, d=DISTORTION))
    first = calibrations.geometry(SIZE)

    calibrations.update(camera_info(SIZE, d=DISTORTION))

    assert calibrations.geometry(SIZE) is first


def test_a_bad_info_replaces_a_good_one_of_its_size_until_a_good_one_comes(calibrations):
    calibrations.update(camera_info(SIZE))
    calibrations.update(camera_info(SIZE, k=[0.0] * 9))

    with pytest.raises(CalibrationError, match='K is all zero') as refused:
        calibrations.geometry(SIZE)
    assert refused.value.cause == 'bad_camera_info'

    calibrations.update(camera_info(SIZE))
    assert calibrations.geometry(SIZE).K_out[0, 0] == 48.0


def test_another_size_is_refused_with_both_sizes(calibrations):
    calibrations.update(camera_info((60, 80)))

    with pytest.raises(CalibrationError, match=r'image is 96x48.*describes 80x60') as refused:
        calibrations.geometry(SIZE)

    assert refused.value.cause == 'size_mismatch'


def test_a_singular_rotation_is_a_fault_of_camera_info_and_not_a_crash(calibrations):
    calibrations.update(camera_info(SIZE, d=DISTORTION, r=(1.0,) * 9))

    with pytest.raises(CalibrationError, match='check who publishes camera_info'):
        calibrations.geometry(SIZE)


def test_it_is_known_when_nothing_needs_rectification(calibrations):
    calibrations.update(camera_info(SIZE))
    calibrations.geometry(SIZE)

    assert not calibrations.may_rectify


def test_a_camera_that_changes_its_region_all_the_time_does_not_fill_the_memory(calibrations):
    for width in range(20, 20 + 3 * MAX_SIZES):
        calibrations.update(camera_info((48, width)))

    assert len(calibrations) <= MAX_SIZES
    np.testing.assert_allclose(
        calibrations.geometry((48, 19 + 3 * MAX_SIZES)).K_out[0, 0], (19 + 3 * MAX_SIZES) / 2
    )
