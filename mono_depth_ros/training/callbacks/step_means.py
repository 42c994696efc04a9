"""Means over the steps of a training: what its curves are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class StepMeans:
    """One step, or several that follow each other.

    Attributes:
        step: steps done after the last of them.
        steps: how many.
        loss: their mean, of this process's share.
        terms: means of its parts, over the steps that have them.
        learning_rate: mean.
        images: targets of the steps whose speed counts, over all devices.
        seconds: those steps took.
        waited: of them, for data.
    """

    step: int
    steps: int
    loss: float
    terms: dict[str, float]
    learning_rate: float
    images: int
    seconds: float
    waited: float

    @property
    def images_per_second(self) -> float:
        """Targets per second; NaN where no step's speed counts."""
        return self.images / self.seconds if self.seconds else math.nan

    @property
    def wait_share(self) -> float:
        """Share of the step time that was spent waiting for data; NaN as above."""
        return self.waited / self.seconds if self.seconds else math.nan


def join_step_means(spans: Sequence[StepMeans]) -> StepMeans:
    """Join one span or more, in the order of their steps; every step counts the same."""
    steps = sum(span.steps for span in spans)
    names = dict.fromkeys(name for span in spans for name in span.terms)
    return StepMeans(
        step=spans[-1].step,
        steps=steps,
        loss=math.fsum(span.loss * span.steps for span in spans) / steps,
        terms={name: _mean_term(spans, name) for name in names},
        learning_rate=math.fsum(span.learning_rate * span.steps for span in spans) / steps,
        images=sum(span.images for span in spans),
        seconds=math.fsum(span.seconds for span in spans),
        waited=math.fsum(span.waited for span in spans),
    )


def _mean_term(spans: Sequence[StepMeans], name: str) -> float:
    having = [span for span in spans if name in span.terms]
    total = math.fsum(span.terms[name] * span.steps for span in having)
    return total / sum(span.steps for span in having)


class Averager:
    """Gathers steps until somebody takes them as one span.

    The first step after a start says nothing about speed, since readers and device start in it.
    """

    def __init__(self) -> None:
        self._gathered: list[StepMeans] = []
        self._is_warm = False

    def __len__(self) -> int:
        """Return how many steps wait to be taken."""
        return len(self._gathered)

    def add(self, step: StepMeans) -> None:
        """Gather a step."""
        if not self._is_warm:
            step = replace(step, images=0, seconds=0.0, waited=0.0)
            self._is_warm = True
        self._gathered.append(step)

    def take(self) -> StepMeans:
        """Return the gathered steps, one or more, and begin anew."""
        span = join_step_means(self._gathered)
        self._gathered = []
        return span
