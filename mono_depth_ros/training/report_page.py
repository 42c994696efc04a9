"""The page that says what a training did: one HTML file, pictures included, no script."""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from statistics import median
from typing import Any

import cv2

from mono_depth_ros.evaluation.metrics import DepthMetrics
from mono_depth_ros.inference.model_card import ModelCard
from mono_depth_ros.training.charts import Curve, draw_chart, short
from mono_depth_ros.training.config import TrainConfig
from mono_depth_ros.training.history import HeldOutErrors, Validation
from mono_depth_ros.training.pictures import Picture
from mono_depth_ros.training.report_style import STYLE
from mono_depth_ros.training.spans import Span, join_spans

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
        spans: the course of the steps.
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
    spans: Sequence[Span]
    validations: Sequence[Validation]
    held_out: Sequence[HeldOutErrors]
    metric: bool
    advice: Sequence[str]
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    card: ModelCard | None = None


def write_page(report: Report) -> str:
    """Return the whole page."""
    name = report.config.name or report.config.network
    parts = [
        f'<h1>{escape(name)}</h1>\n<p class="state">Training {report.state}: step {report.step} '
        f'of {report.steps}, on {escape(report.hardware)}</p>\n',
        _tiles(report), _advice(report.advice), _curves(report.spans), _validation(report),
        _held_out(report.held_out), _pictures(report.pictures), _card(report.card),
        _data(report), _config(report.config),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n<title>{escape(name)}: training '
        f'report</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{"".join(parts)}'
        '</main>\n</body>\n</html>\n'
    )


def launch_command(card: ModelCard) -> str:
    """Return the command that runs a card in the node."""
    assert card.path is not None
    model = shlex.quote(f'model:={card.path.resolve()}')
    return f'ros2 launch mono_depth_ros depth.launch.py {model}'


def metric_rows(card: ModelCard) -> dict[str, dict[str, float]]:
    """Arrange a card's metrics by row ('<split>, median-scaled') and column ('abs_rel')."""
    fields = '|'.join(DepthMetrics._fields)
    rows: dict[str, dict[str, float]] = {}
    for key, value in card.metrics.items():
        found = re.fullmatch(f'(.+)_({fields})_(median_scaled|unscaled)', key)
        split, name, way = found.groups() if found else ('', key, '')
        row = ', '.join(part for part in (split, way.replace('_', '-')) if part)
        rows.setdefault(row, {})[name] = value
    return rows


def duration(seconds: float) -> str:
    """Write a time span in its two largest units."""
    whole = round(seconds)
    if whole < 60:
        return f'{whole} s'
    if whole < 3600:
        return f'{whole // 60} min {whole % 60} s'
    return f'{whole // 3600} h {whole % 3600 // 60} min'


def _tiles(report: Report) -> str:
    tiles = [('Steps', f'{report.step}'), *_speed(report.spans)]
    if report.validations:
        metrics = report.validations[-1].median_scaled
        tiles.append(('AbsRel, median-scaled', f'{metrics.abs_rel:.3f}'))
    tiles.append(('Depth', 'metric' if report.metric else 'relative'))
    items = ''.join(f'<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>'
                    for name, value in tiles)
    return f'<dl class="tiles">{items}</dl>\n'


def _speed(spans: Sequence[Span]) -> list[tuple[str, str]]:
    timed = [span for span in spans if span.seconds]
    if not timed:
        return [('Images/s, median', _UNKNOWN), ('Waiting for data', _UNKNOWN)]
    total = join_spans(timed)
    rate = median(span.images_per_second for span in timed)
    return [('Images/s, median', short(rate)), ('Waiting for data', f'{total.wait_share:.1%}'),
            ('Time in steps', duration(total.seconds))]


def _advice(advice: Sequence[str]) -> str:
    if not advice:
        return ''
    items = ''.join(f'<li>{escape(sentence)}</li>' for sentence in advice)
    return f'<section class="advice"><h2>To look at</h2><ul>{items}</ul></section>\n'


def _curves(spans: Sequence[Span]) -> str:
    steps = [span.step for span in spans]

    def curve(name: str, values: Iterable[float]) -> Curve:
        return Curve(name, steps, list(values), is_noisy=True)

    terms = {name: curve(name, [span.terms.get(name, float('nan')) for span in spans])
             for name in dict.fromkeys(name for span in spans for name in span.terms)}
    errors = [terms.pop(name) for name in ('reprojection', 'identity') if name in terms]
    charts = [
        draw_chart('Loss', [curve('loss', [span.loss for span in spans])]),
        draw_chart('Error of warped sources, and of sources as they are', errors),
        *(draw_chart(f'Term: {name}', [term]) for name, term in terms.items()),
        draw_chart('Images/s', [curve('images/s', [span.images_per_second for span in spans])]),
        draw_chart('Share of step time waiting for data',
                   [curve('share', [span.wait_share for span in spans])]),
        draw_chart('Learning rate',
                   [Curve('rate', steps, [span.learning_rate for span in spans])]),
    ]
    return _section('Course', f'<div class="grid">{"".join(charts)}</div>') if spans else ''


