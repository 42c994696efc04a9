"""The executable `compare_networks`: our networks beside what the papers print of them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mono_depth_ros.arguments import ArgumentParser
from mono_depth_ros.cli.options import add_shared
from mono_depth_ros.evaluation.protocol.options import CLOCKS
from mono_depth_ros.inference.cards.model_card import ModelCard, list_cards, load_card
from mono_depth_ros.visualization.libraries import require_report_libraries

if TYPE_CHECKING:
    from mono_depth_ros.evaluation.protocol.comparison import ComparisonLine, Timing

TABLES = ('.csv', '.yaml')
PLOT = '.svg'


def main(argv: Sequence[str] | None = None) -> int:
    """Compare the networks; return the exit code."""
    args = create_parser().parse_args(argv)
    try:
        _check(args)
        _run(args)
    except (ImportError, OSError, ValueError) as error:
        print(f'compare_networks: error: {error}', file=sys.stderr)
        return 1
    return 0


def create_parser() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = ArgumentParser(
        prog='compare_networks',
        description='Print parameters, multiply-adds and CPU latency of the networks, and the '
        'accuracy of trained cards, beside what the papers print (docs/published_results.md).',
    )
    parser.add_argument(
        'names', nargs='*', metavar='NETWORK', help='names of networks (default: all)'
    )
    parser.add_argument(
        '--cards',
        nargs='+',
        default=[],
        metavar='CARD',
        help='trained model cards, beside those of the package that state metrics',
    )
    add_shared(parser, '--threads', default=1, help='number of CPU threads')
    parser.add_argument(
        '--repetitions',
        type=int,
        default=10,
        metavar='N',
        help='number of runs that latency is the median of',
    )
    parser.add_argument(
        '--no-latency', dest='latency', action='store_false', help='measure no latency'
    )
    parser.add_argument(
        '--output', type=Path, metavar='FILE', help='write the table as .csv or .yaml'
    )
    parser.add_argument(
        '--plot', type=Path, metavar='FILE', help='draw accuracy over latency as .svg'
    )
    parser.add_argument(
        '--clock',
        choices=tuple(CLOCKS),
        default='wall',
        help='what latency the plot shows; cpu: CPU time, which is what one thread takes on an '
        'idle machine, for machines with other load',
    )
    return parser


def _check(args: argparse.Namespace) -> None:
    """Refuse before the long run what would fail after it."""
    for option, path, suffixes in (
        ('--output', args.output, TABLES),
        ('--plot', args.plot, (PLOT,)),
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
    for option, value in (('--threads', args.threads), ('--repetitions', args.repetitions)):
        if value < 1:
            raise ValueError(f'{option} is {value}; expected 1 or more.')
    if args.plot is not None and not args.latency:
        raise ValueError('--plot draws accuracy over latency. Leave out --no-latency.')
    if args.plot is not None:
        require_report_libraries()


def _run(args: argparse.Namespace) -> None:
    from mono_depth_ros.evaluation.protocol.comparison import Timing
    from mono_depth_ros.evaluation.protocol.comparison_table import (
        plot_text,
        table_text,
        write_table,
    )
    from mono_depth_ros.networks import list_networks, network_info

    for name in args.names:
        network_info(name)
    names = args.names or list_networks()
    cards = _cards(args.cards, names)
    names = list(dict.fromkeys([*names, *(card.network for card in cards)]))
    timing = Timing(args.threads, args.repetitions)
    timed = timing if args.latency else None
    lines = _lines(names, cards, timed)
    print(table_text(lines, timed))
    if args.output is not None:
        write_table(args.output, lines, timed)
        print(f'{args.output}: the same')
    if args.plot is not None:
        args.plot.write_text(plot_text(lines, timing, args.clock), encoding='utf-8')
        print(f'{args.plot}: accuracy over latency')


def _cards(given: Sequence[str], names: Sequence[str]) -> list[ModelCard]:
    """Return the package's cards that have something to say of the networks, then those given."""
    shipped = [
        card
        for card in map(load_card, list_cards())
        if card.is_trained and card.metrics and card.network in names
    ]
    return shipped + [card for card in map(load_card, given) if card not in shipped]


def _lines(
    names: Sequence[str], cards: Sequence[ModelCard], timing: Timing | None
) -> list[ComparisonLine]:
    from tqdm import tqdm

    from mono_depth_ros.evaluation.protocol.comparison import (
        card_lines,
        measured_line,
        published_lines,
    )
    from mono_depth_ros.evaluation.protocol.published import load_published

    published = load_published()
    lines: list[ComparisonLine] = []
    for name in tqdm(names, unit='network', disable=None):
        lines.append(measured_line(name, timing))
        for card in cards:
            if card.network == name:
                lines += card_lines(card, timing)
        lines += published_lines(published, name)
    return lines


if __name__ == '__main__':
    sys.exit(main())
