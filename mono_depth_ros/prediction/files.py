"""The files that predict_depth writes for an image, and the units they promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.messages.colormap import colorize_depth
from mono_depth_ros.messages.encodings import depth_as_uint16
from mono_depth_ros.messages.point_cloud import ply_bytes
from mono_depth_ros.outputs.rendering import points_of
from mono_depth_ros.prediction.formats import PER_METRE, check_formats
from mono_depth_ros.types import Depth, DepthKind, Image
from mono_depth_ros.visualization.canvas import (
    BACKGROUND,
    BAR_HEIGHT,
    COLORMAP,
    DIM_TEXT,
    TEXT,
    WARNING,
    Caption,
    Scale,
    color_bar,
    paste,
    write_text,
)

_WIDEST = 1280
_PAD = 12
_HEAD = 56
# Wider images than this go above each other.
_WIDE_ASPECT = 2.0


@dataclass(frozen=True, eq=False)
class Prediction:
    """The depth of one image.

    Attributes:
        stem: of the names of its files.
        image: (H, W, 3) uint8 RGB that the depth belongs to.
        depth: (H, W) float32, invalid pixels marked.
        kind: of depth.
        K: (3, 3) intrinsics of the image, None where they are not known.
        warning: what the user should know of the unit, or ''.
    """

    stem: str
    image: Image
    depth: Depth
    kind: DepthKind
    K: NDArray[np.float64] | None
    warning: str = ''


def write_arrays(prediction: Prediction, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write what is no picture; relative depth never becomes a file that promises metres.

    Returns:
        The files.

    Raises:
        ValueError: a format promises metres, or needs intrinsics, that are not there.
    """
    check_formats(formats, prediction.kind, prediction.K is not None)
    stem, depth, written = prediction.stem, prediction.depth, []
    for form in formats:
        if form in PER_METRE:
            path = folder / f'{stem}_depth_{form.removeprefix("png-")}.png'
            data = cv2.imencode('.png', depth_as_uint16(depth, PER_METRE[form]))[1].tobytes()
        elif form == 'ply':
            path, data = folder / f'{stem}_cloud.ply', _ply(prediction)
        elif form == 'npy':
            relative = '_relative' if prediction.kind == DepthKind.RELATIVE else ''
            path = folder / f'{stem}_depth{relative}.npy'
            np.save(path, depth)
            written.append(path)
            continue
        else:
            continue
        path.write_bytes(data)
        written.append(path)
    return written


def render(prediction: Prediction, scale: Scale, caption: Caption) -> Image:
    """Return a BGR picture of image and depth with a bar of the colours; its sides are even."""
    height, width = prediction.image.shape[:2]
    is_wide = width > _WIDE_ASPECT * height
    cell_width = min(width, _WIDEST if is_wide else _WIDEST // 2)
    cell = max(2, round(height * cell_width / width)), cell_width
    panels = [
        cv2.resize(panel, cell[::-1], interpolation=cv2.INTER_AREA)
        for panel in (
            np.ascontiguousarray(prediction.image[..., ::-1]),
            colorize_depth(prediction.depth, COLORMAP, scale.near, scale.far),
        )
    ]
    rows, columns = (2, 1) if is_wide else (1, 2)
    size = (
        _HEAD + rows * (cell[0] + _PAD) + BAR_HEIGHT,
        max(_PAD + columns * (cell[1] + _PAD), 480),
    )
    canvas = np.full((*(side + side % 2 for side in size), 3), BACKGROUND, np.uint8)
    write_text(canvas, caption.title, (_PAD, 24), 0.6, WARNING if caption.warning else TEXT)
    write_text(canvas, caption.details, (_PAD, 46), 0.45, DIM_TEXT)
    for index, panel in enumerate(panels):
        row, column = (index, 0) if is_wide else (0, index)
        at = _HEAD + row * (cell[0] + _PAD), _PAD + column * (cell[1] + _PAD)
        paste(canvas, np.asarray(panel, np.uint8), at)
    bar = color_bar(scale, cell[1])
    paste(canvas, bar, (size[0] - BAR_HEIGHT, _PAD + (columns - 1) * (cell[1] + _PAD)))
    return canvas


def _ply(prediction: Prediction) -> bytes:
    assert prediction.K is not None
    points = points_of(prediction.depth, prediction.K)
    known = np.isfinite(points).all(axis=-1)
    comment = f'{prediction.kind} depth in metres, optical frame: x right, y down, z forward'
    return ply_bytes(points[known], prediction.image[known], comment)
