"""Is the reference's clock that of the camera? Ask when depth and reference change alike."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.stamps import NANOSECONDS
from mono_depth_ros.types import Depth

Cells = NDArray[np.float64]

# Rows and columns of the cells whose mean depth is followed: many points in each, small enough
# that what passes by changes one after the other.
GRID = (12, 40)
# Changes are taken over so many pairs: over fewer, a lidar's noise outweighs them.
STEP = 3
# How many pairs apart is looked at: 1.5 s at a lidar's 10 Hz.
REACH = 15
# Fewer changes, in all and at one distance, or a weaker correlation, prove nothing.
MIN_CHANGES, MIN_AT_ONE = 20, 8
_MIN_CORRELATION = 0.15
# An object that enters a cell must not outvote all others.
_MAX_CHANGE = 0.5
_STRIDE = 2


@dataclass(frozen=True)
class ShiftEstimate:
    """What the changes say.

    Attributes:
        state: 'aligned', 'shifted' or 'unknown'.
        seconds: how much later the reference's stamps are than the camera's; NaN if unknown.
        text: the same in a sentence, with the cure.
        curve: by distance in pairs: mean stamp of the frame minus that of the reference [s], and
            the correlation of their changes.
    """

    state: str
    seconds: float
    text: str
    curve: dict[int, tuple[float, float]]


@dataclass
class _Sums:
    count: int = 0
    time_offset: float = 0.0
    product: float = 0.0
    first: float = 0.0
    second: float = 0.0

    def add(self, time_offset: float, first: Cells, second: Cells) -> None:
        both = np.isfinite(first) & np.isfinite(second)
        if not both.any():
            return
        first, second = first[both], second[both]
        self.count += 1
        self.time_offset += time_offset
        self.product += float(first @ second)
        self.first += float(first @ first)
        self.second += float(second @ second)

    @property
    def correlation(self) -> float:
        energy = np.sqrt(self.first * self.second)
        return self.product / float(energy) if energy else 0.0


@dataclass(frozen=True, eq=False)
class _Change:
    stamp: int
    cells: Cells


class TimeShift:
    """Correlate how predicted depth changes with how the reference changes, at many distances.

    Changes, unlike depth itself, carry none of a network's standing errors: what passes the
    camera passes both, and at the right distance in time both change in the same cells. The
    logarithm is followed, and its median over the image taken out, so neither the unit nor a
    scale that flickers matters.
    """

    def __init__(self) -> None:
        self._pairs: deque[tuple[Cells, Cells]] = deque(maxlen=STEP)
        self._predicted: deque[_Change] = deque(maxlen=REACH + 1)
        self._true: deque[_Change] = deque(maxlen=REACH + 1)
        self._sums: defaultdict[int, _Sums] = defaultdict(_Sums)
        self._size: tuple[int, ...] = ()

    def add(self, stamp: int, depth: Depth, reference_stamp: int, true: Depth) -> None:
        """Take in one pair.

        Args:
            stamp: of the frame [ns].
            depth: (H, W) predicted, not finite where there is none.
            reference_stamp: of its reference [ns].
            true: (H, W) the reference projected into the frame's image, NaN where unknown.
        """
        if depth.shape != self._size:
            self._size = depth.shape
            for kept in (self._pairs, self._predicted, self._true):
                kept.clear()
        cells = _cell_means(depth, _STRIDE), _cell_means(true, 1)
        if len(self._pairs) == STEP:
            predicted, true_change = (
                _change(now, then) for now, then in zip(cells, self._pairs[0])
            )
            self._correlate(_Change(stamp, predicted), _Change(reference_stamp, true_change))
        self._pairs.append(cells)

    def _correlate(self, predicted: _Change, true: _Change) -> None:
        self._predicted.append(predicted)
        self._true.append(true)
        for steps in range(len(self._true)):
            self._note(-steps, predicted, self._true[-1 - steps])
            if steps:
                self._note(steps, self._predicted[-1 - steps], true)

    def _note(self, steps: int, predicted: _Change, true: _Change) -> None:
        time_offset = (predicted.stamp - true.stamp) / NANOSECONDS
        self._sums[steps].add(time_offset, predicted.cells, true.cells)

    def estimate(self) -> ShiftEstimate:
        """Judge what came in so far."""
        curve = {
            steps: (sums.time_offset / sums.count, sums.correlation)
            for steps, sums in sorted(self._sums.items())
            if sums.count >= MIN_AT_ONE
        }
        best = max(curve, key=lambda steps: curve[steps][1], default=0)
        is_clear = {best - 1, best + 1} <= set(curve) and curve[best][1] >= _MIN_CORRELATION
        if self._sums[0].count < MIN_CHANGES or not is_clear:
            return ShiftEstimate(
                'unknown',
                float('nan'),
                (
                    'whether the clocks of camera and reference agree cannot be told: fewer than '
                    f'{MIN_CHANGES + STEP} pairs, or too little moves in the view'
                ),
                curve,
            )
        seconds = -_vertex(curve, best)
        interval = abs(curve[best + 1][0] - curve[best - 1][0]) / 2
        if abs(seconds) <= interval / 2:
            return ShiftEstimate(
                'aligned',
                seconds,
                (
                    f'what moves does so in both within {interval / 2:.2f} s (estimate '
                    f'{seconds:+.2f} s)'
                ),
                curve,
            )
        return _shifted(seconds, curve)


def _shifted(seconds: float, curve: dict[int, tuple[float, float]]) -> ShiftEstimate:
    way = 'later' if seconds > 0 else 'earlier'
    return ShiftEstimate(
        'shifted',
        seconds,
        (
            f"the reference's stamps are about {abs(seconds):.2f} s {way} than the camera's: "
            'what moves does so in both at that distance. Mend the clocks or drivers, or set '
            f'time_offset to {-seconds:.2f}'
        ),
        curve,
    )


def _vertex(curve: dict[int, tuple[float, float]], best: int) -> float:
    """Return the time at the top of the parabola through the best and its neighbours."""
    times, values = np.array([curve[best + step] for step in (-1, 0, 1)]).T
    left, right = values[1] - values[0], values[1] - values[2]
    # In units of the interval, -0.5 to 0.5; a flat top has none.
    share = (left - right) / (2 * (left + right)) if left + right > 0 else 0.0
    return float(times[1] + share * (times[2] - times[0]) / 2)


def _change(now: Cells, then: Cells) -> Cells:
    change = now - then
    known = np.isfinite(change)
    if not known.any():
        return change
    return np.clip(change - np.median(change[known]), -_MAX_CHANGE, _MAX_CHANGE)


def _cell_means(depth: Depth, stride: int) -> Cells:
    """Return the mean logarithm of depth in every cell of the grid, NaN in empty ones."""
    sparse = depth[::stride, ::stride]
    rows, columns = np.nonzero(np.isfinite(sparse) & (sparse > 0))
    values = np.log(sparse[rows, columns].astype(np.float64))
    cells = (rows * GRID[0] // sparse.shape[0]) * GRID[1] + columns * GRID[1] // sparse.shape[1]
    size = GRID[0] * GRID[1]
    counts = np.bincount(cells, minlength=size)
    sums = np.bincount(cells, weights=values, minlength=size)
    means: Cells = np.divide(sums, counts, out=np.full(size, np.nan), where=counts > 0)
    return means
