"""Points of a lidar land where a hand-made calibration says."""

import numpy as np

from mono_depth_ros.evaluation.lidar import keep_nearest, project_points

K = np.array([[50.0, 0, 30], [0, 40, 20], [0, 0, 1]])
SIZE = (40, 60)
# The scanner's x forward, y left, z up; it sits 1 m behind and 0.5 m above the camera.
CAMERA_FROM_SCANNER = np.array([[0.0, -1, 0, 0], [0, 0, -1, -0.5], [1, 0, 0, -1], [0, 0, 0, 1]])


def projected(*points: tuple[float, float, float]) -> np.ndarray:
    return project_points(np.array(points), CAMERA_FROM_SCANNER, K, SIZE)


def test_a_point_lands_where_the_hand_worked_projection_says_with_its_axial_depth():
    # in the camera: x = -2, y = -1 - 0.5, z = 10; u = 30 - 10, v = 20 - 6
    depth = projected((11.0, 2.0, 1.0))

    assert depth[14, 20] == 10 and np.count_nonzero(depth) == 1


def test_pixels_are_rounded_to_the_nearest():
    depth = projected((11.0, 0.09, -0.5), (21.0, 0.22, -0.5))

    assert depth[20, 30] == 10  # u = 29.55
    assert depth[20, 29] == 20  # u = 29.45


def test_the_nearest_wins_and_what_is_behind_or_outside_is_dropped():
    depth = projected(
        (21.0, 0, -0.5), (11.0, 0, -0.5), (0.5, 0, 0), (11.0, 7.0, 0), (1.0, 0, -0.5)
    )

    assert depth[20, 30] == 10 and np.count_nonzero(depth) == 1


def test_drawing_nothing_leaves_nothing_known():
    nothing = np.zeros(0)

    assert not keep_nearest(nothing, nothing, nothing, SIZE).any()
