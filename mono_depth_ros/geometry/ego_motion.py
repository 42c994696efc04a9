"""Rigid motion of the camera: axis-angle rotations and 4x4 transforms."""

import torch
from torch import Tensor

# Below this squared angle [rad^2] the series is exact to double precision and, unlike the closed
# form, has a gradient at zero.
_SMALL_SQUARED_ANGLE = 1e-4


def rotation_from_axis_angle(axis_angle: Tensor) -> Tensor:
    """Return the rotation about an axis by the vector's length (Rodrigues).

    R = I + sin(a)/a [v]x + (1 - cos(a))/a^2 [v]x^2, with finite gradients at v = 0.

    Args:
        axis_angle: (*, 3) rotation vector v [rad].

    Returns:
        (*, 3, 3) rotation matrices.
    """
    squared = axis_angle.square().sum(dim=-1)[..., None, None]
    small = squared < _SMALL_SQUARED_ANGLE
    # Where the series is used the closed form gets a harmless angle: a NaN gradient would
    # survive torch.where.
    angle = squared.masked_fill(small, 1.0).sqrt()
    sine = torch.where(small, 1 - squared / 6 + squared.square() / 120, angle.sin() / angle)
    # 2 sin^2(a/2) is 1 - cos(a) without its cancellation.
    cosine = torch.where(
        small,
        0.5 - squared / 24 + squared.square() / 720,
        2 * ((angle / 2).sin() / angle).square(),
    )
    cross = _cross_matrix(axis_angle)
    identity = torch.eye(3, dtype=axis_angle.dtype, device=axis_angle.device)
    return identity + sine * cross + cosine * (cross @ cross)


def transform_from_parameters(axis_angle: Tensor, translation: Tensor) -> Tensor:
    """Return the transform that rotates first and then translates.

    Args:
        axis_angle: (*, 3) rotation vector [rad].
        translation: (*, 3) translation [m].

    Returns:
        (*, 4, 4) transform.
    """
    return _transform(rotation_from_axis_angle(axis_angle), translation)


def invert_transform(transform: Tensor) -> Tensor:
    """Return the inverse (*, 4, 4) of a rigid transform (*, 4, 4): [R^T | -R^T t]."""
    rotation = transform[..., :3, :3].mT
    return _transform(rotation, -(rotation @ transform[..., :3, 3:])[..., 0])


def transform_points(transform: Tensor, points: Tensor) -> Tensor:
    """Move points by a rigid transform.

    Args:
        transform: (*, 4, 4) transform, e.g. source_from_target.
        points: (*, ..., 3) points [m], e.g. (*, H, W, 3).

    Returns:
        (*, ..., 3) moved points [m]: R X + t.
    """
    batch = points.shape[: transform.dim() - 2]
    rotation, translation = transform[..., :3, :3], transform[..., None, :3, 3]
    moved = points.reshape(*batch, -1, 3) @ rotation.mT + translation
    return moved.reshape(points.shape)


def _transform(rotation: Tensor, translation: Tensor) -> Tensor:
    """Join a rotation (*, 3, 3) and a translation (*, 3) to a transform (*, 4, 4)."""
    upper = torch.cat((rotation, translation[..., None]), dim=-1)
    last = upper.new_tensor([0, 0, 0, 1]).expand(*upper.shape[:-2], 1, 4)
    return torch.cat((upper, last), dim=-2)


def _cross_matrix(vector: Tensor) -> Tensor:
    """Return [v]x (*, 3, 3), the matrix for which [v]x w is the cross product of v and w."""
    x, y, z = vector.unbind(dim=-1)
    zero = torch.zeros_like(x)
    entries = torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), dim=-1)
    return entries.reshape(*vector.shape[:-1], 3, 3)
