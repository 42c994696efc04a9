"""Resize images as KITTI's protocol does: Lanczos windowed sinc, averaging where it shrinks."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Values = NDArray[np.float32]

_LOBES = 3
# Few new pixels at a time, of which each needs few old ones: most weights are zero. Products this
# small BLAS computes in one thread; more would wait for each other, and for the network's.
_BLOCK = 32
_MOST_LINES = 96


class _Block(NamedTuple):
    """Neighbouring new pixels, the old ones they are made of, and the weights (new, old)."""

    new: slice
    old: slice
    weights: Values


def lanczos_resize(image: Image, size: tuple[int, int]) -> Image:
    """Resize an image with a Lanczos filter of three lobes, stretched over what it averages.

    OpenCV's INTER_LANCZOS4 is no substitute: it aliases where it shrinks.

    Args:
        image: (H, W, C) uint8.
        size: (height, width) of the result.

    Returns:
        (height, width, C) uint8.
    """
    planes = np.stack(cv2.split(np.ascontiguousarray(image))).astype(np.float32)
    # Each pass ends in whole grey levels, as in the image libraries that made the protocol.
    narrow = _to_levels(_resize_rows(planes.reshape(-1, image.shape[1]), size[1]))
    result = _to_levels(_resize_columns(narrow.reshape(*planes.shape[:2], -1), size[0]))
    return np.ascontiguousarray(np.moveaxis(result.astype(np.uint8), 0, -1))


def _resize_rows(rows: Values, width: int) -> Values:
    """Resize (N, W) to (N, width)."""
    result = np.empty((len(rows), width), np.float32)
    for start in range(0, len(rows), _MOST_LINES):
        some = slice(start, start + _MOST_LINES)
        for block in _blocks(rows.shape[1], width):
            np.matmul(rows[some, block.old], block.weights.T, out=result[some, block.new])
    return result


def _resize_columns(planes: Values, height: int) -> Values:
    """Resize (C, H, W) to (C, height, W)."""
    result = np.empty((len(planes), height, planes.shape[2]), np.float32)
    for start in range(0, planes.shape[2], _MOST_LINES):
        some = slice(start, start + _MOST_LINES)
        for block in _blocks(planes.shape[1], height):
            np.matmul(block.weights, planes[:, block.old, some], out=result[:, block.new, some])
    return result


def _to_levels(values: Values) -> Values:
    np.clip(values, 0, 255, out=values)
    values += np.float32(0.5)
    return np.floor(values, out=values)


@lru_cache(maxsize=16)
def _blocks(extent: int, new_extent: int) -> list[_Block]:
    weights = _weights(extent, new_extent)
    blocks = []
    for start in range(0, new_extent, _BLOCK):
        new = slice(start, min(start + _BLOCK, new_extent))
        used = np.flatnonzero(weights[new].any(axis=0))
        old = slice(int(used[0]), int(used[-1]) + 1)
        blocks.append(_Block(new, old, np.ascontiguousarray(weights[new, old])))
    return blocks


def _weights(extent: int, new_extent: int) -> Values:
    """Return what every old pixel gives to every new one, (new_extent, extent)."""
    step = extent / new_extent
    centre = (np.arange(new_extent) + 0.5) * step - 0.5
    distance = (np.arange(extent) - centre[:, None]) / max(step, 1.0)
    inside = np.abs(distance) < _LOBES
    weights = np.where(inside, np.sinc(distance) * np.sinc(distance / _LOBES), 0.0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)
