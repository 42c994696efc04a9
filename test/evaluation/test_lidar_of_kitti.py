import numpy as np
import pytest
from kitti_folder import write_day, write_scan

from mono_depth_ros.evaluation.lidar import read_scan, velodyne_depth, velodyne_projection

SIZE = (40, 60)
# As in kitti_folder: 50 px, principal point (30, 20), camera z is the scanner's x.
PROJECTION = np.array([[30.0, -50, 0, 0], [20, 0, -50, 0], [1, 0, 0, 0]])


def depth_of(*points: tuple[float, float, float]) -> np.ndarray:
    return velodyne_depth(np.array(points), PROJECTION, SIZE)


def test_projection_chains_scanner_rectification_and_camera(tmp_path):
    day = write_day(tmp_path, SIZE)

    assert np.array_equal(velodyne_projection(day, 2), PROJECTION)
    assert velodyne_projection(day, 3)[0, 3] == -25


def test_a_point_ahead_lands_one_pixel_before_the_principal_point():
    depth = depth_of((10.0, 0.0, 0.0))

    assert depth[19, 29] == 10 and np.count_nonzero(depth) == 1


def test_a_point_left_and_up_lands_left_and_up():
    depth = depth_of((10.0, 2.0, 1.0))

    assert depth[20 - 5 - 1, 30 - 10 - 1] == 10


def test_value_is_the_way_forward_from_the_scanner_not_from_the_camera():
    ahead = PROJECTION.copy()
    ahead[:, 3] = -0.27 * PROJECTION[:, 0]  # the camera is 0.27 m ahead of the scanner

    depth = velodyne_depth(np.array([(10.0, 0.0, 0.0)]), ahead, SIZE)

    assert depth.max() == 10


def test_depth_along_the_camera_is_that_from_the_camera():
    ahead = PROJECTION.copy()
    ahead[:, 3] = -0.27 * PROJECTION[:, 0]

    depth = velodyne_depth(np.array([(10.0, 0.0, 0.0)]), ahead, SIZE, 'camera')

    assert depth.max() == pytest.approx(9.73)


def test_depth_along_anything_else_is_refused():
    with pytest.raises(ValueError, match="along is 'ray'; expected scanner or camera"):
        velodyne_depth(np.ones((1, 3)), PROJECTION, SIZE, 'ray')


def test_the_nearest_of_a_pixel_wins_whatever_the_order():
    for points in ([(10.0, 0, 0), (5.0, 0, 0), (8.0, 0, 0)], [(5.0, 0, 0), (10.0, 0, 0)]):
        assert depth_of(*points)[19, 29] == 5


def test_points_behind_and_outside_are_dropped():
    depth = depth_of((-10.0, 0, 0), (10.0, 6.2, 0), (10.0, -6.2, 0), (10.0, 0, 5), (0.0, 0, 0))

    assert not depth.any()


def test_the_borders_belong_to_the_image():
    depth = depth_of((10.0, 5.8, 3.8), (10.0, -6.0, -4.0))

    assert depth[0, 0] == 10 and depth[39, 59] == 10


def test_scan_keeps_its_points_and_drops_their_reflectance(tmp_path):
    path = write_scan(tmp_path, 3, [(1.5, -2, 3), (4, 5, 6.25)])

    assert np.array_equal(read_scan(path), [(1.5, -2, 3), (4, 5, 6.25)])


@pytest.mark.parametrize('size', [0, 12, 15, 17])
def test_a_scan_cut_short_is_refused_by_name(tmp_path, size):
    path = write_scan(tmp_path, 3, [(1, 2, 3), (4, 5, 6)])
    path.write_bytes(path.read_bytes()[:size])

    with pytest.raises(ValueError, match=rf'0000000003.bin.* has {size} bytes.*Copy'):
        read_scan(path)


def test_missing_calibration_is_named(tmp_path):
    day = write_day(tmp_path)
    (day / 'calib_velo_to_cam.txt').unlink()

    with pytest.raises(FileNotFoundError, match=r'calib_velo_to_cam\.txt.*Unpack'):
        velodyne_projection(day, 2)
