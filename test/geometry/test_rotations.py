import numpy as np
import pytest

from mono_depth_ros.geometry.rotations import (
    inverse_rigid,
    matrix_from_euler,
    matrix_from_quaternion,
    quaternion_from_matrix,
    rigid,
)

HALF = np.sqrt(0.5)


@pytest.mark.parametrize(
    ('angles', 'quaternion'),
    [
        ((0, 0, 0), (0, 0, 0, 1)),
        ((0, 0, np.pi / 2), (0, 0, HALF, HALF)),
        ((np.pi, 0, 0), (1, 0, 0, 0)),  # a half turn, where w vanishes
        ((0, np.pi, 0), (0, 1, 0, 0)),
    ],
)
def test_known_rotations(angles, quaternion):
    rotation = matrix_from_euler(*angles)

    found = quaternion_from_matrix(rotation)

    assert np.allclose(np.abs(found), quaternion)  # q and -q are one rotation
    assert np.allclose(matrix_from_quaternion(found), rotation)


def test_yaw_turns_left_and_pitch_lowers_the_nose():
    assert np.allclose(matrix_from_euler(0, 0, np.pi / 2) @ [1, 0, 0], [0, 1, 0])
    assert np.allclose(matrix_from_euler(0, np.pi / 2, 0) @ [1, 0, 0], [0, 0, -1])
    assert np.allclose(matrix_from_euler(np.pi / 2, 0, 0) @ [0, 1, 0], [0, 0, 1])


@pytest.mark.parametrize('seed', range(5))
def test_any_rotation_survives_both_ways(seed):
    rotation = matrix_from_euler(*np.random.default_rng(seed).uniform(-np.pi, np.pi, 3))

    quaternion = quaternion_from_matrix(rotation)

    assert np.linalg.norm(quaternion) == pytest.approx(1) and quaternion[3] >= 0
    assert np.allclose(matrix_from_quaternion(quaternion), rotation)


def test_digits_that_a_file_cut_off_do_not_matter():
    rotation = matrix_from_euler(0.1, -0.2, 0.3).round(6)

    back = matrix_from_quaternion(quaternion_from_matrix(rotation))

    assert np.abs(back - rotation).max() < 1e-5
    assert np.allclose(back @ back.T, np.eye(3))


def test_what_is_no_rotation_is_refused():
    with pytest.raises(ValueError, match=r'\[0\.0, 0\.0, 0\.0, 0\.0\] has length 0, expected 1'):
        matrix_from_quaternion((0, 0, 0, 0))


def test_the_inverse_brings_points_back():
    transform = rigid(matrix_from_euler(0.4, 0.5, 0.6), (1, 2, 3))

    assert np.allclose(inverse_rigid(transform) @ transform, np.eye(4))
