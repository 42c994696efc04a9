"""Depth in colours: even steps of its logarithm, so that near and far both show detail."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

COLORMAPS: dict[str, int] = {
    'turbo': cv2.COLORMAP_TURBO, 'magma': cv2.COLORMAP_MAGMA, 'viridis': cv2.COLORMAP_VIRIDIS,
    'plasma': cv2.COLORMAP_PLASMA, 'inferno': cv2.COLORMAP_INFERNO, 'gray': -1,
}
INVALID = (0, 0, 0)


def colorize_depth(depth: NDArray[np.float32], colormap: str, min_depth: float,
                   max_depth: float) -> NDArray[np.uint8]:
    """Colour a depth map, near = the map's upper end.

    Args:
        depth: (H, W) depth; NaN becomes black, inf the colour of max_depth.
        colormap: a name of COLORMAPS.
        min_depth: depth of the upper end, in the unit of depth.
        max_depth: depth of the lower end.

    Returns:
        (H, W, 3) uint8 BGR.

    Raises:
        ValueError: unknown colour map, or an empty range.
    """
    if colormap not in COLORMAPS:
        raise ValueError(f"colormap '{colormap}' is not one of {', '.join(COLORMAPS)}.")
    if not 0 < min_depth < max_depth:
        raise ValueError(f'The range {min_depth} to {max_depth} is empty: expected '
                         '0 < min_depth < max_depth.')
    invalid = np.isnan(depth)
    bounded = np.clip(np.where(invalid, np.float32(max_depth), depth), min_depth, max_depth)
    level = np.log(np.float32(max_depth) / bounded) * (255 / np.log(max_depth / min_depth))
    index = np.clip(level, 0, 255).astype(np.uint8)
    code = COLORMAPS[colormap]
    colors = np.asarray(cv2.cvtColor(index, cv2.COLOR_GRAY2BGR) if code < 0
                        else cv2.applyColorMap(index, code), np.uint8)
    colors[invalid] = INVALID
    return colors


def robust_range(depth: NDArray[np.float32], percent: float = 2.0) -> tuple[float, float]:
    """Return a (near, far) range that all but the outermost percents of a map lie in.

    Raises nothing: a map without a finite value, or with one value alone, gets a range around it.
    """
    finite = depth[::4, ::4][np.isfinite(depth[::4, ::4])]
    if finite.size == 0:
        return 0.1, 1.0
    near, far = np.percentile(finite, [percent, 100 - percent])
    near = max(float(near), 1e-6)
    return near, max(float(far), near * 1.01)
