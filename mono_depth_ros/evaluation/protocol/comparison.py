"""Our networks beside what the papers print of them, line by line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from mono_depth_ros.evaluation.cost import Latency, measure_latency, untrained_network
from mono_depth_ros.evaluation.protocol.published import METRICS, PublishedResult, comparable
from mono_depth_ros.inference.cards.checkpoint import load_network
from mono_depth_ros.inference.cards.model_card import ModelCard
from mono_depth_ros.networks import DepthNetwork, create_network
from mono_depth_ros.networks.complexity import count_conv_macs, count_parameters

# The size that most papers report on.
SIZE = (192, 640)
MEDIAN_SCALED = 'median_scaled'

_CARD_METRIC = re.compile(
    rf'((?P<split>.+)_)?(?P<metric>{"|".join(METRICS)})(_(?P<scaling>{MEDIAN_SCALED}|unscaled))?'
    r'(_of_(?P<reference>.+))?'
)


class Timing(NamedTuple):
    """How latency is measured: threads of PyTorch, and how often."""

    threads: int
    repetitions: int


@dataclass(frozen=True)
class ComparisonLine:
    """One line of the comparison; None is what is not known.

    Attributes:
        network: name in the registry.
        kind: 'measured' (here, with random weights), 'published', 'card' (our weights) or
            'reference' (something else, measured on the same images as a card).
        source: papers and tables, or the name of the card or the reference.
        data: what the accuracy was measured on: a data set of `published`, or a split's name.
        scaling: 'median_scaled' or 'unscaled' depth was compared.
        size: (height, width) of the image.
        parameters_m: parameters [millions].
        operations_g: multiply-adds [billions], ours of convolutions only, others as printed.
        wall_ms: median latency on the CPU [ms].
        cpu_ms: the same in CPU time [ms].
        metrics: the seven figures by name.
        notes: what is uncertain or known to be wrong in a published line.
    """

    network: str
    kind: str
    source: str
    size: tuple[int, int]
    parameters_m: float | None
    operations_g: float | None
    data: str | None = None
    scaling: str | None = None
    wall_ms: float | None = None
    cpu_ms: float | None = None
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def measured_line(name: str, timing: Timing | None) -> ComparisonLine:
    """Count a network as a robot runs it (deployed), and time it if asked to."""
    # Only what is timed needs batch norms that fit the weights.
    network = untrained_network(name, SIZE) if timing else create_network(name).eval()
    return _measured(network, timing, name, 'measured', 'here', SIZE)


def published_lines(results: Sequence[PublishedResult], name: str) -> list[ComparisonLine]:
    """Return what the papers print for a network, comparable rows of equal figures as one line."""
    same: dict[tuple[float | None, ...], list[PublishedResult]] = {}
    for result in comparable(results, name):
        figures = (*result.metrics.values(), result.parameters_m, result.flops_g)
        same.setdefault(figures, []).append(result)
    return [_published_line(rows) for rows in same.values()]


def card_lines(card: ModelCard, timing: Timing | None) -> list[ComparisonLine]:
    """Return a trained card's accuracy, one line for every split and scaling it states.

    Parameters, operations and latency are those of the card's network at the card's input size.
    A reference has neither: figures whose name ends in '_of_row_prior', for example.

    Raises:
        ValueError: the card is untrained, or states no metric of the field.
    """
    if not card.is_trained:
        raise ValueError(
            f'{card.source}: the card is untrained and has no accuracy to compare. '
            'Leave it out, or train it.'
        )
    found = _card_metrics(card)
    if not found:
        raise ValueError(
            f"{card.source}: 'metrics' has none of {', '.join(METRICS)}. Measure the "
            'card with evaluate_depth and write them, such as {abs_rel: 0.106}.'
        )
    base = _measured(load_network(card), timing, card.network, 'card', card.name, card.input_size)
    return [_card_line(base, *place, metrics) for place, metrics in found.items()]


def _card_line(
    base: ComparisonLine,
    split: str | None,
    scaling: str,
    reference: str | None,
    metrics: Mapping[str, float | None],
) -> ComparisonLine:
    line = replace(base, data=split, scaling=scaling, metrics=metrics)
    if reference is None:
        return line
    return replace(
        line,
        kind='reference',
        source=reference,
        parameters_m=None,
        operations_g=None,
        wall_ms=None,
        cpu_ms=None,
    )


def _published_line(rows: Sequence[PublishedResult]) -> ComparisonLine:
    first = rows[0]
    return ComparisonLine(
        network=first.network,
        kind='published',
        source=', '.join(f'{row.paper} {row.table}' for row in rows),
        size=SIZE,
        parameters_m=first.parameters_m,
        operations_g=first.flops_g,
        data=first.data_set,
        scaling=MEDIAN_SCALED,
        metrics=first.metrics,
        notes=tuple(dict.fromkeys(note for row in rows for note in row.notes)),
    )


def _measured(
    network: DepthNetwork,
    timing: Timing | None,
    name: str,
    kind: str,
    source: str,
    size: tuple[int, int],
) -> ComparisonLine:
    deployed = network.deploy()
    latency: Latency | None = measure_latency(deployed, size, *timing) if timing else None
    return ComparisonLine(
        network=name,
        kind=kind,
        source=source,
        size=size,
        parameters_m=count_parameters(deployed) / 1e6,
        operations_g=count_conv_macs(deployed, size) / 1e9,
        wall_ms=latency.wall_ms if latency else None,
        cpu_ms=latency.cpu_ms if latency else None,
    )


def _card_metrics(
    card: ModelCard,
) -> dict[tuple[str | None, str, str | None], dict[str, float | None]]:
    """Sort a card's metrics, named [split_]metric[_scaling][_of_reference], by the other three."""
    found: dict[tuple[str | None, str, str | None], dict[str, float | None]] = {}
    for key, value in card.metrics.items():
        parts = _CARD_METRIC.fullmatch(key)
        if parts:
            place = parts['split'], parts['scaling'] or MEDIAN_SCALED, parts['reference']
            found.setdefault(place, dict.fromkeys(METRICS))[parts['metric']] = value
    return found
