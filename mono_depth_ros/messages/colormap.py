"""Colorized depth for viewing."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.messages.color_scale import COLORMAPS


def colorize_depth(
    depth: NDArray[np.float32], colormap: str, min_depth: float, max_depth: float
) -> NDArray[np.uint8]:
    """Colour depth by its logarithm, so that near and far both show detail.

    Args:
        depth: (H, W) [m].
        colormap: a name in `COLORMAPS`; its last colour is the near end.
        min_depth: what is nearer has the near colour [m].
        max_depth: what is farther, +inf included, has the far colour [m].

    Returns:
        (H, W, 3) uint8 BGR, black where depth is NaN or not positive.
    """
    if colormap not in COLORMAPS:
        raise ValueError(f"Unknown colormap '{colormap}'. Available: {', '.join(COLORMAPS)}.")
    if not 0 < min_depth < max_depth:
        raise ValueError(
            f'The range of colours is {min_depth} m to {max_depth} m; '
            f'expected 0 < min_depth < max_depth.'
        )
    known = depth > 0
    nearness = np.full(depth.shape, max_depth, np.float32)
    np.clip(depth, min_depth, max_depth, out=nearness, where=known)
    np.log(nearness, out=nearness)
    np.subtract(np.float32(np.log(max_depth)), nearness, out=nearness)
    nearness *= np.float32(255 / np.log(max_depth / min_depth))
    np.clip(np.rint(nearness, out=nearness), 0, 255, out=nearness)
    code = getattr(cv2, f'COLORMAP_{colormap.upper()}')
    colors = cv2.applyColorMap(nearness.astype(np.uint8), code)
    return np.asarray(cv2.bitwise_and(colors, colors, mask=known.view(np.uint8)), np.uint8)
