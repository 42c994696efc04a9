import numpy as np
import pytest

from mono_depth_ros.evaluation.robot.options import parse_reference
from mono_depth_ros.evaluation.robot.reference import Cloud, DepthImage, project_reference

K = np.array([[10.0, 0, 2], [0, 10.0, 1], [0, 0, 1]])
SIZE = (3, 5)
SHIFTED = np.array([[1.0, 0, 0, 0.1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


def test_point_falls_into_its_pixel_and_the_nearest_wins():
    points = np.array([[0, 0, 4.0], [0, 0, 2.0], [0.2, 0.1, 1.0], [0, 0, -1.0], [9, 0, 1.0]])

    projected = project_reference(Cloud(0, 'lidar', points), np.eye(4), K, SIZE)

    assert projected[1, 2] == 2 and projected[2, 4] == 1
    assert np.isfinite(projected).sum() == 2


def test_points_are_moved_into_the_camera_first():
    lidar_to_optical = np.array([[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, -0.5], [0, 0, 0, 1.0]])

    projected = project_reference(
        Cloud(0, 'lidar', np.array([[2.5, 0, 0]])), lidar_to_optical, K, SIZE
    )

    assert projected[1, 2] == 2


def test_depth_of_the_same_camera_is_taken_as_it_is():
    depth = np.array([[0, np.inf, 1, 2, 3]] * 3, np.float32)

    projected = project_reference(DepthImage(0, 'optical', depth, K), np.eye(4), K, SIZE)

    assert np.array_equal(projected, [[np.nan, np.nan, 1, 2, 3]] * 3, equal_nan=True)


def test_depth_of_another_camera_is_seen_from_this_one():
    depth = np.full(SIZE, 1, np.float32)

    projected = project_reference(DepthImage(0, 'other', depth, K), SHIFTED, K, SIZE)

    assert np.array_equal(projected[:, 1:], np.ones((3, 4)))  # 0.1 m at 1 m is one pixel of f = 10
    assert np.isnan(projected[:, 0]).all()


@pytest.mark.parametrize(('text', 'meant'), [('/depth', '/depth'), ('wall:2.5', 2.5)])
def test_reference_is_a_topic_or_a_wall(text, meant):
    assert parse_reference(text) == meant


@pytest.mark.parametrize('text', ['depth', 'wall:', 'wall:-1', 'wall:inf', 'floor:2', 'wall:two'])
def test_another_reference_is_refused_with_examples(text):
    with pytest.raises(ValueError, match=f"reference is '{text}'.*wall:2.0"):
        parse_reference(text)
