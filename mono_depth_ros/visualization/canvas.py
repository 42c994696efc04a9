"""What every picture of depth is drawn with: colours and their range, a bar, text, panels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.messages.colormap import colorize_depth
from mono_depth_ros.types import Image
from mono_depth_ros.visualization.video import Video, create_video

COLORMAP = 'turbo'
BAR_HEIGHT = 40
BACKGROUND = (26, 22, 20)
PANEL = (38, 33, 30)
TEXT = (235, 232, 230)
DIM_TEXT = (170, 162, 156)
WARNING = (80, 190, 255)
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


def fit_into(image: Image, size: tuple[int, int]) -> Image:
    """Shrink or enlarge an image to fit into (H, W) and centre it there."""
    factor = min(size[0] / image.shape[0], size[1] / image.shape[1])
    height, width = (max(1, round(side * factor)) for side in image.shape[:2])
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    cell = np.full((*size, 3), PANEL, np.uint8)
    paste(cell, resized, ((size[0] - height) // 2, (size[1] - width) // 2))
    return cell


def color_bar(scale: Scale, width: int) -> Image:
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
        write_text(bar, label, (at, 31), 0.42, DIM_TEXT)
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


def write_text(
    canvas: Image,
    text: str,
    at: tuple[int, int],
    size: float,
    color: tuple[int, int, int],
    thickness: int = 1,
) -> None:
    """Write a line onto a picture, its base line at (column, row)."""
    cv2.putText(canvas, text, at, FONT, size, color, thickness, cv2.LINE_AA)


def paste(canvas: Image, panel: Image, at: tuple[int, int]) -> None:
    """Put a panel onto a picture, its corner at (row, column)."""
    canvas[at[0] : at[0] + panel.shape[0], at[1] : at[1] + panel.shape[1]] = panel


class VideoWriter:
    """An mp4 that is being written; its size is that of the first picture, sides even.

    Raises:
        ValueError: on the first picture, where the file cannot be written.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self._path, self._rate = path, rate
        self._video: Video | None = None

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._video is not None:
            self._video.release()

    def write(self, picture: Image) -> None:
        """Add a BGR picture."""
        if self._video is None:
            size = picture.shape[0], picture.shape[1]
            self._video = create_video(self._path, self._rate, size)
        self._video.write(picture)