def _validation(report: Report) -> str:
    validations = report.validations
    if not validations:
        return ''
    last = validations[-1]
    best = min(validations, key=lambda v: v.median_scaled.abs_rel)
    rows = {'median-scaled': last.median_scaled, 'unscaled': last.unscaled}
    if best.step != last.step:
        rows[f'best, step {best.step}, median-scaled'] = best.median_scaled
    table = _metric_table({name: metrics._asdict() for name, metrics in rows.items()})
    unit = '' if report.metric else ' Depth is relative: the unscaled row means nothing.'
    note = (f'{last.images} images against {last.ground_truth} depth after step {last.step}; '
            f'true over predicted median depth is {last.scale:.4g}.{unit}')
    charts = ''.join(_metric_chart(report, name) for name in ('abs_rel', 'rmse', 'a1'))
    return _section(
        'Validation', f'{table}<p>{escape(note)}</p><div class="grid">{charts}</div>')


def _held_out(errors: Sequence[HeldOutErrors]) -> str:
    if not errors:
        return ''
    steps, last = [error.step for error in errors], errors[-1]
    curves = [Curve('reprojection', steps, [error.reprojection for error in errors]),
              Curve('identity', steps, [error.identity for error in errors])]
    chart = draw_chart('Held-out images: warped sources, and sources as they are', curves)
    note = (f'After step {last.step}: reprojection {last.reprojection:.4f}, identity '
            f'{last.identity:.4f}.')
    return _section('Held-out images', f'<p>{note}</p><div class="grid">{chart}</div>')


def _metric_table(rows: Mapping[str, Mapping[str, float]]) -> str:
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    head = ''.join(f'<th>{escape(name)}</th>' for name in names)
    body = ''.join(
        f'<tr><th>{escape(title)}</th>'
        + ''.join(f'<td>{row[name]:.4f}</td>' if name in row else '<td></td>' for name in names)
        + '</tr>' for title, row in rows.items())
    return (f'<div class="scroll"><table class="metrics"><tr><th></th>{head}</tr>{body}'
            '</table></div>')


def _metric_chart(report: Report, name: str) -> str:
    """Draw a metric over steps; unscaled where the unit makes it mean something."""
    kinds = ('median_scaled', 'unscaled') if report.metric else ('median_scaled',)
    validations = report.validations
    steps = [validation.step for validation in validations]
    curves = [Curve(kind.replace('_', '-'), steps,
                    [getattr(getattr(validation, kind), name) for validation in validations])
              for kind in kinds]
    return draw_chart(f'Validation: {name}', curves)


def _pictures(pictures: Mapping[str, Picture]) -> str:
    if not pictures:
        return ''
    figures = ''.join(
        f'<figure><img alt="{escape(_CAPTIONS[name])}" src="{_data_url(picture)}">'
        f'<figcaption>{escape(_CAPTIONS[name])}</figcaption></figure>'
        for name, picture in pictures.items())
    return _section('A sample of the last step', f'<div class="grid">{figures}</div>')


def _data_url(picture: Picture) -> str:
    _, png = cv2.imencode('.png', picture[..., ::-1])
    return 'data:image/png;base64,' + base64.b64encode(png.tobytes()).decode()


def _card(card: ModelCard | None) -> str:
    if card is None:
        return ''
    size = f'{card.input_size[0]} x {card.input_size[1]}'
    kind = 'metric' if card.depth_unit == 'metric' else 'relative: it has no metres'
    rows = {
        'file': card.source, 'network': card.network, 'input size': size, 'depth': kind,
        'metres per unit': card.depth_scale,
        'parameters': card.parameters and f'{card.parameters:,}',
        'multiply-adds': card.macs and f'{card.macs / 1e9:.2f} G',
        'trained on': card.training_data,
        'licence of the code': card.license_code, 'licence of the weights': card.license_weights,
        'sha256': card.sha256,
    }
    shown = {name: value for name, value in rows.items() if value is not None}
    metrics = metric_rows(card)
    measured = f'<p>What it reaches as stored:</p>{_metric_table(metrics)}' if metrics else ''
    return _section('The model card', f'{_table(shown)}{measured}<p>Run it:</p>'
                                      f'<pre>{escape(launch_command(card))}</pre>')


def _data(report: Report) -> str:
    config = report.config
    world = config.devices * config.num_nodes
    batch = config.batch_size * config.accumulate * world
    rows = {
        'data set': config.data, 'root': config.root, 'split': config.split,
        'stereo split': config.stereo_split, 'samples': report.samples,
        'images per step': batch, 'passes': f'{report.step * batch / report.samples:.4g}',
        'supervision': {'M': 'M: neighbours in time', 'S': 'S: stereo partner',
                        'MS': 'MS: neighbours in time and stereo partner',
                        'T': 'T: a teacher alone'}[config.supervision],
        'validated on': config.validation_split,
    }
    return _section('Data', _table({name: value for name, value in rows.items() if value != ''}))


def _config(config: TrainConfig) -> str:
    usual = _flat(asdict(TrainConfig()))
    values = _flat(asdict(config))
    chosen = {name: value for name, value in values.items() if value != usual.get(name)}
    rest = {name: value for name, value in values.items() if name not in chosen}
    return _section('Configuration',
                    f'{_table(chosen)}<details><summary>{len(rest)} values are the default'
                    f'</summary>{_table(rest)}</details>')


def _flat(values: Mapping[str, Any], above: str = '') -> dict[str, Any]:
    """Return nested values under dotted names, as the command line calls them."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f'{above}{name}.')
        else:
            flat[above + name] = value
    return flat


def _section(title: str, content: str) -> str:
    return f'<section><h2>{escape(title)}</h2>{content}</section>\n'


def _table(rows: Mapping[str, Any]) -> str:
    lines = ''.join(f'<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>'
                    for name, value in rows.items())
    return f'<table>{lines}</table>'
