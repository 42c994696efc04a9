"""Our networks beside what the papers print of them, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from mono_depth_ros.evaluation.cost import RunTime, measure_latency, untrained_network
from mono_depth_ros.evaluation.protocol.published import METRICS, PublishedResult, comparable
from mono_depth_ros.inference.cards.checkpoint import load_network
from mono_depth_ros.inference.cards.metrics import MEDIAN_SCALED, Metrics
from mono_depth_ros.inference.cards.model_card import KEYS, ModelCard
from mono_depth_ros.networks import DepthNetwork, create_network
from mono_depth_ros.networks.complexity import count_conv_macs, count_parameters

# The size that most papers report on.
SIZE = (192, 640)


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
        metrics: the seven by name.
        notes: what is uncertain or known to be wrong in a published line.
    """

    network: str
    kind: str
    source: str
    size: tuple[int, int]
    parameters_m: float | None = None
    operations_g: float | None = None
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
    """Return what the papers print for a network, comparable rows of equal values as one line."""
    same: dict[tuple[float | None, ...], list[PublishedResult]] = {}
    for result in comparable(results, name):
        values = (*result.metrics.values(), result.parameters_m, result.flops_g)
        same.setdefault(values, []).append(result)
    return [_published_line(rows) for rows in same.values()]


def card_lines(card: ModelCard, timing: Timing | None) -> list[ComparisonLine]:
    """Return a trained card's accuracy, one line for every split and scaling it states.

    Parameters, operations and latency are those of the card's network at the card's input size.
    A reference, such as the row prior, has neither.

    Raises:
        ValueError: the card is untrained, or states no metric of the field.
    """
    if not card.is_trained:
        raise ValueError(
            f'{card.source}: the card is untrained and has no accuracy to compare. '
            'Leave it out, or train it.'
        )
    if not any(_accuracies(card.metrics)):
        raise ValueError(
            f"{card.source}: 'metrics' has none of {', '.join(METRICS)}. Measure the card with "
            f'evaluate_depth and write {KEYS["metrics"].expected}.'
        )
    base = _measured(load_network(card), timing, card.network, 'card', card.name, card.input_size)
    lines = [replace(base, **accuracy) for accuracy in _accuracies(card.metrics)]
    for name, metrics in card.references.items():
        reference = ComparisonLine(card.network, 'reference', name, card.input_size)
        lines += [replace(reference, **accuracy) for accuracy in _accuracies(metrics)]
    return lines


def _accuracies(metrics: Metrics) -> Iterator[dict[str, Any]]:
    """Yield what a line says of every split and scaling that has a metric of the field."""
    for split, scalings in metrics.items():
        for scaling, values in scalings.items():
            if any(name in METRICS for name in values):
                found = {name: values.get(name) for name in METRICS}
                yield {'data': split, 'scaling': scaling, 'metrics': found}


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
    latency: RunTime | None = measure_latency(deployed, size, *timing) if timing else None
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
