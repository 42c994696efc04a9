"""What is remembered of a training, over all its interruptions: history.jsonl."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from mono_depth_ros.evaluation.metrics import DepthMetrics
from mono_depth_ros.evaluation.protocol.evaluate import EvaluationResult
from mono_depth_ros.training.callbacks.step_means import StepMeans, join_step_means

FILE_NAME = 'history.jsonl'
MAX_POINTS = 1000


@dataclass(frozen=True)
class Validation:
    """What a validation found after a step.

    Attributes:
        step: steps done.
        images: how many were compared.
        ground_truth: with which true depth.
        scale: median of the images' true over predicted median depth.
        median_scaled: metrics where each image was brought to the true median depth.
        unscaled: metrics of depth in its own metres.
    """

    step: int
    images: int
    ground_truth: str
    scale: float
    median_scaled: DepthMetrics
    unscaled: DepthMetrics


@dataclass(frozen=True)
class HeldOutErrors:
    """How well held-out images were explained after a step."""

    step: int
    reprojection: float
    identity: float


def validation_of(step: int, result: EvaluationResult) -> Validation:
    """Shorten a result to what is remembered."""
    return Validation(
        step,
        len(result.images),
        result.ground_truth,
        result.scale,
        result.median_scaled,
        result.unscaled,
    )


class History:
    """The history of a training up to now, on disk as it grows.

    Args:
        folder: the run's; a history in it is taken up again, or replaced if step is 0.
        step: steps done so far; what the file has beyond them was lost with a kill.
        steps: of the whole training; at most MAX_POINTS spans are kept of them, and one for each
            interruption.

    Raises:
        ValueError: the file is damaged.
    """

    def __init__(self, folder: Path, step: int, steps: int) -> None:
        self._path = folder / FILE_NAME
        self.steps_per_span = -(-steps // MAX_POINTS)
        self.spans: list[StepMeans] = []
        self.validations: list[Validation] = []
        self.held_out: list[HeldOutErrors] = []
        if step and self._path.is_file():
            self._read(step)
        folder.mkdir(parents=True, exist_ok=True)
        self._rewrite()

    def add_span(self, span: StepMeans) -> None:
        """Remember the steps that came last."""
        self.spans.append(span)
        self._append({'span': asdict(span)})

    def add_validation(self, validation: Validation) -> None:
        """Remember a validation; one of the same step replaces the earlier one."""
        self.validations = [
            *(v for v in self.validations if v.step != validation.step),
            validation,
        ]
        self._append(_validation_entry(validation))

    def add_held_out(self, errors: HeldOutErrors) -> None:
        """Remember held-out errors; those of the same step replace the earlier ones."""
        self.held_out = [*(e for e in self.held_out if e.step != errors.step), errors]
        self._append({'held_out': asdict(errors)})

    def _append(self, entry: dict[str, Any]) -> None:
        with self._path.open('a', encoding='utf-8') as file:
            file.write(json.dumps(entry) + '\n')

    def _rewrite(self) -> None:
        entries = [
            *({'span': asdict(span)} for span in self.spans),
            *(_validation_entry(validation) for validation in self.validations),
            *({'held_out': asdict(errors)} for errors in self.held_out),
        ]
        unfinished = self._path.with_suffix('.new')
        unfinished.write_text(''.join(json.dumps(entry) + '\n' for entry in entries), 'utf-8')
        unfinished.replace(self._path)

    def _read(self, step: int) -> None:
        lines = self._path.read_text(encoding='utf-8').splitlines(keepends=True)
        if lines and not lines[-1].endswith('\n'):
            lines.pop()  # a kill came while it was written
        spans, validations, held_out = [], {}, {}
        for number, line in enumerate(lines, 1):
            entry = self._parse(line, number)
            if isinstance(entry, StepMeans):
                spans.append(entry)
            elif isinstance(entry, HeldOutErrors):
                held_out[entry.step] = entry
            else:
                validations[entry.step] = entry
        self.spans = _thin((s for s in spans if s.step <= step), self.steps_per_span)
        self.validations = [v for v in validations.values() if v.step <= step]
        self.held_out = [errors for errors in held_out.values() if errors.step <= step]

    def _parse(self, line: str, number: int) -> StepMeans | Validation | HeldOutErrors:
        try:
            entry = json.loads(line)
            if 'span' in entry:
                return StepMeans(**entry['span'])
            if 'held_out' in entry:
                return HeldOutErrors(**entry['held_out'])
            values = entry['validation']
            for name in ('median_scaled', 'unscaled'):
                values[name] = DepthMetrics(**values[name])
            return Validation(**values)
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"Line {number} of '{self._path}' is neither a span of steps nor a validation "
                f'({error!r}). Delete the file; the curves then begin where the training goes on.'
            ) from error


def _validation_entry(validation: Validation) -> dict[str, Any]:
    metrics = {
        'median_scaled': validation.median_scaled._asdict(),
        'unscaled': validation.unscaled._asdict(),
    }
    return {'validation': asdict(validation) | metrics}


def _thin(spans: Iterable[StepMeans], steps: int) -> list[StepMeans]:
    """Join spans that end within the same so many steps."""
    groups = groupby(spans, key=lambda span: (span.step - 1) // steps)
    return [join_step_means(list(group)) for _, group in groups]
