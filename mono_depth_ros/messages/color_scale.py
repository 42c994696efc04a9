"""What colours can stand for: the colormaps by name, and the range of depth they span."""

import numpy as np
from numpy.typing import NDArray

COLORMAPS = ('turbo', 'magma', 'inferno', 'plasma', 'viridis', 'cividis', 'jet', 'bone')
_SAMPLES = 40_000


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
