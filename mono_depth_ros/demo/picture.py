"""Render the demo's picture: image and depth above each other, beside them the cloud."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.demo.frames import DemoFrame
from mono_depth_ros.messages.colormap import colorize_depth
from mono_depth_ros.types import Image
from mono_depth_ros.visualization.canvas import (
    BACKGROUND,
    BAR_HEIGHT,
    COLORMAP,
    DIM_TEXT,
    FONT,
    PANEL,
    TEXT,
    WARNING,
    Caption,
    Scale,
    color_bar,
    fit_into,
    paste,
    round_step,
    write_text,
)

PAD = 14
CELL_HEIGHT = 272
CELL_WIDTHS = (360, 904)
CAPTION_HEIGHT = 64
LABEL_HEIGHT = 26
GRID = (74, 66, 60)
FIELD_OF_VIEW = (120, 108, 98)
GRID_LINES = 8


def render_picture(frame: DemoFrame, scale: Scale, caption: Caption) -> Image:
    """Return the (H, W, 3) BGR picture of one frame; its sides are even, as films need."""
    height, width = frame.image.shape[:2]
    cell = CELL_HEIGHT, int(np.clip(CELL_HEIGHT * width / height, *CELL_WIDTHS))
    side = 2 * (CELL_HEIGHT + LABEL_HEIGHT) + PAD + BAR_HEIGHT
    above = side - LABEL_HEIGHT
    canvas = np.full(
        (CAPTION_HEIGHT + side + PAD, cell[1] + above + 3 * PAD, 3), BACKGROUND, np.uint8
    )
    _draw_caption(canvas, caption)
    top = CAPTION_HEIGHT
    unit = f' [{scale.unit}]' if scale.unit else ' (relative, no metres)'
    for label, panel in (
        ('camera', np.ascontiguousarray(frame.image[..., ::-1])),
        (f'depth{unit}', colorize_depth(frame.depth, COLORMAP, scale.near, scale.far)),
    ):
        write_text(canvas, label, (PAD, top + 18), 0.5, DIM_TEXT)
        top += LABEL_HEIGHT
        paste(canvas, fit_into(panel, cell), (top, PAD))
        top += CELL_HEIGHT + PAD
    paste(canvas, color_bar(scale, cell[1]), (top - PAD + 4, PAD))
    left = cell[1] + 2 * PAD
    write_text(canvas, 'point cloud from above', (left, CAPTION_HEIGHT + 18), 0.5, DIM_TEXT)
    view = view_from_above(frame.points, frame.colors, scale, above)
    paste(canvas, view, (CAPTION_HEIGHT + LABEL_HEIGHT, left))
    return canvas[: canvas.shape[0] // 2 * 2, : canvas.shape[1] // 2 * 2]


def view_from_above(points: NDArray[np.float32], colors: Image, scale: Scale, side: int) -> Image:
    """Draw (N, 3) points of the optical frame from above, the camera at the bottom centre."""
    view = np.full((side, side, 3), PANEL, np.uint8)
    per_metre = (side - 24) / scale.ahead
    camera = side // 2, side - 12
    if not len(points):
        write_text(view, 'no cloud: depth is relative', (20, side // 2), 0.55, DIM_TEXT)
        return view
    _draw_grid(view, camera, per_metre, scale)
    _draw_field_of_view(view, camera, points)
    highest_last = np.argsort(-points[:, 1])
    x, z = points[highest_last, 0], points[highest_last, 2]
    columns = np.round(camera[0] + x * per_metre).astype(int)
    rows = np.round(camera[1] - z * per_metre).astype(int)
    inside = (columns >= 0) & (columns < side - 1) & (rows >= 0) & (rows < side - 1)
    bgr = brightened(colors[highest_last][inside][:, ::-1])
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        view[rows[inside] + down, columns[inside] + right] = bgr
    _draw_marks(view, camera, per_metre, scale)
    return view


def brightened(colors: Image) -> Image:
    """Lift dark colours so that they stand out from the dark panel."""
    table = (255 * np.linspace(0.12, 1, 256) ** 0.75).astype(np.uint8)
    return table[colors]


def _draw_grid(view: Image, camera: tuple[int, int], per_metre: float, scale: Scale) -> None:
    step = round_step(scale.ahead / GRID_LINES)
    count = int(scale.ahead / step) + 1
    for index in range(-count, count + 1):
        column = round(camera[0] + index * step * per_metre)
        cv2.line(view, (column, 0), (column, view.shape[0]), GRID, 1)
    for index in range(count + 1):
        row = round(camera[1] - index * step * per_metre)
        cv2.line(view, (0, row), (view.shape[1], row), GRID, 1)


def _draw_field_of_view(view: Image, camera: tuple[int, int], points: NDArray[np.float32]) -> None:
    ahead = points[points[:, 2] > 0]
    slopes = ahead[:, 0] / ahead[:, 2]
    for slope in (slopes.min(initial=0.0), slopes.max(initial=0.0)):
        end = round(camera[0] + float(slope) * view.shape[0]), camera[1] - view.shape[0]
        cv2.line(view, camera, end, FIELD_OF_VIEW, 1, cv2.LINE_AA)


def _draw_marks(view: Image, camera: tuple[int, int], per_metre: float, scale: Scale) -> None:
    step = round_step(scale.ahead / GRID_LINES)
    for index in range(1, int(scale.ahead / step) + 1):
        row = round(camera[1] - index * step * per_metre)
        if row > 16:
            _boxed(view, f'{index * step:g} {scale.unit}', (8, row - 5))
        for side in (-1, 1):
            column = round(camera[0] + side * index * step * per_metre)
            if 50 < column < view.shape[1] - 30:
                _boxed(view, f'{side * index * step:g}', (column - 8, view.shape[0] - 16))
    triangle = np.array([(-8, 6), (8, 6), (0, -10)]) + camera
    cv2.fillPoly(view, [triangle.astype(np.int32)], WARNING, cv2.LINE_AA)


def _draw_caption(canvas: Image, caption: Caption) -> None:
    (width, _), _ = cv2.getTextSize(caption.title, FONT, 0.75, 2)
    write_text(canvas, caption.title, (PAD, 30), 0.75, TEXT, 2)
    write_text(canvas, caption.warning, (PAD + width + 18, 30), 0.7, WARNING, 2)
    write_text(canvas, caption.details, (PAD, 54), 0.48, DIM_TEXT)


def _boxed(canvas: Image, text: str, at: tuple[int, int]) -> None:
    """Write on a dark box, to be read over points of any colour."""
    (width, height), _ = cv2.getTextSize(text, FONT, 0.45, 1)
    corner, opposite = (at[0] - 4, at[1] + 5), (at[0] + width + 4, at[1] - height - 4)
    cv2.rectangle(canvas, corner, opposite, BACKGROUND, cv2.FILLED)
    write_text(canvas, text, at, 0.45, TEXT)
