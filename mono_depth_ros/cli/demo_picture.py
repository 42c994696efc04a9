"""Render the demo's picture: image and depth above each other, beside them the cloud."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.cli.demo_frames import DemoFrame
from mono_depth_ros.messages.colormap import colorize_depth

Picture = NDArray[np.uint8]

COLORMAP = 'turbo'
PAD = 14
CELL_HEIGHT = 272
CELL_WIDTHS = (360, 904)
CAPTION_HEIGHT = 64
LABEL_HEIGHT = 26
BAR_HEIGHT = 40
BACKGROUND = (26, 22, 20)
PANEL = (38, 33, 30)
GRID = (74, 66, 60)
TEXT = (235, 232, 230)
DIM_TEXT = (170, 162, 156)
WARNING = (80, 190, 255)
FIELD_OF_VIEW = (120, 108, 98)
GRID_LINES = 8
FONT = cv2.FONT_HERSHEY_SIMPLEX
_STEPS = np.array([1.0, 2.0, 5.0, 10.0])


@dataclass(frozen=True)
class Scale:
    """What distances the picture shows, the same for every frame of a film.

    Attributes:
        near: depth at the first colour [m].
        far: depth at the last colour [m].
        ahead: how far the view from above reaches [m].
        unit: 'm', or '' where depth is relative.
    """

    near: float
    far: float
    ahead: float
    unit: str


@dataclass(frozen=True)
class Caption:
    """The lines above the picture: what it is, and what must be known about it."""

    title: str
    warning: str
    details: str


def choose_scale(depths: list[NDArray[np.float32]], unit: str) -> Scale:
    """Choose round limits that hold most of the depth of some frames."""
    values = np.concatenate([depth[np.isfinite(depth)] for depth in depths])
    if not values.size:
        return Scale(0.1, 1.0, 1.0, unit)
    low, high = np.percentile(values, [2, 98])
    step = round_step((high - low) / 5)
    # Colours follow the logarithm of depth, so the near end cannot be zero.
    near = float(np.floor(low / step) * step) or round_step(low / 2.5)
    far = float(max(np.ceil(high / step) * step, near + step))
    ahead_step = round_step(far / 5)
    return Scale(near, far, float(np.ceil(far / ahead_step) * ahead_step), unit)


def round_step(length: float) -> float:
    """Return 1, 2 or 5 times a power of ten, at least `length`."""
    power = 10.0 ** np.floor(np.log10(max(length, 1e-3)))
    return float(power * _STEPS[np.searchsorted(_STEPS, length / power - 1e-9)])


def render_picture(frame: DemoFrame, scale: Scale, caption: Caption) -> Picture:
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
        _text(canvas, label, (PAD, top + 18), 0.5, DIM_TEXT)
        top += LABEL_HEIGHT
        _place(canvas, fit_into(panel, cell), (top, PAD))
        top += CELL_HEIGHT + PAD
    _place(canvas, color_bar(scale, cell[1]), (top - PAD + 4, PAD))
    left = cell[1] + 2 * PAD
    _text(canvas, 'point cloud from above', (left, CAPTION_HEIGHT + 18), 0.5, DIM_TEXT)
    view = view_from_above(frame.points, frame.colors, scale, above)
    _place(canvas, view, (CAPTION_HEIGHT + LABEL_HEIGHT, left))
    return canvas[: canvas.shape[0] // 2 * 2, : canvas.shape[1] // 2 * 2]


def fit_into(image: Picture, size: tuple[int, int]) -> Picture:
    """Shrink or enlarge an image to fit into (H, W) and centre it there."""
    factor = min(size[0] / image.shape[0], size[1] / image.shape[1])
    height, width = (max(1, round(side * factor)) for side in image.shape[:2])
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    cell = np.full((*size, 3), PANEL, np.uint8)
    _place(cell, resized, ((size[0] - height) // 2, (size[1] - width) // 2))
    return cell


def color_bar(scale: Scale, width: int) -> Picture:
    """Draw the colours of depth with their distances, through the very same colour map."""
    bar = np.full((BAR_HEIGHT - 4, width, 3), BACKGROUND, np.uint8)
    ramp = np.geomspace(scale.near, scale.far, width, dtype=np.float32)[None]
    bar[:12] = colorize_depth(ramp, COLORMAP, scale.near, scale.far)
    for value in bar_marks(scale):
        part = np.log(value / scale.near) / np.log(scale.far / scale.near)
        column = round(part * (width - 1))
        cv2.line(bar, (column, 12), (column, 16), TEXT, 1)
        label = f'{value:g} {scale.unit}'.rstrip()
        (text_width, _), _ = cv2.getTextSize(label, FONT, 0.42, 1)
        at = int(np.clip(column - text_width // 2, 0, width - text_width))
        _text(bar, label, (at, 31), 0.42, DIM_TEXT)
    return bar


def bar_marks(scale: Scale) -> list[float]:
    """Choose round distances for a bar on which the logarithm of depth grows evenly."""
    if scale.far / scale.near > 6:
        powers = 10.0 ** np.arange(-3, 4)
        values = np.outer(powers, _STEPS[:-1]).ravel()
    else:
        step = round_step((scale.far - scale.near) / 8)
        values = np.arange(np.ceil(scale.near / step), scale.far / step + 0.5) * step
    inside = (values > scale.near * 0.999) & (values < scale.far * 1.001)
    return [float(f'{value:.6g}') for value in values[inside]]


def view_from_above(
    points: NDArray[np.float32], colors: Picture, scale: Scale, side: int
) -> Picture:
    """Draw (N, 3) points of the optical frame from above, the camera at the bottom centre."""
    view = np.full((side, side, 3), PANEL, np.uint8)
    per_metre = (side - 24) / scale.ahead
    camera = side // 2, side - 12
    if not len(points):
        _text(view, 'no cloud: depth is relative', (20, side // 2), 0.55, DIM_TEXT)
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


def brightened(colors: Picture) -> Picture:
    """Lift dark colours so that they stand out from the dark panel."""
    table = (255 * np.linspace(0.12, 1, 256) ** 0.75).astype(np.uint8)
    return table[colors]


def _draw_grid(view: Picture, camera: tuple[int, int], per_metre: float, scale: Scale) -> None:
    step = round_step(scale.ahead / GRID_LINES)
    count = int(scale.ahead / step) + 1
    for index in range(-count, count + 1):
        column = round(camera[0] + index * step * per_metre)
        cv2.line(view, (column, 0), (column, view.shape[0]), GRID, 1)
    for index in range(count + 1):
        row = round(camera[1] - index * step * per_metre)
        cv2.line(view, (0, row), (view.shape[1], row), GRID, 1)


def _draw_field_of_view(
    view: Picture, camera: tuple[int, int], points: NDArray[np.float32]
) -> None:
    ahead = points[points[:, 2] > 0]
    slopes = ahead[:, 0] / ahead[:, 2]
    for slope in (slopes.min(initial=0.0), slopes.max(initial=0.0)):
        end = round(camera[0] + float(slope) * view.shape[0]), camera[1] - view.shape[0]
        cv2.line(view, camera, end, FIELD_OF_VIEW, 1, cv2.LINE_AA)


def _draw_marks(view: Picture, camera: tuple[int, int], per_metre: float, scale: Scale) -> None:
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


def _draw_caption(canvas: Picture, caption: Caption) -> None:
    (width, _), _ = cv2.getTextSize(caption.title, FONT, 0.75, 2)
    _text(canvas, caption.title, (PAD, 30), 0.75, TEXT, 2)
    _text(canvas, caption.warning, (PAD + width + 18, 30), 0.7, WARNING, 2)
    _text(canvas, caption.details, (PAD, 54), 0.48, DIM_TEXT)


def _text(
    canvas: Picture,
    text: str,
    at: tuple[int, int],
    size: float,
    color: tuple[int, int, int],
    thickness: int = 1,
) -> None:
    cv2.putText(canvas, text, at, FONT, size, color, thickness, cv2.LINE_AA)


def _boxed(canvas: Picture, text: str, at: tuple[int, int]) -> None:
    """Write on a dark box, to be read over points of any colour."""
    (width, height), _ = cv2.getTextSize(text, FONT, 0.45, 1)
    corner, opposite = (at[0] - 4, at[1] + 5), (at[0] + width + 4, at[1] - height - 4)
    cv2.rectangle(canvas, corner, opposite, BACKGROUND, cv2.FILLED)
    _text(canvas, text, at, 0.45, TEXT)


def _place(canvas: Picture, panel: Picture, at: tuple[int, int]) -> None:
    canvas[at[0] : at[0] + panel.shape[0], at[1] : at[1] + panel.shape[1]] = panel
