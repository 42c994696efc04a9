"""Pass or fail: metrics against limits that a robot's owner set."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mono_depth_ros.suggest import did_you_mean

if TYPE_CHECKING:
    from mono_depth_ros.evaluation.robot.result import BagResult

# What is better.
LOWER = (
    'abs_rel',
    'sq_rel',
    'rmse',
    'rmse_log',
    'silog',
    'scale_spread',
    'flicker',
    'flicker_p95',
)
HIGHER = ('a1', 'a2', 'a3', 'boundary_f1', 'coverage', 'frames')
NAMES = (*(f'max_{name}' for name in LOWER), *(f'min_{name}' for name in HIGHER))


@dataclass(frozen=True)
class Threshold:
    """A limit of one metric.

    Attributes:
        name: 'max_abs_rel', 'min_a1', …, one of NAMES.
        limit: what the metric must not pass.
    """

    name: str
    limit: float

    def __post_init__(self) -> None:
        """Refuse a name that is none."""
        if self.name not in NAMES:
            hint = did_you_mean(self.name, NAMES)
            raise ValueError(
                f"Threshold '{self.name}' is not known.{hint} Expected one of: {', '.join(NAMES)}."
            )
        if not math.isfinite(self.limit):
            raise ValueError(f'Threshold {self.name} is {self.limit}; expected a number.')

    @property
    def metric(self) -> str:
        """The name of the metric."""
        return self.name[4:]

    def holds(self, metrics: Mapping[str, float]) -> bool:
        """Say whether the metric keeps to the limit; one that was not measured does not."""
        value = metrics.get(self.metric, math.nan)
        return value <= self.limit if self.name.startswith('max') else value >= self.limit


@dataclass(frozen=True)
class Verdict:
    """Whether an evaluation passed.

    Attributes:
        passed: everything held.
        failures: what did not, in words.
        judged: which scaling the metrics have.
    """

    passed: bool
    failures: tuple[str, ...]
    judged: str

    def text(self) -> str:
        """Say it in one or a few lines."""
        if self.passed:
            return f'PASSED ({self.judged})'
        return '\n'.join(
            [f'FAILED ({self.judged})', *(f'  {failure}' for failure in self.failures)]
        )


def parse_thresholds(texts: Iterable[str]) -> tuple[Threshold, ...]:
    """Read thresholds written 'max_abs_rel=0.2'.

    Raises:
        ValueError: one is not written so.
    """
    thresholds = []
    for text in texts:
        name, _, number = text.partition('=')
        expected = f"Threshold '{text}' cannot be read; expected such as 'max_abs_rel=0.2'."
        try:
            limit = float(number)
        except ValueError as error:
            raise ValueError(expected) from error
        try:
            thresholds.append(Threshold(name.strip(), limit))
        except ValueError as error:
            raise ValueError(f'{expected} {error}') from error
    return tuple(thresholds)


def check_thresholds(result: BagResult, thresholds: Iterable[Threshold]) -> Verdict:
    """Hold a result to thresholds; clocks that disagree fail whatever the metrics."""
    metrics = result.metrics()
    failures = []
    for threshold in thresholds:
        if threshold.holds(metrics):
            continue
        value = metrics.get(threshold.metric, math.nan)
        is_flicker = threshold.metric.startswith('flicker') and math.isnan(value)
        said = (
            f'not measured ({result.no_flicker})'
            if is_flicker
            else 'not measured'
            if math.isnan(value)
            else f'{value:.4g}'
        )
        relation = 'above' if threshold.name.startswith('max') else 'below'
        failures.append(
            f'{threshold.metric} {said}'
            + ('' if math.isnan(value) else f' is {relation} {threshold.limit:g}')
        )
    if result.shift.state == 'shifted':
        failures.append(result.shift.text)
    return Verdict(not failures, tuple(failures), result.judged)
