"""How late and how often depth comes: what a robot cares about beside how right it is."""

from __future__ import annotations

import math
import warnings
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

# Images that wait for their depth; a network that is further behind has dropped them.
MAX_WAITING = 1000


class Latency:
    """Match depth images with the images they were made from, by stamp.

    Ages count on whatever clock stamped the receptions, from an image's to that of its depth,
    both at the same place; so they hold under simulated time and at any replay rate. The header's
    age (the ROS clock at reception minus the stamp) is kept beside it: it also has the way from
    the camera to here, and under simulated time the replay's rate and the clock's steps in it.

    Args:
        window: how many of the last depth images `recent` is about.
    """

    def __init__(self, window: int = 100) -> None:
        self._waiting: OrderedDict[int, float] = OrderedDict()
        self._ages: list[float] = []
        self._header_ages: list[float] = []
        self._arrivals: list[float] = []
        self._window = window
        self.images = 0
        self.depths = 0
        self.dropped = 0

    def add_image(self, stamp: int, received: float) -> None:
        """Take in an image: its stamp [ns], and when it was received [s]."""
        self.images += 1
        self._waiting[stamp] = received
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popitem(last=False)
            self.dropped += 1

    def add_depth(self, stamp: int, received: float, header_age: float) -> None:
        """Take in a depth image: its stamp [ns], reception [s], and header's age [s] or NaN."""
        self.depths += 1
        self._arrivals.append(received)
        if math.isfinite(header_age):
            self._header_ages.append(header_age)
        began = self._waiting.pop(stamp, None)
        if began is not None:
            self._ages.append(received - began)
        for older in [other for other in self._waiting if other < stamp]:
            del self._waiting[older]
            self.dropped += 1

    def finish(self) -> None:
        """Count what still waits as dropped: no depth will come any more."""
        self.dropped += len(self._waiting)
        self._waiting.clear()

    def metrics(self) -> dict[str, float]:
        """Return the metrics over everything: ages [s], rate [1/s], counts; NaN where none."""
        return self._metrics(len(self._arrivals))

    def figures(self) -> dict[str, float]:
        """Return `metrics()`, whose name this was."""
        warnings.warn(
            'Latency.figures() will go with the next release: call metrics().',
            DeprecationWarning,
            stacklevel=2,
        )
        return self.metrics()

    def recent(self) -> dict[str, float]:
        """Return the same over the last depth images; counts are those of all."""
        return self._metrics(self._window)

    def _metrics(self, last: int) -> dict[str, float]:
        ages, header_ages = self._ages[-last:], self._header_ages[-last:]
        arrivals = self._arrivals[-last:]
        span = arrivals[-1] - arrivals[0] if len(arrivals) > 1 else 0.0
        return {
            'age_p50': _percentile(ages, 50),
            'age_p95': _percentile(ages, 95),
            'age_p99': _percentile(ages, 99),
            'jitter': float(np.std(ages)) if ages else math.nan,
            'header_age_p50': _percentile(header_ages, 50),
            'header_age_p95': _percentile(header_ages, 95),
            'rate': (len(arrivals) - 1) / span if span > 0 else math.nan,
            'images': float(self.images),
            'depths': float(self.depths),
            'dropped': float(self.dropped),
        }


def _percentile(values: Sequence[float], rank: float) -> float:
    return float(np.percentile(values, rank)) if values else math.nan


def latency_table(metrics: dict[str, float]) -> str:
    """Write the metrics of `Latency` for a person to read."""
    return (
        f'age from image to depth: p50 {1e3 * metrics["age_p50"]:.1f} ms, '
        f'p95 {1e3 * metrics["age_p95"]:.1f} ms, p99 {1e3 * metrics["age_p99"]:.1f} ms, '
        f'jitter {1e3 * metrics["jitter"]:.1f} ms\n'
        f'age of the header: p50 {1e3 * metrics["header_age_p50"]:.1f} ms, '
        f'p95 {1e3 * metrics["header_age_p95"]:.1f} ms\n'
        f'{metrics["images"]:.0f} images, {metrics["depths"]:.0f} depth images at '
        f'{metrics["rate"]:.1f} Hz, {metrics["dropped"]:.0f} dropped'
    )
