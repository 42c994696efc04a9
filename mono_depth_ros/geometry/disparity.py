"""The two directions between a network's disparity and depth (Monodepth2's convention).

Both take tensors and NumPy arrays alike.
"""

from typing import Any, TypeVar

from numpy.typing import NDArray
from torch import Tensor

Array = TypeVar('Array', Tensor, NDArray[Any])


def disparity_to_depth(disparity: Array, min_depth: float, max_depth: float) -> Array:
    """Convert disparity in (0, 1) to depth: 1 / depth = 1 / max + (1 / min - 1 / max) disparity.

    Args:
        disparity: (*) network output in (0, 1), 1 is nearest.
        min_depth: depth at disparity 1.
        max_depth: depth at disparity 0.

    Returns:
        (*) depth in the unit of min_depth and max_depth.

    Raises:
        ValueError: the two limits are not 0 < min_depth < max_depth.
    """
    far, span = inverse_depth_line(min_depth, max_depth)
    depth: Array = 1 / (disparity * span + far)
    return depth


def depth_to_disparity(depth: Array, min_depth: float, max_depth: float) -> Array:
    """Convert depth to disparity in (0, 1), the inverse of disparity_to_depth.

    Args:
        depth: (*) depth in the unit of min_depth and max_depth.
        min_depth: depth at disparity 1.
        max_depth: depth at disparity 0.

    Returns:
        (*) disparity; outside 0 to 1 for depths beyond the limits.

    Raises:
        ValueError: the two limits are not 0 < min_depth < max_depth.
    """
    far, span = inverse_depth_line(min_depth, max_depth)
    disparity: Array = (1 / depth - far) / span
    return disparity


def inverse_depth_line(min_depth: float, max_depth: float) -> tuple[float, float]:
    """Return (1 / max, 1 / min - 1 / max) [1/m]: offset and slope of inverse depth."""
    if not 0 < min_depth < max_depth:
        raise ValueError(
            f'min_depth {min_depth} and max_depth {max_depth} span no range of depth; '
            'expected 0 < min_depth < max_depth, e.g. 0.1 and 100.0.'
        )
    return 1 / max_depth, 1 / min_depth - 1 / max_depth
