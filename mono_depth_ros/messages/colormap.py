"""Depth for the eye."""

import cv2
import numpy as np
from numpy.typing import NDArray

COLORMAPS = {
    'turbo': cv2.COLORMAP_TURBO,
    'magma': cv2.COLORMAP_MAGMA,
    'inferno': cv2.COLORMAP_INFERNO,
    'plasma': cv2.COLORMAP_PLASMA,
    'viridis': cv2.COLORMAP_VIRIDIS,
    'cividis': cv2.COLORMAP_CIVIDIS,
    'jet': cv2.COLORMAP_JET,
    'bone': cv2.COLORMAP_BONE,
}
_SAMPLES = 40_000


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
    colors = cv2.applyColorMap(nearness.astype(np.uint8), COLORMAPS[colormap])
    return np.asarray(cv2.bitwise_and(colors, colors, mask=known.view(np.uint8)), np.uint8)


def robust_range(depth: NDArray[np.float32]) -> tuple[float, float]:
    """Return the 2nd and 98th percentile of the finite depth, a range for `colorize_depth`.

    The range of a wall is widened to 5 %; without any depth it is (1, 2), which colours nothing.
    """
    stride = max(1, round((depth.size / _SAMPLES) ** 0.5))
    some = depth[::stride, ::stride]
    some = some[np.isfinite(some) & (some > 0)]
    if some.size == 0:
        return 1.0, 2.0
    low, high = np.percentile(some, (2, 98)).tolist()
    return low, max(high, 1.05 * low)
