"""What depth is compared with: point clouds, depth images, a wall at a known distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mono_depth_ros.evaluation.lidar import project_points
from mono_depth_ros.geometry.camera import backproject
from mono_depth_ros.types import Depth, Intrinsics, Matrix, Size

# Intrinsics this near belong to the same camera [px].
_SAME_INTRINSICS = 0.01
_SAME_PLACE = 1e-9


@dataclass(frozen=True, eq=False)
class Cloud:
    """Points of a lidar or any other sensor.

    Attributes:
        stamp: of the message [ns].
        frame_id: the frame that the points are in.
        points: (N, 3) [m], all finite.
    """

    stamp: int
    frame_id: str
    points: Matrix


@dataclass(frozen=True, eq=False)
class DepthImage:
    """Depth measured by another camera, or by the same one.

    Attributes:
        stamp: of the message [ns].
        frame_id: its optical frame.
        depth: (H, W) along its optical axis [m]; unknown where not finite or not above 0.
        K: (3, 3) its intrinsics [px].
    """

    stamp: int
    frame_id: str
    depth: Depth
    K: Intrinsics


Reference = Cloud | DepthImage


def project_reference(
    reference: Reference, camera_from_reference: Matrix, K: Intrinsics, size: Size
) -> Depth:
    """Project a reference into a camera's image.

    A depth image of the very same camera is taken as it is; any other one becomes points first.
    A point fills the pixel that its projection falls into, and of several the nearest counts.

    Args:
        reference: what was measured.
        camera_from_reference: (4, 4) from the reference's frame to the optical frame.
        K: (3, 3) intrinsics of the image [px].
        size: its (height, width).

    Returns:
        (H, W) depth along the optical axis [m], NaN where unknown.
    """
    if isinstance(reference, Cloud):
        points = reference.points
    elif _is_same_camera(reference, camera_from_reference, K, size):
        return np.where(_is_depth(reference.depth), reference.depth, np.float32(np.nan))
    else:
        points = _points_of(reference)
    projected = project_points(points, camera_from_reference, K, size)
    return np.where(projected > 0, projected, np.nan).astype(np.float32)


def _points_of(reference: DepthImage) -> Matrix:
    depth = reference.depth.astype(np.float64)
    points = backproject(torch.from_numpy(depth), torch.from_numpy(reference.K)).numpy()
    return np.asarray(points[_is_depth(depth)])


def _is_same_camera(
    reference: DepthImage, camera_from_reference: Matrix, K: Intrinsics, size: Size
) -> bool:
    return (
        reference.depth.shape == size
        and bool(np.abs(reference.K - K).max() < _SAME_INTRINSICS)
        and bool(np.abs(camera_from_reference - np.eye(4)).max() < _SAME_PLACE)
    )


def _is_depth(values: NDArray[np.floating]) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(values) & (values > 0))
