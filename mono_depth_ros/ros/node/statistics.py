"""Counters of one camera: frames in and out, drops by cause, ages, frame rate."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field

import numpy as np

AGE_WINDOW = 100
RATE_WINDOW_S = 5.0


@dataclass(frozen=True)
class Snapshot:
    """Hold the counters at one moment; ages are NaN while nothing was published."""

    frames_in: int
    frames_out: int
    calibration_changes: int
    drops: dict[str, int]
    fps: float
    age_p50: float
    age_p95: float
    age_p99: float
    header_age_p50: float


@dataclass
class StreamStatistics:
    """Count what happens to the frames of one camera; safe to use from several threads.

    Ages count from reception on the steady clock [s]. The header's age (publication on the ROS
    clock minus the stamp) is kept beside it, since only that one sees delays before reception.
    """

    frames_in: int = 0
    frames_out: int = 0
    calibration_changes: int = 0
    drops: Counter[str] = field(default_factory=Counter)
    _ages: deque[float] = field(default_factory=lambda: deque(maxlen=AGE_WINDOW))
    _header_ages: deque[float] = field(default_factory=lambda: deque(maxlen=AGE_WINDOW))
    _published: deque[float] = field(default_factory=lambda: deque(maxlen=1000))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count_in(self) -> None:
        """Count a received frame."""
        with self._lock:
            self.frames_in += 1

    def count_calibration_change(self) -> None:
        """Count a camera_info that contradicts the one before."""
        with self._lock:
            self.calibration_changes += 1

    def count_drop(self, cause: str) -> None:
        """Count a frame that will not be published, by cause."""
        with self._lock:
            self.drops[cause] += 1

    def count_out(self, received: float, header_age: float) -> None:
        """Count a published frame, received at `received` on the steady clock [s]."""
        now = time.monotonic()
        with self._lock:
            self.frames_out += 1
            self._ages.append(now - received)
            self._header_ages.append(header_age)
            self._published.append(now)

    def snapshot(self) -> Snapshot:
        """Return the counters, the ages of the last frames and the rate of the last seconds."""
        now = time.monotonic()
        with self._lock:
            recent = [moment for moment in self._published if now - moment <= RATE_WINDOW_S]
            return Snapshot(
                frames_in=self.frames_in,
                frames_out=self.frames_out,
                calibration_changes=self.calibration_changes,
                drops=dict(self.drops),
                fps=frame_rate(recent),
                age_p50=percentile(self._ages, 50),
                age_p95=percentile(self._ages, 95),
                age_p99=percentile(self._ages, 99),
                header_age_p50=percentile(self._header_ages, 50),
            )


def frame_rate(moments: list[float]) -> float:
    """Return the mean rate of events [1/s]: intervals over the time they span."""
    if len(moments) < 2 or moments[-1] <= moments[0]:
        return 0.0
    return (len(moments) - 1) / (moments[-1] - moments[0])


def percentile(values: deque[float], rank: float) -> float:
    """Return a percentile, or NaN of nothing."""
    return float(np.percentile(list(values), rank)) if values else float('nan')
