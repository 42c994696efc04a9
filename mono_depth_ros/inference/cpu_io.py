"""Images in, depth out, on the CPU."""

from collections.abc import Sequence

import cv2
import numpy as np
from torch import Tensor

from mono_depth_ros.inference.preprocessing import resize_into
from mono_depth_ros.types import Depth, Image, Size

InverseDepthLine = tuple[float, float]


def load(images: Sequence[Image], batch: Tensor) -> None:
    """Resize (H, W, 3) images into the first places of an engine's batch (B, h, w, 3)."""
    for image, place in zip(images, batch.numpy()):
        resize_into(image, place)


def unload(
    disparity: Tensor, sizes: Sequence[Size], lines: Sequence[InverseDepthLine]
) -> list[Depth]:
    """Turn disparity into depth at the sizes of the cameras.

    Disparity is resized and only then inverted: inverse depth is linear on a plane.

    Args:
        disparity: (B, h, w), B or more.
        sizes: (height, width) of B cameras.
        lines: offset and slope of the inverse depth of each, see inverse_depth_line.

    Returns:
        (H, W) float32 per camera, each with memory of its own.
    """
    return [_depth(each, size, *line) for each, size, line in zip(disparity.numpy(), sizes, lines)]


def _depth(disparity: Depth, size: Size, offset: float, slope: float) -> Depth:
    # Linear both: so the line is drawn before the resizing, where there are fewer pixels.
    inverse = disparity * np.float32(slope)
    inverse += np.float32(offset)
    resized = cv2.resize(inverse, size[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.reciprocal(resized, out=resized), np.float32)
