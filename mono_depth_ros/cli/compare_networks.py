"""The executable `compare_networks`: our networks beside what the papers print of them."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from tqdm import tqdm

from mono_depth_ros.evaluation.protocol.comparison import (
    MEDIAN_SCALED,
    SIZE,
    ComparisonLine,
    Timing,
    card_lines,
    measured_line,
    published_lines,
)
from mono_depth_ros.evaluation.protocol.published import METRICS, load_published
from mono_depth_ros.inference.cards.model_card import ModelCard, list_cards, load_card
from mono_depth_ros.machine import processor_name
from mono_depth_ros.networks import list_networks, network_info
from mono_depth_ros.visualization.comparison_plot import Mark, Panel, draw_plot
from mono_depth_ros.visualization.libraries import require_report_libraries

TABLES = ('.csv', '.yaml')
PLOT = '.svg'
CLOCKS = {'wall': 'latency [ms]', 'cpu': 'CPU time [ms]'}
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


def main(args: Sequence[str] | None = None) -> int:
    """Compare the networks; return the exit code."""
    chosen = _parser().parse_args(args)
    try:
        _check(chosen)
        cards = _cards(chosen)
        names = _names(chosen, cards)
        lines = _lines(names, cards, _timing(chosen))
        print(_text(lines, chosen))
        if chosen.output is not None:
            _write(lines, chosen)
            print(f'{chosen.output}: the same')
        if chosen.plot is not None:
            chosen.plot.write_text(_plot(lines, chosen), encoding='utf-8')
            print(f'{chosen.plot}: accuracy over latency')
    except (ImportError, OSError, ValueError) as error:
        print(f'compare_networks: error: {error}', file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='compare_networks',
        description='Print parameters, multiply-adds and CPU latency of the networks, and the '
        'accuracy of trained cards, beside what the papers print (docs/published_results.md).',
    )
    add = parser.add_argument
    add('names', nargs='*', metavar='NETWORK', help='which networks (default: all)')
    add(
        '--cards',
        nargs='+',
        default=[],
        metavar='CARD',
        help='trained model cards, beside those of the package that state metrics',
    )
    add('--threads', type=int, default=1, metavar='N', help='CPU threads (default: 1)')
    add(
        '--repetitions',
        type=int,
        default=10,
        metavar='N',
        help='runs that latency is the median of (default: 10)',
    )
    add('--no-latency', dest='latency', action='store_false', help='measure no latency')
    add('--output', type=Path, metavar='FILE', help='write the table as .csv or .yaml')
    add('--plot', type=Path, metavar='FILE', help='draw accuracy over latency as .svg')
    add(
        '--clock',
        choices=tuple(CLOCKS),
        default='wall',
        help='what latency the plot shows; cpu: CPU time, which is what one thread takes on an '
        'idle machine, for machines with other load (default: wall)',
    )
    return parser


def _check(chosen: argparse.Namespace) -> None:
    """Refuse before the long run what would fail after it."""
    for option, path, suffixes in (
        ('--output', chosen.output, TABLES),
        ('--plot', chosen.plot, (PLOT,)),
    ):
        if path is None:
            continue
        if path.suffix not in suffixes:
            raise ValueError(
                f"{option} '{path}' ends with '{path.suffix}'; expected {' or '.join(suffixes)}."
            )
        if not path.absolute().parent.is_dir():
            raise FileNotFoundError(
                f"Folder '{path.parent}' of {option} does not exist. Create it first."
            )
    for option, value in (('--threads', chosen.threads), ('--repetitions', chosen.repetitions)):
        if value < 1:
            raise ValueError(f'{option} is {value}; expected 1 or more.')
    if chosen.plot is not None and not chosen.latency:
        raise ValueError('--plot draws accuracy over latency. Leave out --no-latency.')
    if chosen.plot is not None:
        require_report_libraries()
    for name in chosen.names:
        network_info(name)


def _timing(chosen: argparse.Namespace) -> Timing | None:
    return Timing(chosen.threads, chosen.repetitions) if chosen.latency else None


def _cards(chosen: argparse.Namespace) -> list[ModelCard]:
    """Return the package's cards that have something to say of the networks, then those given."""
    shipped = [
        card
        for card in map(load_card, list_cards())
        if card.is_trained and card.metrics and card.network in (chosen.names or list_networks())
    ]
    given = [load_card(name) for name in chosen.cards]
    return shipped + [card for card in given if card not in shipped]


