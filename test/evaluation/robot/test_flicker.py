import numpy as np
import pytest
from street_bags import frames

from mono_depth_ros.evaluation.robot.flicker import flicker


@pytest.fixture(scope='module')
def step():
    first, second = frames(2, size=(96, 288))
    motion = np.linalg.inv(second.world_from_camera) @ first.world_from_camera
    return first, second, motion


def test_exact_depth_of_a_moving_camera_hardly_flickers(step):
    first, second, motion = step

    assert flicker(first.depth, second.depth, first.K, motion) < 0.01


def test_a_jump_of_the_scale_is_flicker_of_its_size(step):
    first, second, motion = step

    found = flicker(first.depth, second.depth * np.float32(1.1), first.K, motion)

    assert found == pytest.approx(np.log(1.1), abs=0.01)


def test_motion_that_is_not_taken_out_reads_as_flicker(step):
    first, second, motion = step

    still = flicker(first.depth, second.depth, first.K, np.eye(4))

    assert still > 5 * flicker(first.depth, second.depth, first.K, motion)


def test_a_wall_ahead_is_exact():
    K = np.array([[20.0, 0, 9.5], [0, 20.0, 7.5], [0, 0, 1]])
    closer = np.eye(4)
    closer[2, 3] = -1
    wall = np.full((16, 20), 5, np.float32)

    assert flicker(wall, wall - 1, K, closer) == pytest.approx(0, abs=1e-6)
    assert flicker(wall, wall, K, closer) == pytest.approx(np.log(5 / 4), abs=1e-6)


def test_nothing_to_follow_is_nan():
    nothing = np.full((16, 20), np.nan, np.float32)

    assert np.isnan(flicker(nothing, nothing, np.eye(3), np.eye(4)))
