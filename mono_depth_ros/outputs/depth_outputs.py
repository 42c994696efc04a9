"""What comes out for an image: topic names, what is valid, colours. Node and bags share it."""

import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.messages.color_scale import robust_range
from mono_depth_ros.types import DepthKind

DEPTH, INFO, CLOUD = 'depth/image_rect', 'depth/camera_info', 'points'
RELATIVE, COLOR, RECTIFIED = 'depth_relative/image', 'depth/color', 'image_rect'
IN_METRES = {DEPTH, CLOUD}

MIN_DEPTH, MAX_DEPTH = 0.1, 80.0  # [m]


def limit_depth(
    depth: NDArray[np.float32],
    kind: DepthKind,
    valid: NDArray[np.bool_] | None,
    min_depth: float,
    max_depth: float,
) -> NDArray[np.float32]:
    """Mark, in place, what is no estimate (NaN) and what is beyond range (+inf), as in REP 117.

    Args:
        depth: (H, W) [m], or relative.
        kind: of depth; relative depth has no metres, so the range does not apply to it.
        valid: (H, W) bool, False where the rectified image has no source; None: everywhere.
        min_depth: nearer is no estimate [m].
        max_depth: farther is beyond range [m].
    """
    if kind != DepthKind.RELATIVE:
        depth[depth < min_depth] = np.nan
        depth[depth > max_depth] = np.inf
    if valid is not None:
        depth[~valid] = np.nan
    return depth


def color_range(
    depth: NDArray[np.float32], kind: DepthKind, min_depth: float, max_depth: float
) -> tuple[float, float]:
    """Return the nearest and farthest depth that have a colour: fixed for metres."""
    if kind == DepthKind.RELATIVE:
        return robust_range(depth)
    return max(min_depth, max_depth / 100), max_depth
