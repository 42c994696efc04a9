"""Temporal flicker: how much depth changes between frames beyond what the motion explains."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from mono_depth_ros.geometry.camera import backproject, project
from mono_depth_ros.types import Depth, Matrix

# Every n-th pixel of every n-th row is followed: tens of thousands say what all would say.
STRIDE = 4
# Where neighbouring pixels' depths differ by more, one surface ends and may hide the other in
# the next frame: not flicker.
_EDGE = 1.1
_FAR = np.float32(1e9)


def flicker(previous: Depth, current: Depth, K: Matrix, current_from_previous: Matrix) -> float:
    """Return the mean of |ln D(p) - ln z| over the pixels that can be followed.

    Every pixel of the previous depth is lifted to a point, moved by the camera's own motion, and
    projected to p with depth z: what the current depth D would be there if nothing but the camera
    had moved and the network agreed with itself. D is read between pixels by inverse depth, which
    is linear on planes. Pixels at depth edges, of either image, are left out.

    Args:
        previous: (H, W) depth [m], not finite where there is none.
        current: (H, W), the next frame's.
        K: (3, 3) intrinsics of both [px].
        current_from_previous: (4, 4) the camera's motion [m].

    Returns:
        The mean, 0 for depth that is steady; NaN if no pixel can be followed.
    """
    smooth = _without_edges(previous).astype(np.float64)
    points = backproject(torch.from_numpy(smooth), torch.from_numpy(K), STRIDE).numpy()
    points = points[np.isfinite(points).all(axis=-1)]
    moved = points @ current_from_previous[:3, :3].T + current_from_previous[:3, 3]
    moved = np.ascontiguousarray(moved[moved[:, 2] > 0])
    if not len(moved):
        return float('nan')
    pixels, expected = (
        values.numpy() for values in project(torch.from_numpy(moved), torch.from_numpy(K))
    )
    found = _inverse_depth_at(1 / _without_edges(current), pixels)
    seen = np.isfinite(found) & (found > 0)
    if not seen.any():
        return float('nan')
    return float(np.mean(np.abs(np.log(found[seen] * expected[seen]))))


def _inverse_depth_at(inverse: NDArray[Any], pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Read an image (H, W) between pixels (N, 2); NaN outside and beside NaN."""
    # One column of pixels for each thousand: cv2.remap takes no more than 32767 rows.
    count = len(pixels)
    padded = np.full((-(-count // 1000) * 1000, 2), -9, np.float32)
    padded[:count] = pixels.clip(-9, 32000)
    columns, rows = (padded[:, axis].reshape(-1, 1000) for axis in (0, 1))
    values = cv2.remap(
        inverse,
        columns,
        rows,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=float('nan'),
    )
    return np.asarray(values.reshape(-1)[:count], np.float64)


def _without_edges(depth: Depth) -> Depth:
    """Return depth with NaN where it is none, and beside steps between neighbouring pixels."""
    depth = np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(np.nan))
    kernel = np.ones((3, 3), np.uint8)
    # OpenCV's minimum and maximum pass NaN by or not, as it likes: fill it with no extreme.
    unknown = np.isnan(depth)
    farthest = cv2.dilate(np.where(unknown, np.float32(0), depth), kernel)
    nearest = cv2.erode(np.where(unknown, _FAR, depth), kernel)
    return np.asarray(np.where(farthest <= _EDGE * nearest, depth, np.float32(np.nan)))
