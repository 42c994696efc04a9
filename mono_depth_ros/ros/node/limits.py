"""How bad is bad: thresholds on rate, age and drops, as the user set them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

# Not a fault: the camera is faster than the network, and the newest image is what counts.
EXPECTED_DROPS = frozenset({'replaced_by_newer'})


class Level(IntEnum):
    """Severity, with the values of diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2


@dataclass(frozen=True)
class Limits:
    """Hold the thresholds of the node's parameters of these names; 0 is not judged."""

    warn_fps: float = 0.0
    error_fps: float = 0.0
    warn_age: float = 0.0
    error_age: float = 0.0
    warn_drops: float = 0.0
    error_drops: float = 0.0


@dataclass(frozen=True)
class Performance:
    """Hold what the thresholds are about, over the last watchdog period.

    Attributes:
        fps: depth images per second; None until a whole period was seen.
        age_p95: 95th percentile of the age of depth at publication [s]; NaN without any.
        frames_in: images received.
        drops: images dropped, by cause.
    """

    fps: float | None = None
    age_p95: float = math.nan
    frames_in: int = 0
    drops: Mapping[str, int] = field(default_factory=dict)

    @property
    def faulty_share(self) -> float:
        """The share of images that were dropped for a fault."""
        faults = sum(count for cause, count in self.drops.items() if cause not in EXPECTED_DROPS)
        return faults / self.frames_in if self.frames_in else 0.0


def judge(seen: Performance, limits: Limits) -> tuple[Level, str] | None:
    """Return the worst threshold that is crossed, in words, or None."""
    crossed = list(_crossed(seen, limits))
    return max(crossed, key=lambda verdict: verdict[0]) if crossed else None


def readable_drops(drops: Mapping[str, int]) -> str:
    """Write drops by cause, most first; 'none' where there are none."""
    ordered = sorted(drops.items(), key=lambda item: -item[1])
    return ', '.join(f'{cause} {count}' for cause, count in ordered if count) or 'none'


def _crossed(seen: Performance, limits: Limits) -> Iterator[tuple[Level, str]]:
    share = seen.faulty_share
    if level := _level(share, limits.warn_drops, limits.error_drops):
        yield (
            level,
            (
                f'running, but {share:.0%} of the images are dropped '
                f'({readable_drops(seen.drops)}), above {_name(level, "drops")}'
            ),
        )
    if seen.fps is not None and (level := _level(-seen.fps, -limits.warn_fps, -limits.error_fps)):
        yield (
            level,
            (
                f'running, but at {seen.fps:.1f} Hz, below {_name(level, "fps")}: is the '
                'camera slower, or the network (then take a smaller model, or a GPU)?'
            ),
        )
    if level := _level(seen.age_p95, limits.warn_age, limits.error_age):
        yield (
            level,
            (
                f'running, but depth is {seen.age_p95 * 1e3:.0f} ms old (95th percentile), '
                f'above {_name(level, "age")}: take a smaller model, a GPU, smaller images, '
                'or end what else uses the processor'
            ),
        )


def _level(value: float, warn: float, error: float) -> Level:
    """Return how bad a value is where larger is worse; a threshold of 0 never is crossed."""
    if error and value > error:
        return Level.ERROR
    return Level.WARN if warn and value > warn else Level.OK


def _name(level: Level, what: str) -> str:
    return f'{level.name.lower()}_{what}'
