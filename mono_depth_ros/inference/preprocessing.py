"""From camera images to the network's input."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from math import ceil, floor, log, sqrt

import cv2
import numpy as np
import torch
from torch import Tensor

from mono_depth_ros.deprecation import old_keywords
from mono_depth_ros.inference.engine_options import RESIZE_MODES
from mono_depth_ros.types import SIZE_MULTIPLE, Image, Size

# Decoders mirror their coarsest map at its border, which takes two pixels each way.
_MIN_STEPS = 2


@old_keywords(fit='resize_mode')
@lru_cache(maxsize=64)
def legal_size(image_size: Size, card_input_size: Size, resize_mode: str) -> Size:
    """Return the network size (height, width) for a camera.

    keep_aspect starts from the size that has the camera's aspect and the card's pixel count.
    Of the legal sizes around it, it takes the one nearest the camera's aspect, and of equally
    near ones the one nearest the pixel count.

    Args:
        image_size: (height, width) of the camera's images.
        card_input_size: (height, width) that the weights were trained at.
        resize_mode: 'keep_aspect', or 'stretch' for the card's size whatever the camera's
            aspect.

    Raises:
        ValueError: resize_mode is neither.
    """
    if resize_mode not in RESIZE_MODES:
        raise ValueError(f"resize_mode is '{resize_mode}'; expected {' or '.join(RESIZE_MODES)}.")
    if resize_mode == 'stretch':
        return card_input_size
    aspect = image_size[1] / image_size[0]
    pixels = card_input_size[0] * card_input_size[1]

    def deviation(size: Size) -> tuple[float, float]:
        height, width = size
        return abs(log(width * image_size[0] / (height * image_size[1]))), abs(
            log(height * width / pixels)
        )

    ideal = sqrt(pixels / aspect), sqrt(pixels * aspect)
    return min(product(_around(ideal[0]), _around(ideal[1])), key=deviation)


def to_network_input(images: Sequence[Image], size: Size) -> Tensor:
    """Resize images and stack them to one batch.

    Args:
        images: (H, W, 3) uint8 RGB images, sizes may differ.
        size: (height, width) of the network's input.

    Returns:
        (B, 3, height, width) float RGB in [0, 1], channels last in memory.
    """
    batch = np.empty((len(images), *size, 3), np.uint8)
    for image, place in zip(images, batch):
        resize_into(image, place)
    return torch.from_numpy(np.divide(batch, 255, dtype=np.float32)).permute(0, 3, 1, 2)


def resize_into(image: Image, place: Image) -> None:
    """Resize an image (H, W, 3) to the size of its place (height, width, 3), on the CPU.

    Shrinking averages over areas, which neither aliases nor costs much. KITTI's protocol asks
    for Lanczos instead; that is the evaluation's affair, a robot has no use for it.
    """
    height, width = place.shape[:2]
    averages = is_shrunk(_size(image), (height, width))
    interpolation = cv2.INTER_AREA if averages else cv2.INTER_LINEAR
    cv2.resize(image, (width, height), dst=place, interpolation=interpolation)


def is_shrunk(from_size: Size, to_size: Size) -> bool:
    """Whether resizing averages: neither side grows."""
    return from_size[0] >= to_size[0] and from_size[1] >= to_size[1]


def _size(image: Image) -> Size:
    return image.shape[0], image.shape[1]


def _around(extent: float) -> list[int]:
    """Return the legal extents just below and just above an ideal one, the smaller first."""
    steps = extent / SIZE_MULTIPLE
    return [max(_MIN_STEPS, step) * SIZE_MULTIPLE for step in (floor(steps), ceil(steps))]
