"""What an evaluation has found so far, on disk as it grows, so that a kill loses nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mono_depth_ros.evaluation.frame_metrics import (
    WAYS,
    FrameComparison,
    FrameMetrics,
    RangeMetrics,
)
from mono_depth_ros.evaluation.metrics import DepthMetrics
from mono_depth_ros.evaluation.protocol.evaluate import ImageResult

FILE_NAME = 'frames.jsonl'


class Journal:
    """The results of an evaluation's frames in <folder>/frames.jsonl.

    The first line says what was evaluated, each further one is a frame.

    Args:
        folder: of the evaluation; made if it is missing.
        subject: what is evaluated and how, in values of JSON; a journal of the same is taken up.
        afresh: throw away what is there.

    Attributes:
        results: of the frames by name.

    Raises:
        ValueError: the journal there is one of something else, or damaged.
    """

    def __init__(self, folder: Path, subject: Mapping[str, Any], afresh: bool = False) -> None:
        self._path = folder / FILE_NAME
        self.results: dict[str, ImageResult] = {}
        folder.mkdir(parents=True, exist_ok=True)
        if self._path.is_file() and not afresh:
            self._read(json.loads(json.dumps(subject)))
        else:
            self._path.write_text(_line({'subject': subject}), encoding='utf-8')

    def add(self, result: ImageResult) -> None:
        """Write one more frame down."""
        self.results[result.name] = result
        with self._path.open('a', encoding='utf-8') as file:
            file.write(_line(_entry_of(result)))

    def _read(self, subject: Mapping[str, Any]) -> None:
        text = self._path.read_text(encoding='utf-8', errors='replace')
        whole = text[: text.rfind('\n') + 1]
        if whole != text:  # a kill came while the last line was written
            self._path.write_text(whole, encoding='utf-8')
        lines = whole.splitlines() or [_line({'subject': subject})]
        self._check(self._parse(lines[0], 1, _subject_of), subject)
        for number, line in enumerate(lines[1:], 2):
            result = self._parse(line, number, _result_of)
            self.results[result.name] = result
        if not whole:
            self._path.write_text(lines[0], encoding='utf-8')

    def _parse(self, line: str, number: int, make: Any) -> Any:
        try:
            return make(json.loads(line))
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"Line {number} of '{self._path}' is no result of an evaluation ({error!r}). "
                'Choose another folder, or begin afresh (--afresh).'
            ) from error

    def _check(self, found: Mapping[str, Any], subject: Mapping[str, Any]) -> None:
        differing = [key for key in {**subject, **found} if found.get(key) != subject.get(key)]
        if differing:
            differences = ', '.join(
                f'{key} {found.get(key)!r} there and {subject.get(key)!r} now' for key in differing
            )
            raise ValueError(
                f"'{self._path}' is of another evaluation: {differences}. Choose another folder, "
                'or begin afresh (--afresh).'
            )


def plain(metrics: FrameMetrics) -> dict[str, Any]:
    """Return figures as values of JSON, None where there is none."""
    return {
        **_numbers(metrics.errors._asdict()),
        **_numbers({'silog': metrics.silog, 'boundary_f1': metrics.boundary_f1}),
        'ranges': [
            {'range': [part.nearest, part.farthest], 'pixels': part.pixels, 'frames': part.frames}
            | _numbers(part.errors._asdict())
            for part in metrics.ranges
        ],
    }


def _numbers(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _entry_of(result: ImageResult) -> dict[str, Any]:
    comparison = result.comparison
    return {
        'name': result.name,
        'pixels': comparison.pixels,
        'missing': comparison.missing,
        'scale': comparison.scale,
    } | {way: plain(getattr(comparison, way)) for way in WAYS}


def _result_of(entry: Mapping[str, Any]) -> ImageResult:
    scaled, unscaled = (_metrics_of(entry[way]) for way in WAYS)
    return ImageResult(
        entry['name'],
        FrameComparison(entry['pixels'], entry['missing'], entry['scale'], scaled, unscaled),
    )


def _subject_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    return dict(entry['subject'])


def _metrics_of(values: Mapping[str, Any]) -> FrameMetrics:
    return FrameMetrics(
        _errors_of(values),
        _number(values['silog']),
        _number(values['boundary_f1']),
        tuple(_range_of(part) for part in values['ranges']),
    )


def _range_of(values: Mapping[str, Any]) -> RangeMetrics:
    nearest, farthest = values['range']
    return RangeMetrics(nearest, farthest, values['pixels'], values['frames'], _errors_of(values))


def _errors_of(values: Mapping[str, Any]) -> DepthMetrics:
    return DepthMetrics(*(_number(values[name]) for name in DepthMetrics._fields))


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _line(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry, allow_nan=False) + '\n'
