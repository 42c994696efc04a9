"""The page that says how good a card is: one HTML file with the worst and the best frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from mono_depth_ros.evaluation.report.pictures import FULL_ERROR, draw_frame
from mono_depth_ros.types import Image
from mono_depth_ros.visualization.charts import (
    Chart,
    Curve,
    draw_bars,
    draw_chart,
    draw_histogram,
    short,
)
from mono_depth_ros.visualization.page import render_page

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
    pictures: Mapping[str, Image]


@dataclass(frozen=True)
class Report:
    """What there is to tell of an evaluation.

    Attributes:
        name: of the card.
        state: what was evaluated, in a line.
        result: all figures.
        scalings: 'median_scaled', 'unscaled': those that mean something, the first one first.
        papers: what papers print for the same network, by label.
        advice: what the reader should know before the figures.
        subject: how it was evaluated, by name.
        worst: frames, the worst first.
        best: frames, the best first.
    """

    name: str
    state: str
    result: EvaluationResult
    scalings: Sequence[str]
    papers: Mapping[str, PublishedResult]
    advice: Sequence[str]
    subject: Mapping[str, Any]
    worst: Sequence[ShownFrame]
    best: Sequence[ShownFrame]


def write_page(report: Report) -> str:
    """Return the whole page.

    Raises:
        ModuleNotFoundError: see require_report_libraries.
    """
    result, first = report.result, report.scalings[0]
    means = {scaling: result.mean(scaling) for scaling in report.scalings}
    papers = {label: published_row(row) for label, row in report.papers.items()}
    return render_page(
        'evaluation.html',
        name=report.name,
        state=report.state,
        tiles=_tiles(result, first),
        advice=report.advice,
        figures={_TITLES[scaling]: row_of(mean) for scaling, mean in means.items()} | papers,
        ranges={_TITLES[scaling]: range_rows(mean) for scaling, mean in means.items()},
        range_charts=_range_charts(result, first),
        scale=short(result.scale),
        scale_spread=f'{result.scale_spread:.1%}',
        scale_charts=_scale_charts(result),
        error_charts=_error_charts(report),
        worst=_captioned(report.worst, first),
        best=_captioned(report.best, first),
        skipped={skip.name: skip.reason for skip in result.skipped},
        subject=report.subject,
    )


def worst_and_best(
    result: EvaluationResult, scaling: str, count: int = SHOWN
) -> tuple[list[ImageResult], list[ImageResult]]:
    """Return the frames of the highest and of the lowest abs_rel, no frame twice."""
    ranked = sorted(result.images, key=lambda image: -float(getattr(image, scaling).abs_rel))
    count = min(count, max(1, len(ranked) // 2))
    return ranked[:count], ranked[count:][::-1][:count]


def show_frames(
    shown: Sequence[ImageResult],
    frames: Frames,
    predict: Predict,
    depth_factor: DepthFactor | None,
    scaling: str,
    flip: bool,
) -> list[ShownFrame]:
    """Predict frames once more and draw them.

    Args:
        shown: results of some of the frames.
        frames: what was evaluated on.
        predict: as in evaluate_frames.
        depth_factor: as in evaluate_frames.
        scaling: 'median_scaled' or 'unscaled'.
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
        if scaling == 'median_scaled':
            factor *= result.scale
        depth = (factor / enlarge(prediction, size, frame.name)).astype(np.float32)
        drawn.append(ShownFrame(result, draw_frame(frame, np.clip(depth, *frames.rules.limits))))
    return drawn


def _tiles(result: EvaluationResult, scaling: str) -> list[tuple[str, str]]:
    metrics = result.mean(scaling).errors
    return [
        ('Frames', f'{len(result.images)}'),
        (f'AbsRel, {_TITLES[scaling]}', f'{metrics.abs_rel:.3f}'),
        ('RMSE', f'{metrics.rmse:.2f} m'),
        ('Ratio below 1.25', f'{metrics.a1:.1%}'),
        ('True / predicted depth', short(result.scale)),
        ('Its spread', f'{result.scale_spread:.1%}'),
    ]


def _range_charts(result: EvaluationResult, scaling: str) -> list[Chart | None]:
    parts = result.mean(scaling).ranges
    names = [part.name for part in parts]
    errors = [part.errors.abs_rel for part in parts]
    pixels = [part.pixels for part in parts]
    shares = [count / max(1, sum(pixels)) for count in pixels]
    return [
        draw_bars(f'AbsRel by true depth, {_TITLES[scaling]}', names, errors),
        draw_bars('Share of the compared pixels by true depth', names, shares),
    ]


def _scale_charts(result: EvaluationResult) -> list[Chart | None]:
    scales = [image.scale for image in result.images]
    curve = Curve('scale', range(1, len(scales) + 1), scales, is_noisy=True)
    return [
        draw_histogram('Frames by true / predicted median depth', scales),
        draw_chart('True / predicted median depth, frame by frame', [curve]),
    ]


def _error_charts(report: Report) -> list[Chart | None]:
    images, first = report.result.images, report.scalings[0]
    steps = range(1, len(images) + 1)
    errors = {
        scaling: [getattr(image, scaling).abs_rel for image in images]
        for scaling in report.scalings
    }
    curves = [
        Curve(_TITLES[scaling], steps, values, is_noisy=True) for scaling, values in errors.items()
    ]
    return [
        draw_histogram(f'Frames by AbsRel, {_TITLES[first]}', errors[first]),
        draw_chart('AbsRel, frame by frame', curves),
    ]


def _captioned(
    shown: Sequence[ShownFrame], scaling: str
) -> list[tuple[str, list[tuple[str, Image]]]]:
    """Return every frame's figures in a line, and its pictures with their captions."""
    return [
        (
            _line(frame.result, scaling),
            [(_CAPTIONS[name], picture) for name, picture in frame.pictures.items()],
        )
        for frame in shown
    ]


def _line(result: ImageResult, scaling: str) -> str:
    metrics = getattr(result, scaling)
    return (
        f'{result.name}: AbsRel {metrics.abs_rel:.3f}, RMSE {metrics.rmse:.2f} m, '
        f'scale {result.scale:.4g}'
    )
