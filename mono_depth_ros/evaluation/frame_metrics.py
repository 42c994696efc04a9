"""How good one depth image is, and the mean over many: what every evaluator here adds up.

An evaluator, offline or live, calls `compare_depth` per image and `RunningMean.add` on what comes
back; it needs to keep nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from mono_depth_ros.evaluation.metrics import (
    Array,
    DepthMetrics,
    as_numpy,
    depth_metrics,
    median_scale,
    silog,
)

Depths = NDArray[np.float64]
Mask = NDArray[np.bool_]
Range = tuple[float, float]

RANGES: tuple[Range, ...] = ((0.0, 10.0), (10.0, 20.0), (20.0, 40.0), (40.0, 80.0))  # [m]
LIMITS: Range = (1e-3, 80.0)  # [m]
# A boundary is where depth changes by this factor along a row, within this share of the width.
BOUNDARY_RATIO = 1.25
BOUNDARY_REACH = 1 / 128

_NOTHING = DepthMetrics(*[math.nan] * len(DepthMetrics._fields))


class RangeMetrics(NamedTuple):
    """Errors of the pixels whose true depth lies in one range.

    Attributes:
        nearest: the range's beginning [m], itself within.
        farthest: the range's end [m], itself outside.
        pixels: compared in it, over all frames.
        frames: with any pixel in it.
        errors: mean over these frames, NaN if there are none.
    """

    nearest: float
    farthest: float
    pixels: int
    frames: int
    errors: DepthMetrics

    @property
    def name(self) -> str:
        """What tables call it, such as '10-20 m'."""
        return f'{self.nearest:g}-{self.farthest:g} m'


@dataclass(frozen=True)
class FrameMetrics:
    """All figures of one frame, or their means over frames that count the same.

    Attributes:
        errors: the field's seven figures.
        silog: scale-invariant error of the logarithm, times 100.
        boundary_f1: how well depth boundaries are found, see `boundary_counts`; NaN where there
            are none, neither true nor predicted.
        ranges: the figures by range of true depth.
    """

    errors: DepthMetrics
    silog: float
    boundary_f1: float
    ranges: tuple[RangeMetrics, ...]

    def as_row(self) -> dict[str, float]:
        """Return every figure by name ('abs_rel', 'silog', 'abs_rel 10-20 m', ...)."""
        row = self.errors._asdict() | {'silog': self.silog, 'boundary_f1': self.boundary_f1}
        for part in self.ranges:
            row |= {f'{name} {part.name}': value for name, value in part.errors._asdict().items()}
            row[f'pixels {part.name}'] = part.pixels
        return row


@dataclass(frozen=True)
class FrameComparison:
    """What came out for one pair of depth images.

    Attributes:
        pixels: how many were compared.
        missing: how many have true depth but no prediction (NaN, inf, 0 or less).
        scale: median of true over median of predicted depth.
        median_scaled: figures of the predicted depth times scale.
        unscaled: figures of the predicted depth in its own metres.
    """

    pixels: int
    missing: int
    scale: float
    median_scaled: FrameMetrics
    unscaled: FrameMetrics

    @property
    def coverage(self) -> float:
        """Share of the true depths that have a prediction."""
        return self.pixels / (self.pixels + self.missing)


class BoundaryCounts(NamedTuple):
    """Pairs of pixels with a depth boundary between them.

    Attributes:
        found: true ones that are predicted too, with the same side in front.
        predicted: all that are predicted.
        true: all that are there.
    """

    found: int
    predicted: int
    true: int

    @property
    def precision(self) -> float:
        """Share of the predicted ones that are there, NaN if none is predicted."""
        return self.found / self.predicted if self.predicted else math.nan

    @property
    def recall(self) -> float:
        """Share of the true ones that are predicted, NaN if none is there."""
        return self.found / self.true if self.true else math.nan

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, NaN if there is no boundary at all."""
        total = self.predicted + self.true
        return 2 * self.found / total if total else math.nan


def compare_depth(
    predicted: Array,
    true: Array,
    mask: Mask | torch.Tensor | None = None,
    *,
    limits: Range = LIMITS,
    ranges: Sequence[Range] = RANGES,
) -> FrameComparison:
    """Compare a depth image with the true one.

    True depth is unknown where it is NaN, infinite, 0 or less; where it is known but the
    prediction is none, the pixel counts as missing and in no error. Median scaling comes before
    the clamp to the limits.

    Args:
        predicted: (H, W) depth, of numpy or torch.
        true: (H, W) depth [m], of numpy or torch.
        mask: (H, W) bool, True where to compare; None for true depth between the limits.
        limits: what predictions are clamped to [m].
        ranges: of true depth [m], for the figures by range.

    Raises:
        ValueError: sizes differ, or no pixel is left to compare.
    """
    d, t = as_numpy(predicted), as_numpy(true)
    known = _known(t, limits) if mask is None else as_numpy(mask) & _is_depth(t)
    if d.shape != t.shape or d.shape != known.shape or d.ndim != 2:
        raise ValueError(
            f'Predicted depth is {d.shape}, true depth {t.shape} and the mask {known.shape}; '
            'expected three of one (H, W). Resize the prediction to the true depth.'
        )
    both = known & _is_depth(d)
    pixels, missing = int(np.count_nonzero(both)), int(np.count_nonzero(known & ~both))
    if not pixels:
        raise ValueError(
            f'No pixel is left to compare: {missing} have true depth, but none of them a '
            'prediction (finite, above 0).'
            if missing
            else 'No pixel has true depth (finite, '
            'above 0, within mask and limits) to compare with.'
        )
    boundary_f1 = boundary_counts(d, t, both).f1
    d, t = d[both].astype(np.float64), t[both].astype(np.float64)
    scale = median_scale(d, t)
    scaled, unscaled = (
        _frame_metrics(np.clip(depth, *limits), t, boundary_f1, ranges) for depth in (scale * d, d)
    )
    return FrameComparison(pixels, missing, scale, scaled, unscaled)


