"""Is the reference's clock that of the camera? Ask whether depth fits another moment better."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Depth = NDArray[np.float32]

# How many pairs back: a second at a lidar's 10 Hz.
REACH = 10
SAMPLES = 2000
# Fewer pairs prove nothing.
LEAST_PAIRS = 8
# How much smaller the error has to be at another moment (its logarithm), and how often.
_CLEARLY = 0.03
_MOSTLY = 0.7
# No depth is better than this; a perfect one has a logarithm too.
_LEAST_ERROR = 1e-3
_NANOSECONDS = 1e9


class Samples(NamedTuple):
    """Places (N,) and (N,) in an image, and the true depth (N,) there [m]."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    true: NDArray[np.float64]


@dataclass(frozen=True)
class ShiftEstimate:
    """What the errors at other moments say.

    Attributes:
        state: 'aligned', 'shifted', 'unknown' (the view changes too little to tell, or too few
            pairs).
        seconds: how much later the reference's stamps are than the camera's; NaN if unknown.
        text: the same in a sentence, with the cure.
        curve: for each distance in pairs: the mean time between frame and reference [s], and the
            mean logarithm of the error there over that at the paired moment.
    """

    state: str
    seconds: float
    text: str
    curve: dict[int, tuple[float, float]]


class TimeShift:
    """Compare every frame with the references of other frames around it.

    Depth drawn from a reference of another moment fits worse where the view changes, whatever the
    network's own errors; if it fits better, the stamps of camera and reference disagree. Errors
    are those of the logarithm with the best scale taken out, so the unit does not matter.
    """

    def __init__(self) -> None:
        self._recent: deque[tuple[int, Depth, int, Samples, float]] = deque(maxlen=REACH)
        self._times: dict[int, list[float]] = defaultdict(list)
        self._ratios: dict[int, list[float]] = defaultdict(list)

    def add(self, stamp: int, depth: Depth, reference_stamp: int, true: Depth) -> None:
        """Take in one pair.

        Args:
            stamp: of the frame [ns].
            depth: (H, W) predicted.
            reference_stamp: of its reference [ns].
            true: (H, W) the reference drawn into the frame's image, NaN where unknown.
        """
        samples = _sample(true)
        own = _error(depth, samples)
        for steps, (old_stamp, old_depth, old_reference, old_samples, old_own) in enumerate(
                reversed(self._recent), start=1):
            if old_depth.shape != depth.shape:
                continue
            base = (own + old_own) / 2
            self._note(steps, stamp - old_reference, _error(depth, old_samples), base)
            self._note(-steps, old_stamp - reference_stamp, _error(old_depth, samples), base)
        self._recent.append((stamp, depth, reference_stamp, samples, own))

    def _note(self, steps: int, apart: int, error: float, base: float) -> None:
        if np.isfinite(error) and np.isfinite(base):
            self._times[steps].append(apart / _NANOSECONDS)
            self._ratios[steps].append(
                float(np.log(max(error, _LEAST_ERROR) / max(base, _LEAST_ERROR))))

    def estimate(self) -> ShiftEstimate:
        """Judge what came in so far."""
        enough = {steps for steps, ratios in self._ratios.items() if len(ratios) >= LEAST_PAIRS}
        curve = {0: (0.0, 0.0)} | {
            steps: (float(np.mean(self._times[steps])), float(np.mean(self._ratios[steps])))
            for steps in sorted(enough)}
        best = min(curve, key=lambda steps: curve[steps][1])
        if not {-1, 1} <= enough or max(value for _, value in curve.values()) < _CLEARLY:
            return ShiftEstimate('unknown', float('nan'), (
                'whether the clocks of camera and reference agree cannot be told: too few pairs, '
                'or a view that hardly changes; drive while recording'), curve)
        ratios = np.array(self._ratios[best]) if best else np.zeros(1)
        if best and curve[best][1] < -_CLEARLY and np.mean(ratios < 0) >= _MOSTLY:
            return _shifted(-_vertex(curve, best), curve)
        return ShiftEstimate('aligned', 0.0, 'the clocks of camera and reference agree', curve)


def _shifted(seconds: float, curve: dict[int, tuple[float, float]]) -> ShiftEstimate:
    way = 'later' if seconds > 0 else 'earlier'
    return ShiftEstimate('shifted', seconds, (
        f"the reference's stamps are about {abs(seconds):.2f} s {way} than the camera's: depth "
        f'fits what was measured at that distance better. Mend the clocks or drivers, or set '
        f'time_offset to {-seconds:.2f}'), curve)


def _vertex(curve: dict[int, tuple[float, float]], best: int) -> float:
    """Return the time at the lowest point of the parabola through the best and its neighbours."""
    if best - 1 not in curve or best + 1 not in curve:
        return curve[best][0]
    times, values = np.array([curve[best + step] for step in (-1, 0, 1)]).T
    second, first, _ = np.polyfit(times, values, 2)
    lowest = -first / (2 * second) if second > 0 else times[1]
    return float(np.clip(lowest, times.min(), times.max()))


def _sample(true: Depth) -> Samples:
    rows, columns = np.nonzero(np.isfinite(true))
    chosen = np.linspace(0, len(rows) - 1, min(SAMPLES, len(rows))).astype(int)
    rows, columns = rows[chosen], columns[chosen]
    return Samples(rows, columns, true[rows, columns].astype(np.float64))


def _error(depth: Depth, samples: Samples) -> float:
    """Return the mean of |ln d - ln t| around its median; NaN where nothing can be compared."""
    predicted = depth[samples.rows, samples.columns].astype(np.float64)
    valid = np.isfinite(predicted) & (predicted > 0)
    if not valid.any():
        return float('nan')
    difference = np.log(predicted[valid] / samples.true[valid])
    return float(np.mean(np.abs(difference - np.median(difference))))
