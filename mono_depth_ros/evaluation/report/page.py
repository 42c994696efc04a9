"""The page that says how good a card is: one HTML file with the worst and the best frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from mono_depth_ros.evaluation.protocol.evaluate import (
    DepthFactor,
    EvaluationResult,
    ImageResult,
    Predict,
    enlarge,
    predict_prepared,
    prepare,
)
from mono_depth_ros.evaluation.protocol.published import PublishedResult
from mono_depth_ros.evaluation.protocol.samples import Frames
from mono_depth_ros.evaluation.protocol.summary import published_row, range_rows, row_of
from mono_depth_ros.evaluation.report.pictures import FULL_ERROR, Picture, draw_frame
from mono_depth_ros.visualization import page
from mono_depth_ros.visualization.charts import Curve, draw_bars, draw_chart, draw_histogram

SHOWN = 3
_CAPTIONS = {
    'image': 'Image',
    'predicted': 'Predicted depth (near is red)',
    'true': 'True depth, in the same colours',
    'error': f'Error: blue is too near, red too far, full colour from {FULL_ERROR:.0%}',
}
_TITLES = {'median_scaled': 'median-scaled', 'unscaled': 'unscaled'}


@dataclass(frozen=True)
class ShownFrame:
    """A frame with its pictures by name, see `draw_frame`."""

    result: ImageResult
    pictures: Mapping[str, Picture]


@dataclass(frozen=True)
class Report:
    """What there is to tell of an evaluation.

    Attributes:
        name: of the card.
        state: what was evaluated, in a line.
        result: all figures.
        ways: 'median_scaled', 'unscaled': those that mean something, the first one first.
        papers: what papers print for the same network, by label.
        advice: what the reader should know before the figures.
        subject: how it was evaluated, by name.
        worst: frames, the worst first.
        best: frames, the best first.
    """

    name: str
    state: str
    result: EvaluationResult
    ways: Sequence[str]
    papers: Mapping[str, PublishedResult]
    advice: Sequence[str]
    subject: Mapping[str, Any]
    worst: Sequence[ShownFrame]
    best: Sequence[ShownFrame]


def write_page(report: Report) -> str:
    """Return the whole page."""
    return page.write_html(
        f'{report.name}: evaluation',
        [
            page.head(report.name, report.state),
            _tiles(report),
            page.advice(report.advice),
            _figures(report),
            _ranges(report),
            _scale(report.result),
            _course(report),
            _frames('The worst frames', report.worst, report.ways[0]),
            _frames('The best frames', report.best, report.ways[0]),
            _skipped(report.result),
            page.section('What was evaluated', page.table(report.subject)),
        ],
    )


def worst_and_best(
    result: EvaluationResult, way: str, count: int = SHOWN
) -> tuple[list[ImageResult], list[ImageResult]]:
    """Return the frames of the highest and of the lowest abs_rel, no frame twice."""
    ranked = sorted(result.images, key=lambda image: -float(getattr(image, way).abs_rel))
    count = min(count, max(1, len(ranked) // 2))
    return ranked[:count], ranked[count:][::-1][:count]


def show_frames(
    shown: Sequence[ImageResult],
    frames: Frames,
    predict: Predict,
    depth_factor: DepthFactor | None,
    way: str,
    flip: bool,
) -> list[ShownFrame]:
    """Predict frames once more and draw them.

    Args:
        shown: results of some of the frames.
        frames: what was evaluated on.
        predict: as in evaluate_frames.
        depth_factor: as in evaluate_frames.
        way: 'median_scaled' or 'unscaled'.
        flip: as in evaluate_frames.

    Raises:
        OSError, ValueError: a frame is no longer there.
    """
    places = {name: index for index, name in enumerate(frames.names)}
    drawn = []
    for result in shown:
        frame = frames.read(places[result.name])
        size = frame.depth.shape[0], frame.depth.shape[1]
        (prediction,) = predict_prepared(predict, [prepare(predict, frame.image)], flip)
        factor = 1.0 if depth_factor is None else depth_factor(frame.K, size)
        if way == 'median_scaled':
            factor *= result.scale
        depth = (factor / enlarge(prediction, size, frame.name)).astype(np.float32)
        drawn.append(ShownFrame(result, draw_frame(frame, np.clip(depth, *frames.rules.limits))))
    return drawn


def _tiles(report: Report) -> str:
    result = report.result
    metrics = result.mean(report.ways[0]).errors
    way = _TITLES[report.ways[0]]
    return page.tiles(
        [
            ('Frames', f'{len(result.images)}'),
            (f'AbsRel, {way}', f'{metrics.abs_rel:.3f}'),
            ('RMSE', f'{metrics.rmse:.2f} m'),
            ('Ratio below 1.25', f'{metrics.a1:.1%}'),
            ('True / predicted depth', f'{result.scale:.4g}'),
            ('Its spread', f'{result.scale_spread:.1%}'),
        ]
    )


def _figures(report: Report) -> str:
    rows = {_TITLES[way]: row_of(report.result.mean(way)) for way in report.ways}
    rows |= {label: published_row(row) for label, row in report.papers.items()}
    return page.section(
        'Figures',
        page.figure_table(rows) + '<p>Means over frames. Lower is '
        'better up to RMSElog and for SILog, higher for the shares d&lt;1.25 and '
        'for the F1 score of depth edges.</p>',
    )


def _ranges(report: Report) -> str:
    means = {way: report.result.mean(way) for way in report.ways}
    tables = ''.join(
        f'<p>{_TITLES[way]}:</p>{page.figure_table(range_rows(mean))}'
        for way, mean in means.items()
    )
    parts = means[report.ways[0]].ranges
    names = [part.name for part in parts]
    charts = [
        draw_bars(
            f'AbsRel by true depth, {_TITLES[report.ways[0]]}',
            names,
            [part.errors.abs_rel for part in parts],
        ),
        draw_bars(
            'Share of the compared pixels by true depth',
            names,
            [part.pixels / max(1, sum(other.pixels for other in parts)) for part in parts],
        ),
    ]
    return page.section('By range of true depth', tables + page.grid(charts))


def _scale(result: EvaluationResult) -> str:
    scales = [image.scale for image in result.images]
    note = (
        f'True over predicted median depth: median {result.scale:.4g}, spread (standard '
        f'deviation over median) {result.scale_spread:.1%}. 1 is perfect metres; the spread '
        'is what any one fixed scale still gets wrong.'
    )
    steps = list(range(1, len(scales) + 1))
    charts = [
        draw_histogram('Frames by true / predicted median depth', scales),
        draw_chart(
            'True / predicted median depth, frame by frame',
            [Curve('scale', steps, scales, is_noisy=True)],
        ),
    ]
    return page.section('Scale', f'<p>{escape(note)}</p>{page.grid(charts)}')


def _course(report: Report) -> str:
    images, steps = report.result.images, list(range(1, len(report.result.images) + 1))
    errors = {way: [getattr(image, way).abs_rel for image in images] for way in report.ways}
    curves = [Curve(_TITLES[way], steps, values, is_noisy=True) for way, values in errors.items()]
    charts = [
        draw_histogram(f'Frames by AbsRel, {_TITLES[report.ways[0]]}', errors[report.ways[0]]),
        draw_chart('AbsRel, frame by frame', curves),
    ]
    return page.section('Frame by frame', page.grid(charts))


def _frames(title: str, shown: Sequence[ShownFrame], way: str) -> str:
    if not shown:
        return ''
    return page.section(
        title,
        ''.join(
            f'<h3>{escape(_line(frame.result, way))}</h3>'
            + page.grid(
                page.picture(picture, _CAPTIONS[name], 'jpeg')
                for name, picture in frame.pictures.items()
            )
            for frame in shown
        ),
    )


def _line(result: ImageResult, way: str) -> str:
    metrics = getattr(result, way)
    return (
        f'{result.name}: AbsRel {metrics.abs_rel:.3f}, RMSE {metrics.rmse:.2f} m, '
        f'scale {result.scale:.4g}'
    )


def _skipped(result: EvaluationResult) -> str:
    if not result.skipped:
        return ''
    return page.section(
        f'{len(result.skipped)} frames were skipped',
        page.table({skip.name: skip.reason for skip in result.skipped}),
    )
