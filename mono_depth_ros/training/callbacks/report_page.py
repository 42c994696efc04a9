"""The page that says what a training did: one HTML file, pictures included, no script."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from mono_depth_ros.inference.cards.model_card import ModelCard
from mono_depth_ros.training.callbacks.history import HeldOutErrors, Validation
from mono_depth_ros.training.callbacks.step_means import StepMeans, join_step_means
from mono_depth_ros.training.config.schema import TrainConfig
from mono_depth_ros.types import DepthKind, Image
from mono_depth_ros.visualization.charts import Chart, Curve, draw_chart, short
from mono_depth_ros.visualization.page import render_page

_CAPTIONS = {
    'target': 'Target',
    'warped': 'A source, warped to the target',
    'disparity': 'Disparity (near is red)',
    'mask': 'Auto-mask (white is trained on)',
}
_UNKNOWN = 'not known yet'


@dataclass(frozen=True)
class Report:
    """What there is to tell of a training.

    Attributes:
        config: what was asked for.
        step: steps done.
        steps: of the whole training.
        samples: the data set has.
        hardware: what trained, in words.
        state: 'running', 'finished' or 'ended early'.
        spans: the history of the steps.
        validations: in their order.
        held_out: errors of images that were not trained on, in their order.
        metric: whether the supervision knows metres.
        advice: warnings in words.
        pictures: of a late step, (H, W, 3) RGB by panel.
        card: what came out, at the end.
    """

    config: TrainConfig
    step: int
    steps: int
    samples: int
    hardware: str
    state: str
    spans: Sequence[StepMeans]
    validations: Sequence[Validation]
    held_out: Sequence[HeldOutErrors]
    metric: bool
    advice: Sequence[str]
    pictures: Mapping[str, Image] = field(default_factory=dict)
    card: ModelCard | None = None


def write_page(report: Report) -> str:
    """Return the whole page.

    Raises:
        ModuleNotFoundError: see require_report_libraries.
    """
    chosen, usual = _chosen_and_usual(report.config)
    return render_page(
        'training.html',
        name=report.config.name or report.config.network,
        state=f'Training {report.state}: step {report.step} of {report.steps}, '
        f'on {report.hardware}',
        tiles=_tiles(report),
        advice=report.advice,
        history=_history(report.spans),
        validation=_validation(report),
        metric=report.metric,
        held_out=_held_out(report.held_out),
        pictures=[(_CAPTIONS[name], picture) for name, picture in report.pictures.items()],
        card=_card(report.card),
        data=_data(report),
        chosen=chosen,
        usual=usual,
    )


def launch_command(card: ModelCard) -> str:
    """Return the command that runs a card in the node."""
    assert card.path is not None
    model = shlex.quote(f'model:={card.path.resolve()}')
    return f'ros2 launch mono_depth_ros depth.launch.py {model}'


def metric_rows(card: ModelCard) -> dict[str, Mapping[str, float]]:
    """Arrange a card's metrics by row ('<split>, median-scaled') and column ('abs_rel')."""
    return {
        f'{split}, {scaling.replace("_", "-")}': values
        for split, scalings in card.metrics.items()
        for scaling, values in scalings.items()
    }


def duration(seconds: float) -> str:
    """Write a time span in its two largest units."""
    whole = round(seconds)
    if whole < 60:
        return f'{whole} s'
    if whole < 3600:
        return f'{whole // 60} min {whole % 60} s'
    return f'{whole // 3600} h {whole % 3600 // 60} min'


def _tiles(report: Report) -> list[tuple[str, str]]:
    tiles = [('Steps', f'{report.step}'), *_speed(report.spans)]
    if report.validations:
        metrics = report.validations[-1].median_scaled
        tiles.append(('AbsRel, median-scaled', f'{metrics.abs_rel:.3f}'))
    tiles.append(('Depth', DepthKind.METRIC if report.metric else DepthKind.RELATIVE))
    return tiles


def _speed(spans: Sequence[StepMeans]) -> list[tuple[str, str]]:
    timed = [span for span in spans if span.seconds]
    if not timed:
        return [('Images/s, median', _UNKNOWN), ('Waiting for data', _UNKNOWN)]
    total = join_step_means(timed)
    rate = median(span.images_per_second for span in timed)
    return [
        ('Images/s, median', short(rate)),
        ('Waiting for data', f'{total.wait_share:.1%}'),
        ('Time in steps', duration(total.seconds)),
    ]


