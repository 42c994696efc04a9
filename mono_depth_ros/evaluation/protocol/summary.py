"""The metrics of an evaluation as a table for the terminal, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from mono_depth_ros.evaluation.frame_metrics import FrameMetrics
from mono_depth_ros.evaluation.protocol.evaluate import EvaluationResult
from mono_depth_ros.evaluation.protocol.published import PublishedResult

# The metrics in the papers' order, and what they are called there.
COLUMNS = {
    'abs_rel': 'AbsRel',
    'sq_rel': 'SqRel',
    'rmse': 'RMSE',
    'rmse_log': 'RMSElog',
    'a1': 'd<1.25',
    'a2': 'd<1.25²',
    'a3': 'd<1.25³',
    'silog': 'SILog',
    'boundary_f1': 'edge F1',
}
_RANGE_COLUMNS = ('abs_rel', 'rmse', 'a1')


def row_of(metrics: FrameMetrics) -> dict[str, float]:
    """Return the metrics of the papers' row by their names there."""
    values = metrics.as_row()
    return {title: values[name] for name, title in COLUMNS.items()}


def published_row(result: PublishedResult) -> dict[str, float]:
    """Return what a paper prints by the same names, NaN where it prints nothing."""
    metrics = result.metrics
    return {
        title: math.nan if (value := metrics.get(name)) is None else value
        for name, title in COLUMNS.items()
    }


def range_rows(metrics: FrameMetrics) -> dict[str, dict[str, float]]:
    """Return the metrics of every range of true depth, with its pixels and frames."""
    return {
        part.name: {COLUMNS[name]: getattr(part.errors, name) for name in _RANGE_COLUMNS}
        | {'pixels': part.pixels, 'frames': part.frames}
        for part in metrics.ranges
    }


def table(rows: Mapping[str, Mapping[str, float]], decimals: int = 3) -> list[str]:
    """Return the lines of a table in which every row has the same columns."""
    columns = list(next(iter(rows.values())))
    cells = [
        ['', *columns],
        *(
            [title, *(_text(row[name], decimals) for name in columns)]
            for title, row in rows.items()
        ),
    ]
    widths = [max(len(line[place]) for line in cells) + 2 for place in range(len(columns) + 1)]
    return [
        f'{line[0]:<{widths[0]}}'
        + ''.join(f'{cell:>{max(9, width)}}' for cell, width in zip(line[1:], widths[1:]))
        for line in cells
    ]


def as_json(result: EvaluationResult, scalings: Sequence[str]) -> dict[str, Any]:
    """Return means, scale, skipped frames and every frame, in values of JSON.

    Args:
        result: of an evaluation.
        scalings: 'median_scaled', 'unscaled': those that mean something.
    """
    return {
        'ground_truth': result.ground_truth,
        'limits': list(result.rules.limits),
        'frames': len(result.images),
        'skipped': [skip._asdict() for skip in result.skipped],
        'pixels': sum(image.pixels for image in result.images),
        'missing': sum(image.comparison.missing for image in result.images),
        'scale': result.scale,
        'scale_spread': result.scale_spread,
        **{scaling: _plain(result.mean(scaling)) for scaling in scalings},
        'per_frame': [
            {
                'name': image.name,
                'pixels': image.pixels,
                'missing': image.comparison.missing,
                'scale': image.scale,
            }
            | {scaling: _plain(getattr(image.comparison, scaling)) for scaling in scalings}
            for image in result.images
        ],
    }


def as_csv(result: EvaluationResult, scalings: Sequence[str]) -> str:
    """Return one line per frame with all its metrics; empty where a frame lacks one."""
    file = io.StringIO()
    writer: csv.DictWriter[str] | None = None
    for image in result.images:
        row: dict[str, Any] = {
            'name': image.name,
            'pixels': image.pixels,
            'missing': image.comparison.missing,
            'scale': image.scale,
        }
        for scaling in scalings:
            row |= {
                f'{scaling} {name}': '' if math.isnan(value) else value
                for name, value in getattr(image.comparison, scaling).as_row().items()
            }
        if writer is None:
            writer = csv.DictWriter(file, list(row), lineterminator='\n')
            writer.writeheader()
        writer.writerow(row)
    return file.getvalue()


def _plain(metrics: FrameMetrics) -> dict[str, Any]:
    """Return metrics as values of JSON, None where there is none."""
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


def _text(value: float, decimals: int) -> str:
    if isinstance(value, int):
        return f'{value:,}'
    return '-' if math.isnan(value) else f'{value:.{decimals}f}'
