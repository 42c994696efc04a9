"""Types that every folder shares."""

from enum import Enum

import numpy as np
from numpy.typing import NDArray

Size = tuple[int, int]
"""(height, width) of an image [px]."""

Image = NDArray[np.uint8]
"""(H, W, 3), RGB unless BGR is said."""

Depth = NDArray[np.float32]
"""(H, W) along the optical axis [m unless relative]."""

Matrix = NDArray[np.float64]
"""(N, M), such as a rigid transform (4, 4)."""

Intrinsics = NDArray[np.float64]
"""(3, 3) K of a camera [px]."""

SIZE_MULTIPLE = 32
"""Networks halve an image five times: they accept a `Size` of multiples of this."""


class DepthKind(str, Enum):
    """What the numbers of depth are; members are their own names as text.

    Attributes:
        METRIC: metres that the weights were trained for.
        SCALED: metres that somebody's scale or another focal length stands behind.
        RELATIVE: no metres.
        METRES: one of the first two, where nobody says which.
    """

    METRIC = 'metric'
    SCALED = 'scaled'
    RELATIVE = 'relative'
    METRES = 'metres'

    def __str__(self) -> str:
        """Return the name, as text in messages and reports has it."""
        return self.value