def _names(chosen: argparse.Namespace, cards: Sequence[ModelCard]) -> list[str]:
    names = chosen.names or list_networks()
    return list(dict.fromkeys([*names, *(card.network for card in cards)]))


def _lines(
    names: Sequence[str], cards: Sequence[ModelCard], timing: Timing | None
) -> list[ComparisonLine]:
    published = load_published()
    lines: list[ComparisonLine] = []
    for name in tqdm(names, unit='network', disable=None):
        lines.append(measured_line(name, timing))
        for card in cards:
            if card.network == name:
                lines += card_lines(card, timing)
        lines += published_lines(published, name)
    return lines


def _conditions(chosen: argparse.Namespace) -> str:
    what = f'{datetime.now(timezone.utc):%Y-%m-%d}, {processor_name()}, torch {version("torch")}'
    if not chosen.latency:
        return what
    return f'{what}, {_threads(chosen)}, median of {chosen.repetitions}'


def _threads(chosen: argparse.Namespace) -> str:
    return f'{chosen.threads} thread{"s" if chosen.threads > 1 else ""}'


def _text(lines: Sequence[ComparisonLine], chosen: argparse.Namespace) -> str:
    """Return the table: a line per network, below it its cards and its published rows."""
    notes = list(dict.fromkeys(note for line in lines for note in line.notes))
    labels = [_label(line, notes) for line in lines]
    width = max(map(len, labels))
    return '\n'.join(
        [
            _conditions(chosen),
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
    data = f', {line.data}' if line.data else ''
    if line.kind == 'reference':
        return f'  beside it {line.source}{data}, {line.scaling}'
    return f'  card {line.source}, {_by(line.size)}{data}, {line.scaling}'


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


def _write(lines: Sequence[ComparisonLine], chosen: argparse.Namespace) -> None:
    rows = [_row(line) for line in lines]
    if chosen.output.suffix == '.yaml':
        report = {'conditions': _conditions(chosen), 'lines': rows}
        chosen.output.write_text(
            yaml.safe_dump(report, sort_keys=False, allow_unicode=True), encoding='utf-8'
        )
        return
    with chosen.output.open('w', encoding='utf-8', newline='') as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({**row, 'notes': ' '.join(row['notes'])} for row in rows)


def _row(line: ComparisonLine) -> dict[str, Any]:
    values = vars(line) | {name: line.metrics.get(name) for name in METRICS}
    values |= {'height': line.size[0], 'width': line.size[1], 'notes': list(line.notes)}
    return {column: values[column] for column in COLUMNS}


def _plot(lines: Sequence[ComparisonLine], chosen: argparse.Namespace) -> str:
    published = Panel(
        f"as published, on KITTI's Eigen test frames, M, {_by(SIZE)}",
        list(_published_marks(lines, chosen.clock)),
    )
    along = f'{CLOCKS[chosen.clock]} of one image, {processor_name()}, {_threads(chosen)}'
    return draw_plot([published, *_card_panels(lines, chosen.clock)], along)


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
    marks: dict[str, list[Mark]] = {}
    for line in lines:
        error = line.metrics.get('abs_rel') if line.kind == 'card' else None
        if error is not None and line.scaling == MEDIAN_SCALED:
            marks.setdefault(line.data or 'images that the card does not name', []).append(
                _mark(line, f'{line.source}, {_by(line.size)}', error, clock)
            )
    for split, on_split in marks.items():
        yield Panel(f'of our weights, median-scaled, on {split}', on_split)


def _mark(line: ComparisonLine, name: str, error: float, clock: str) -> Mark:
    latency = line.wall_ms if clock == 'wall' else line.cpu_ms
    assert latency is not None and line.parameters_m is not None
    return Mark(name, latency, error, line.parameters_m)


if __name__ == '__main__':
    sys.exit(main())
