from math import pi

import pytest
import torch
from torch import Tensor

from mono_depth_ros.geometry.ego_motion import (
    invert_transform,
    rotation_from_axis_angle,
    transform_from_parameters,
    transform_points,
)

AXIS_ANGLE = torch.tensor([[0.3, -0.2, 0.5], [0.0, 1.2, 0.1]], dtype=torch.float64)
TRANSLATION = torch.tensor([[1.0, 2.0, 3.0], [-1.0, 0.5, 0.0]], dtype=torch.float64)


def cross_matrix(x: float, y: float, z: float) -> Tensor:
    return torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)


def test_a_quarter_turn_about_y_takes_forward_to_right():
    rotation = rotation_from_axis_angle(torch.tensor([0, pi / 2, 0], dtype=torch.float64))

    forward = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)

    right = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    assert torch.allclose(rotation @ forward, right, atol=1e-12)


# The squared angle 1e-4 is where the series takes over: both sides of it must agree.
@pytest.mark.parametrize('angle', [0.0, 1e-9, 1e-3, 0.00999, 0.01001, 0.5, 3.0])
def test_the_rotation_is_the_matrix_exponential(angle):
    axis = torch.tensor([2.0, -1.0, 2.0], dtype=torch.float64) / 3

    rotation = rotation_from_axis_angle(angle * axis)

    expected = torch.linalg.matrix_exp(cross_matrix(*(angle * axis).tolist()))
    assert torch.allclose(rotation, expected, rtol=0, atol=1e-13)  # PyTorch 2.4's is off by 5e-14


def test_small_rotations_stay_accurate_in_single_precision():
    rotation = rotation_from_axis_angle(torch.tensor([0.0, 0.0, 0.0101]))

    assert abs((1 - rotation[0, 0]).item() - 5.1005e-5) < 1e-7  # 1 - cos(0.0101)


def test_the_gradient_at_rest_is_finite_and_right():
    axis_angle = torch.zeros(3, dtype=torch.float64, requires_grad=True)

    jacobian = torch.autograd.functional.jacobian(rotation_from_axis_angle, axis_angle)

    assert torch.equal(jacobian[..., 1], cross_matrix(0, 1, 0))
    assert torch.autograd.gradcheck(rotation_from_axis_angle, (axis_angle,))


def test_transform_gradients_match_finite_differences():
    points = torch.rand(2, 3, 3, dtype=torch.float64, requires_grad=True)
    parameters = (AXIS_ANGLE.clone().requires_grad_(), TRANSLATION.clone().requires_grad_())

    def move(axis_angle: Tensor, translation: Tensor, points: Tensor) -> Tensor:
        return transform_points(transform_from_parameters(axis_angle, translation), points)

    assert torch.autograd.gradcheck(move, (*parameters, points))


def test_a_transform_rotates_before_it_translates():
    quarter_about_z = torch.tensor([0, 0, pi / 2], dtype=torch.float64)
    transform = transform_from_parameters(quarter_about_z, TRANSLATION[0])

    moved = transform_points(transform, torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64))

    assert torch.allclose(moved, torch.tensor([1.0, 3.0, 3.0], dtype=torch.float64))


def test_the_inverse_undoes_the_transform():
    transform = transform_from_parameters(AXIS_ANGLE, TRANSLATION)

    identity = torch.eye(4, dtype=torch.float64).expand(2, 4, 4)
    assert torch.allclose(invert_transform(transform) @ transform, identity, atol=1e-14)


def test_organised_points_keep_their_shape_and_their_own_transform():
    transform = transform_from_parameters(AXIS_ANGLE, TRANSLATION)
    points = torch.rand(2, 4, 5, 3, dtype=torch.float64)

    moved = transform_points(transform, points)

    assert moved.shape == (2, 4, 5, 3)
    assert torch.allclose(moved[1, 2, 3], transform_points(transform[1], points[1, 2, 3]))