def _history(spans: Sequence[StepMeans]) -> list[Chart | None]:
    if not spans:
        return []
    steps = [span.step for span in spans]

    def curve(name: str, values: Iterable[float]) -> Curve:
        return Curve(name, steps, list(values), is_noisy=True)

    terms = {
        name: curve(name, [span.terms.get(name, float('nan')) for span in spans])
        for name in dict.fromkeys(name for span in spans for name in span.terms)
    }
    errors = [terms.pop(name) for name in ('reprojection', 'identity') if name in terms]
    return [
        draw_chart('Loss', [curve('loss', [span.loss for span in spans])]),
        draw_chart('Error of warped sources, and of sources as they are', errors),
        *(draw_chart(f'Term: {name}', [term]) for name, term in terms.items()),
        draw_chart('Images/s', [curve('images/s', [span.images_per_second for span in spans])]),
        draw_chart(
            'Share of step time waiting for data',
            [curve('share', [span.wait_share for span in spans])],
        ),
        draw_chart(
            'Learning rate', [Curve('rate', steps, [span.learning_rate for span in spans])]
        ),
    ]


def _validation(report: Report) -> dict[str, Any] | None:
    validations = report.validations
    if not validations:
        return None
    last = validations[-1]
    best = min(validations, key=lambda v: v.median_scaled.abs_rel)
    rows = {'median-scaled': last.median_scaled, 'unscaled': last.unscaled}
    if best.step != last.step:
        rows[f'best, step {best.step}, median-scaled'] = best.median_scaled
    return {
        'last': last,
        'scale': short(last.scale),
        'rows': {name: metrics._asdict() for name, metrics in rows.items()},
        'charts': [_metric_chart(report, name) for name in ('abs_rel', 'rmse', 'a1')],
    }


def _held_out(errors: Sequence[HeldOutErrors]) -> dict[str, Any] | None:
    if not errors:
        return None
    steps = [error.step for error in errors]
    curves = [
        Curve('reprojection', steps, [error.reprojection for error in errors]),
        Curve('identity', steps, [error.identity for error in errors]),
    ]
    chart = draw_chart('Held-out images: warped sources, and sources as they are', curves)
    return {'last': errors[-1], 'chart': chart}


def _metric_chart(report: Report, name: str) -> Chart | None:
    """Draw a metric over steps; unscaled where the unit makes it mean something."""
    kinds = ('median_scaled', 'unscaled') if report.metric else ('median_scaled',)
    validations = report.validations
    steps = [validation.step for validation in validations]
    curves = [
        Curve(
            kind.replace('_', '-'),
            steps,
            [getattr(getattr(validation, kind), name) for validation in validations],
        )
        for kind in kinds
    ]
    return draw_chart(f'Validation: {name}', curves)


def _card(card: ModelCard | None) -> dict[str, Any] | None:
    if card is None:
        return None
    size = f'{card.input_size[0]} x {card.input_size[1]}'
    kind = 'metric' if card.depth_unit == DepthKind.METRIC else 'relative: it has no metres'
    rows = {
        'file': card.source,
        'network': card.network,
        'input size': size,
        'depth': kind,
        'metres per unit': card.depth_scale,
        'parameters': card.parameters and f'{card.parameters:,}',
        'multiply-adds': card.macs and f'{card.macs / 1e9:.2f} G',
        'trained on': card.training_data,
        'licence of the code': card.license_code,
        'licence of the weights': card.license_weights,
        'sha256': card.sha256,
    }
    return {
        'rows': {name: value for name, value in rows.items() if value is not None},
        'metrics': metric_rows(card),
        'command': launch_command(card),
    }


def _data(report: Report) -> dict[str, Any]:
    config = report.config
    world = config.devices * config.num_nodes
    batch = config.batch_size * config.accumulate * world
    rows = {
        'data set': config.data,
        'root': config.root,
        'split': config.split,
        'stereo split': config.stereo_split,
        'samples': report.samples,
        'images per step': batch,
        'passes': f'{report.step * batch / report.samples:.4g}',
        'supervision': {
            'M': 'M: neighbours in time',
            'S': 'S: stereo partner',
            'MS': 'MS: neighbours in time and stereo partner',
            'T': 'T: a teacher alone',
        }[config.supervision],
        'validated on': config.validation_split,
    }
    return {name: value for name, value in rows.items() if value != ''}


def _chosen_and_usual(config: TrainConfig) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values that are not the default, and those that are."""
    defaults = _flat(asdict(TrainConfig()))
    values = _flat(asdict(config))
    chosen = {name: value for name, value in values.items() if value != defaults.get(name)}
    return chosen, {name: value for name, value in values.items() if name not in chosen}


def _flat(values: Mapping[str, Any], above: str = '') -> dict[str, Any]:
    """Return nested values under dotted names, as the command line calls them."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f'{above}{name}.')
        else:
            flat[above + name] = value
    return flat
