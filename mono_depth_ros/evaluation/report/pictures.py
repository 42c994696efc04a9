"""What a person sees of one frame: image, predicted depth, true depth, and where it is wrong."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.evaluation.protocol.samples import Frame
from mono_depth_ros.messages.color_scale import robust_range
from mono_depth_ros.messages.colormap import colorize_depth
from mono_depth_ros.types import Image

# Wide enough for two beside each other on the page.
WIDTH = 620
# Relative error that has the full colour.
FULL_ERROR = 0.3
_TOO_NEAR, _TOO_FAR = np.array([30, 100, 255.0]), np.array([255, 50, 30.0])
_DOT = (-1, 0, 1)


def draw_frame(frame: Frame, depth: NDArray[np.float32]) -> dict[str, Image]:
    """Draw a frame and what was predicted.

    Args:
        frame: with its image.
        depth: (H, W) prediction [m].

    Returns:
        (h, 620, 3) uint8 RGB by name: 'image', 'predicted', 'true', 'error'. Both depths share
        their colours (near is red); true depth and error are dots where they are compared.
    """
    size = (round(WIDTH * depth.shape[0] / depth.shape[1]), WIDTH)
    image = _resized(frame.image, size, cv2.INTER_AREA).astype(np.uint8)
    known = np.where(frame.mask, frame.depth, np.nan).astype(np.float32)
    low, high = robust_range(known[frame.mask][None])
    dark = (image // 3).astype(np.uint8)
    error = np.where(frame.mask, depth / np.where(frame.mask, frame.depth, 1) - 1, np.nan)
    return {
        'image': image,
        'predicted': _color(_resized(depth, size, cv2.INTER_LINEAR), low, high),
        'true': _dots(dark, frame.mask, _color(known, low, high)),
        'error': _dots(dark, frame.mask, color_error(error)),
    }


def color_error(error: NDArray[Any]) -> Image:
    """Colour relative errors: blue where depth is too near, red where too far, white where right.

    Args:
        error: (H, W) predicted / true - 1, of any value.

    Returns:
        (H, W, 3) uint8 RGB; full colours from FULL_ERROR on.
    """
    strength = np.clip(np.nan_to_num(error) / FULL_ERROR, -1, 1)[..., None]
    color = np.where(strength < 0, _TOO_NEAR, _TOO_FAR)
    return np.asarray(np.rint(255 + np.abs(strength) * (color - 255)), np.uint8)


def _resized(image: NDArray[Any], size: tuple[int, int], how: int) -> NDArray[Any]:
    return np.asarray(cv2.resize(image, size[::-1], interpolation=how))


def _color(depth: NDArray[Any], low: float, high: float) -> Image:
    colors = colorize_depth(depth.astype(np.float32), 'turbo', low, high)
    return np.asarray(colors[..., ::-1])


def _dots(picture: Image, mask: NDArray[np.bool_], colors: Image) -> Image:
    """Draw the colours (H, W, 3) of masked pixels into a smaller picture as dots of 3 pixels."""
    rows, columns = np.nonzero(mask)
    drawn: Image = np.array(picture)
    for down in _DOT:
        for right in _DOT:
            v = rows * picture.shape[0] // mask.shape[0] + down
            u = columns * picture.shape[1] // mask.shape[1] + right
            inside = (v >= 0) & (u >= 0) & (v < picture.shape[0]) & (u < picture.shape[1])
            drawn[v[inside], u[inside]] = colors[rows[inside], columns[inside]]
    return drawn
