"""The pinhole camera: points from depth, pixels from points, intrinsics of altered images.

Pixel (u, v) = (column, row) has its centre at the whole number, so the first pixel is (0, 0) and
an image of width W spans -0.5 to W - 0.5. The last row of every ``K`` is (0, 0, 1).
"""

import torch
from torch import Tensor

from mono_depth_ros.types import Size

# Nearer than this to the camera's plane a point has no usable pixel [m].
NEAREST = 1e-7


def backproject(depth: Tensor, K: Tensor, stride: int = 1) -> Tensor:
    """Lift every pixel to a point in the optical frame (x right, y down, z forward).

    Args:
        depth: (*, H, W) distance along the optical axis [m]; NaN and inf yield NaN points.
        K: (*, 3, 3) intrinsics of this very image size [px].
        stride: take every stride-th row and column; the points keep their place in space.

    Returns:
        (*, ceil(H / stride), ceil(W / stride), 3) points [m]: X = D(p) K^-1 p
        (Zhou et al. 2017, Eq. 2).

    Raises:
        ValueError: stride is below 1.
    """
    if stride < 1:
        raise ValueError(f'stride is {stride}; it must be 1 (every pixel) or more.')
    height, width = depth.shape[-2:]
    depth = depth[..., ::stride, ::stride]
    depth = depth + (depth - depth)  # inf - inf is NaN; far cheaper than a mask
    u = torch.arange(0, width, stride, dtype=depth.dtype, device=depth.device)
    v = torch.arange(0, height, stride, dtype=depth.dtype, device=depth.device)
    fx, skew, cx = (K[..., 0, column, None, None] for column in range(3))
    fy, cy = (K[..., 1, column, None, None] for column in (1, 2))
    ray_y = (v[:, None] - cy) / fy
    ray_x = (u - cx) / fx - skew / fx * ray_y
    # Planes one after the other: filling every third number costs three times as much on a CPU.
    planes = depth.new_empty(*depth.shape[:-2], 3, *depth.shape[-2:])
    planes[..., 0, :, :] = ray_x * depth
    planes[..., 1, :, :] = ray_y * depth
    planes[..., 2, :, :] = depth
    return planes.movedim(-3, -1)


def project(points: Tensor, K: Tensor) -> tuple[Tensor, Tensor]:
    """Project points of the optical frame to pixels.

    A point behind the camera lands far outside the image instead of mirrored inside it; look at
    the depth to leave it out.

    Args:
        points: (*, ..., 3) points [m], e.g. (*, H, W, 3).
        K: (*, 3, 3) intrinsics [px].

    Returns:
        (*, ..., 2) pixels (u, v) [px] and (*, ...) depth along the optical axis [m].
    """
    batch = points.shape[: K.dim() - 2]
    homogeneous = points.reshape(*batch, -1, 3) @ K.mT
    pixels = homogeneous[..., :2] / homogeneous[..., 2:].clamp(min=NEAREST)
    shape = points.shape[:-1]
    return pixels.reshape(*shape, 2), points[..., 2]


def resize_intrinsics(K: Tensor, from_size: Size, to_size: Size) -> Tensor:
    """Return the intrinsics of a resampled image: cx' = (cx + 0.5) s - 0.5, likewise cy.

    Args:
        K: (*, 3, 3) intrinsics of the image of from_size [px].
        from_size: (height, width) before.
        to_size: (height, width) after; the two directions may scale differently.

    Returns:
        (*, 3, 3) intrinsics of the image of to_size [px].
    """
    scale_y, scale_x = (to / from_ for to, from_ in zip(to_size, from_size, strict=True))
    resampling = K.new_tensor(
        [[scale_x, 0, (scale_x - 1) / 2], [0, scale_y, (scale_y - 1) / 2], [0, 0, 1]]
    )
    return resampling @ K


def crop_intrinsics(K: Tensor, top: int, left: int) -> Tensor:
    """Return the intrinsics (*, 3, 3) of an image whose first rows and columns are cut off."""
    return K - K.new_tensor([[0, 0, left], [0, 0, top], [0, 0, 0]])


def flip_intrinsics(K: Tensor, width: int) -> Tensor:
    """Return the intrinsics (*, 3, 3) of a left-right mirrored image: cx' = W - 1 - cx.

    The focal length stays positive: it is the scene that is mirrored, not the camera's x axis.
    """
    mirror = K.new_tensor([[1, -1, -1], [1, 1, 1], [1, 1, 1]])
    return K * mirror + K.new_tensor([[0, 0, width - 1], [0, 0, 0], [0, 0, 0]])
