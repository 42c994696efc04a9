"""The comparison of networks as a table for the terminal, as files and as a plot."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from mono_depth_ros.evaluation.protocol.comparison import SIZE, ComparisonLine, Timing
from mono_depth_ros.evaluation.protocol.options import CLOCKS
from mono_depth_ros.evaluation.protocol.published import METRICS
from mono_depth_ros.inference.cards.metrics import MEDIAN_SCALED
from mono_depth_ros.machine import processor_name
from mono_depth_ros.visualization.comparison_plot import Mark, Panel, draw_plot

COLUMNS = (
    'network',
    'kind',
    'source',
    'data',
    'scaling',
    'height',
    'width',
    'parameters_m',
    'operations_g',
    'wall_ms',
    'cpu_ms',
    *METRICS,
    'notes',
)


def _conditions(timing: Timing | None) -> str:
    what = f'{datetime.now(timezone.utc):%Y-%m-%d}, {processor_name()}, torch {version("torch")}'
    if timing is None:
        return what
    return f'{what}, {_threads(timing)}, median of {timing.repetitions}'


def _threads(timing: Timing) -> str:
    return f'{timing.threads} thread{"s" if timing.threads > 1 else ""}'


def table_text(lines: Sequence[ComparisonLine], timing: Timing | None) -> str:
    """Return the table: a line per network, below it its cards and its published rows."""
    notes = list(dict.fromkeys(note for line in lines for note in line.notes))
    labels = [_label(line, notes) for line in lines]
    width = max(map(len, labels))
    return '\n'.join(
        [
            _conditions(timing),
            'here and cards: as deployed, convolutions only, one image, eager float32; papers: as '
            f'printed, KITTI Eigen, M, {_by(SIZE)}',
            f'{"network":{width}}'
            + ''.join(f'{name:>9}' for name in ('params M', 'G ops', 'ms', 'CPU ms', *METRICS)),
            *(f'{label:{width}}' + _figures(line) for label, line in zip(labels, lines)),
            *(f'[{number}] {note}' for number, note in enumerate(notes, 1)),
        ]
    )


def _label(line: ComparisonLine, notes: Sequence[str]) -> str:
    if line.kind == 'measured':
        return f'{line.network}, {_by(line.size)}'
    marks = ''.join(f' [{notes.index(note) + 1}]' for note in line.notes)
    if line.kind == 'published':
        return f'  {line.source}{marks}'
    if line.kind == 'reference':
        return f'  beside it {line.source}, {line.data}, {line.scaling}'
    return f'  card {line.source}, {_by(line.size)}, {line.data}, {line.scaling}'


def _by(size: tuple[int, int]) -> str:
    return f'{size[0]}x{size[1]}'


def _figures(line: ComparisonLine) -> str:
    def write(value: float | None, digits: int) -> str:
        return f'{"-" if value is None else format(value, f".{digits}f"):>9}'

    return (
        write(line.parameters_m, 2)
        + write(line.operations_g, 2)
        + write(line.wall_ms, 0)
        + write(line.cpu_ms, 0)
        + ''.join(write(line.metrics.get(name), 3) for name in METRICS)
    )


def write_table(path: Path, lines: Sequence[ComparisonLine], timing: Timing | None) -> None:
    """Write a row per line, as .yaml or as .csv."""
    rows = [_row(line) for line in lines]
    if path.suffix == '.yaml':
        report = {'conditions': _conditions(timing), 'lines': rows}
        path.write_text(
            yaml.safe_dump(report, sort_keys=False, allow_unicode=True), encoding='utf-8'
        )
        return
    with path.open('w', encoding='utf-8', newline='') as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({**row, 'notes': ' '.join(row['notes'])} for row in rows)


def _row(line: ComparisonLine) -> dict[str, Any]:
    values = vars(line) | {name: line.metrics.get(name) for name in METRICS}
    values |= {'height': line.size[0], 'width': line.size[1], 'notes': list(line.notes)}
    return {column: values[column] for column in COLUMNS}


def plot_text(lines: Sequence[ComparisonLine], timing: Timing, clock: str) -> str:
    """Return accuracy over latency as SVG; `clock` is a key of CLOCKS."""
    published = Panel(
        f"as published, on KITTI's Eigen test frames, M, {_by(SIZE)}",
        list(_published_marks(lines, clock)),
    )
    along = f'{CLOCKS[clock]} of one image, {processor_name()}, {_threads(timing)}'
    return draw_plot([published, *_card_panels(lines, clock)], along)


def _published_marks(lines: Sequence[ComparisonLine], clock: str) -> Iterable[Mark]:
    """Yield every network that has a published abs_rel, where our latency puts it."""
    for network in (line for line in lines if line.kind == 'measured'):
        errors = [
            line.metrics['abs_rel']
            for line in lines
            if line.kind == 'published' and line.network == network.network
        ]
        error = next((error for error in errors if error is not None), None)
        if error is not None:
            yield _mark(network, network.network, error, clock)


def _card_panels(lines: Sequence[ComparisonLine], clock: str) -> Iterable[Panel]:
    """Yield a panel for every split that cards state a median-scaled abs_rel on."""
    marks: dict[str | None, list[Mark]] = {}
    for line in lines:
        error = line.metrics.get('abs_rel') if line.kind == 'card' else None
        if error is not None and line.scaling == MEDIAN_SCALED:
            marks.setdefault(line.data, []).append(
                _mark(line, f'{line.source}, {_by(line.size)}', error, clock)
            )
    for split, on_split in marks.items():
        yield Panel(f'of our weights, median-scaled, on {split}', on_split)


def _mark(line: ComparisonLine, name: str, error: float, clock: str) -> Mark:
    latency = line.wall_ms if clock == 'wall' else line.cpu_ms
    assert latency is not None and line.parameters_m is not None
    return Mark(name, latency, error, line.parameters_m)