def boundary_counts(predicted: Array, true: Array, mask: Mask) -> BoundaryCounts:
    """Count the depth boundaries along rows, true and predicted ones.

    Between two pixels of a row, 1/128 of the width apart, is a boundary if the one is farther
    than the other by more than a quarter: the occluding contours of Bochkovskii et al. 2025
    (Depth Pro, section 3.4), at a reach that a bilinearly enlarged prediction can have. Rows only,
    since level ground has no boundary along them and a lidar's points lie close; no unit of depth
    matters. Pairs count where both pixels are in the mask.

    Args:
        predicted: (H, W) depth, above 0 within the mask.
        true: (H, W) depth, above 0 within the mask.
        mask: (H, W), True where both are known.
    """
    d, t = as_numpy(predicted), as_numpy(true)
    reach = max(1, round(mask.shape[1] * BOUNDARY_REACH))
    pairs = mask[:, reach:] & mask[:, :-reach]
    of_d, of_t = (_steps(image[:, :-reach][pairs], image[:, reach:][pairs]) for image in (d, t))
    return BoundaryCounts(
        found=int(np.count_nonzero((of_d == of_t) & (of_t != 0))),
        predicted=int(np.count_nonzero(of_d)),
        true=int(np.count_nonzero(of_t)),
    )


class RunningMean:
    """Means over frames that count the same, in constant memory.

    Figures that a frame lacks (no pixel in a range, no boundary) are averaged over the frames
    that have them.
    """

    def __init__(self) -> None:
        self._count = 0
        self._sums: Depths = np.zeros(0)
        self._counts: NDArray[np.int64] = np.zeros(0, np.int64)
        self._ranges: list[RangeMetrics] = []

    def __len__(self) -> int:
        """Return the number of frames."""
        return self._count

    def add(self, frame: FrameMetrics) -> None:
        """Take one more frame.

        Raises:
            ValueError: its ranges are others than those of the frames before.
        """
        values = np.array(
            [
                *frame.errors,
                frame.silog,
                frame.boundary_f1,
                *(value for part in frame.ranges for value in part.errors),
            ]
        )
        if not self._count:
            self._sums, self._counts = np.zeros(values.size), np.zeros(values.size, np.int64)
            self._ranges = [part._replace(pixels=0, frames=0) for part in frame.ranges]
        if [part.name for part in frame.ranges] != [part.name for part in self._ranges]:
            raise ValueError(
                f'Frame has the ranges {[part.name for part in frame.ranges]}, those before had '
                f'{[part.name for part in self._ranges]}; expected the same for all frames.'
            )
        known = ~np.isnan(values)
        self._sums[known] += values[known]
        self._counts += known
        self._ranges = [
            old._replace(pixels=old.pixels + new.pixels, frames=old.frames + new.frames)
            for old, new in zip(self._ranges, frame.ranges)
        ]
        self._count += 1

    def mean(self) -> FrameMetrics:
        """Return the means so far.

        Raises:
            ValueError: there are no frames.
        """
        if not self._count:
            raise ValueError('There are no frames to average; expected one or more.')
        means = np.full(self._sums.size, np.nan)
        np.divide(self._sums, self._counts, out=means, where=self._counts > 0)
        width = len(DepthMetrics._fields)
        rows = [
            DepthMetrics(*(float(value) for value in means[start : start + width]))
            for start in (0, *range(width + 2, means.size, width))
        ]
        return FrameMetrics(
            rows[0],
            float(means[width]),
            float(means[width + 1]),
            tuple(part._replace(errors=row) for part, row in zip(self._ranges, rows[1:])),
        )


def mean_frames(frames: Iterable[FrameMetrics]) -> FrameMetrics:
    """Average over frames, each counting the same; see `RunningMean`.

    Raises:
        ValueError: there are none, or their ranges differ.
    """
    mean = RunningMean()
    for frame in frames:
        mean.add(frame)
    return mean.mean()


def _frame_metrics(
    d: Depths, t: Depths, boundary_f1: float, ranges: Sequence[Range]
) -> FrameMetrics:
    parts = tuple(_range_metrics(d, t, part) for part in ranges)
    return FrameMetrics(depth_metrics(d, t), silog(d, t), boundary_f1, parts)


def _range_metrics(d: Depths, t: Depths, part: Range) -> RangeMetrics:
    within = (t >= part[0]) & (t < part[1])
    pixels = int(np.count_nonzero(within))
    errors = depth_metrics(d[within], t[within]) if pixels else _NOTHING
    return RangeMetrics(*part, pixels, min(pixels, 1), errors)


def _steps(left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.int8]:
    """Return 1 where depth steps back to the right, -1 where forward, 0 where it stays."""
    back = (right > BOUNDARY_RATIO * left).astype(np.int8)
    forward = (left > BOUNDARY_RATIO * right).astype(np.int8)
    return back - forward


def _known(true: NDArray[Any], limits: Range) -> Mask:
    return np.asarray((true > limits[0]) & (true < limits[1]))


def _is_depth(values: NDArray[Any]) -> Mask:
    return np.asarray((values > 0) & np.isfinite(values))
