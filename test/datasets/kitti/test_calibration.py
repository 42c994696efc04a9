import numpy as np
import pytest
from shared_data import shared_data

from mono_depth_ros.datasets.kitti.calibration import read_camera

RIGHT = """S_rect_03: 60.0 40.0
P_rect_03: 50 1 30 -25 0 55 20 0 0 0 1 0
"""


def written(tmp_path, text):
    path = tmp_path / 'calib_cam_to_cam.txt'
    path.write_text(text)
    return path


def test_a_camera_has_its_intrinsics_its_place_and_its_size(tmp_path):
    camera = read_camera(written(tmp_path, RIGHT), 3)

    assert camera.K.tolist() == [[50, 1, 30], [0, 55, 20], [0, 0, 1]]
    assert camera.x == 0.5  # 25 px m over 50 px
    assert camera.size == (40, 60)


@pytest.mark.data
def test_kittis_cameras_stand_as_its_authors_say():
    path = shared_data('kitti/train/2011_09_26/calib_cam_to_cam.txt')

    left, right = (read_camera(path, camera) for camera in (2, 3))

    assert right.x - left.x == pytest.approx(0.5327, abs=1e-4)
    assert left.size == (375, 1242) and left.K[0, 0] == pytest.approx(721.5377)
    np.testing.assert_array_equal(left.K, right.K)


def test_a_missing_file_says_where_to_unpack_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Calibration '.*cam\.txt' does not exist; KITTI"):
        read_camera(tmp_path / 'calib_cam_to_cam.txt', 2)


@pytest.mark.parametrize(
    'text, message',
    [
        ('', "'P_rect_03' is missing; it is not the calibration of that camera"),
        (RIGHT.replace('-25 ', ''), "'P_rect_03' has 11 numbers, expected 12"),
        (RIGHT.replace('-25', 'minus'), "'P_rect_03' holds words that are no numbers"),
        (RIGHT.replace(' 40.0', ''), "'S_rect_03' has 1 numbers, expected 2"),
        (
            RIGHT.replace('50', '0'),
            r'P_rect_03 has focal lengths 0\.0 and 55\.0; expected positive',
        ),
        (RIGHT.replace('50', 'nan'), r'P_rect_03 has focal lengths nan'),
    ],
)
def test_a_calibration_that_makes_no_camera_is_named(tmp_path, text, message):
    with pytest.raises(ValueError, match=rf'calib_cam_to_cam\.txt: {message}'):
        read_camera(written(tmp_path, text), 3)


def test_a_file_that_is_no_text_lacks_the_camera(tmp_path):
    path = tmp_path / 'calib_cam_to_cam.txt'
    path.write_bytes(b'PK\x03\x04\xff\xfe:')

    with pytest.raises(ValueError, match="'P_rect_02' is missing"):
        read_camera(path, 2)
