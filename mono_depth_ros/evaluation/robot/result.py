"""What an evaluation on a robot found: metrics by name, a table for people, JSON for machines."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from mono_depth_ros.evaluation.frame_metrics import FrameComparison, FrameMetrics
from mono_depth_ros.evaluation.robot.clock_shift import ShiftEstimate
from mono_depth_ros.inference.cards.metrics import MEDIAN_SCALED, UNSCALED
from mono_depth_ros.types import DepthKind

_COLUMNS = ('abs_rel', 'sq_rel', 'rmse', 'rmse_log', 'a1', 'a2', 'a3', 'silog', 'boundary_f1')
_RANGE_COLUMNS = ('abs_rel', 'rmse', 'a1')


@dataclass(frozen=True)
class FrameRecord:
    """One compared frame.

    Attributes:
        stamp: of its image [ns].
        time_offset: its stamp minus the reference's [s].
        kind: of its depth.
        flicker: change since the frame before that nothing explains; NaN where not known.
        comparison: with the reference.
    """

    stamp: int
    time_offset: float
    kind: DepthKind
    flicker: float
    comparison: FrameComparison

    @property
    def by_scaling(self) -> dict[str, FrameMetrics]:
        """Metrics by scaling; relative depth has no metres that could be compared."""
        found = {MEDIAN_SCALED: self.comparison.median_scaled}
        if self.kind != DepthKind.RELATIVE:
            found[UNSCALED] = self.comparison.unscaled
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON takes."""
        return {
            'stamp': self.stamp,
            'time_offset': self.time_offset,
            'apart': self.time_offset,  # its name until 0.1, kept for one release
            'flicker': finite_or_none(self.flicker),
            'pixels': self.comparison.pixels,
            'coverage': self.comparison.coverage,
            'scale': self.comparison.scale,
            **{name: _row(metrics) for name, metrics in self.by_scaling.items()},
        }


@dataclass(frozen=True)
class Counts:
    """How many messages came, and what became of them.

    Attributes:
        frames: depth images.
        references: point clouds or depth images to compare with.
        compared: frames that were.
        skipped: what could not be used, by cause.
        reasons: the last reason of each cause, in words.
    """

    frames: int
    references: int
    compared: int
    skipped: dict[str, int]
    reasons: dict[str, str]


@dataclass(frozen=True)
class BagResult:
    """Means over frames, and what else a robot cares about.

    Attributes:
        reference: what depth was compared with.
        depth_kind: of depth; None where none came.
        counts: of messages.
        by_scaling: mean metrics, 'median_scaled' and for depth with metres 'unscaled'.
        scales: of each compared frame: median of true over median of predicted depth.
        coverages: of each: the share of its true depths that has a prediction.
        time_offsets: of each: its stamp minus its reference's [s].
        flickers: of each pair of frames: change of depth that the motion does not explain.
        no_flicker: why there is none.
        shift: whether the clocks agree.
    """

    reference: str
    depth_kind: DepthKind | None
    counts: Counts
    by_scaling: dict[str, FrameMetrics]
    scales: tuple[float, ...]
    coverages: tuple[float, ...]
    time_offsets: tuple[float, ...]
    flickers: tuple[float, ...]
    no_flicker: str
    shift: ShiftEstimate

    @property
    def judged(self) -> str:
        """The scaling that thresholds apply to: metres where depth has any."""
        return UNSCALED if UNSCALED in self.by_scaling else MEDIAN_SCALED

    def metrics(self) -> dict[str, float]:
        """Return every metric that a threshold may name; NaN what was not measured."""
        row = self.by_scaling[self.judged].as_row() if self.by_scaling else {}
        scale = float(np.median(self.scales)) if self.scales else math.nan
        return row | {
            'frames': float(self.counts.compared),
            'coverage': _mean(self.coverages),
            'scale': scale,
            'scale_spread': float(np.std(self.scales)) / scale if self.scales else math.nan,
            'flicker': _mean(self.flickers),
            'flicker_p95': (
                float(np.percentile(self.flickers, 95)) if self.flickers else math.nan
            ),
        }

    def figures(self) -> dict[str, float]:
        """Return `metrics()`, whose name this was."""
        warnings.warn(
            'BagResult.figures() will go with the next release: call metrics().',
            DeprecationWarning,
            stacklevel=2,
        )
        return self.metrics()

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON takes: no NaN, which it does not know, but null."""
        metrics = self.metrics()
        mean_offset = finite_or_none(_mean(np.abs(self.time_offsets)))
        max_offset = float(np.max(np.abs(self.time_offsets))) if self.time_offsets else None
        return {
            'reference': self.reference,
            'depth_kind': self.depth_kind or '',
            'judged': self.judged,
            'frames': self.counts.frames,
            'references': self.counts.references,
            'compared': self.counts.compared,
            'skipped': self.counts.skipped,
            'reasons': self.counts.reasons,
            'time_offset_mean': mean_offset,
            'time_offset_max': max_offset,
            'apart_mean': mean_offset,  # their names until 0.1, kept for one release
            'apart_max': max_offset,
            **{
                name: finite_or_none(metrics[name])
                for name in ('coverage', 'scale', 'scale_spread', 'flicker', 'flicker_p95')
            },
            'flicker_frames': len(self.flickers),
            'no_flicker': self.no_flicker,
            'clocks': {
                'state': self.shift.state,
                'seconds': finite_or_none(self.shift.seconds),
                'text': self.shift.text,
            },
            **{name: _row(metrics) for name, metrics in self.by_scaling.items()},
        }

    def table(self) -> str:
        """Write it for a person to read."""
        lines = [self._counts_line(), *self._skipped_lines()]
        if self.by_scaling:
            lines += [
                '',
                _heading(_COLUMNS, 'all frames'),
                *(
                    _line(name, metrics.as_row(), _COLUMNS)
                    for name, metrics in self.by_scaling.items()
                ),
                '',
                *self._range_lines(),
                '',
                *self._robot_lines(),
            ]
        return '\n'.join(lines)

    def _counts_line(self) -> str:
        counts = self.counts
        references = '' if counts.references == 0 else f', {counts.references} references'
        return (
            f'{counts.frames} depth images ({self.depth_kind or "none"}){references} of '
            f'{self.reference}: {counts.compared} compared'
        )

    def _skipped_lines(self) -> list[str]:
        reasons = {cause: f' ({text})' for cause, text in self.counts.reasons.items()}
        return [
            f'  {count} skipped: {cause.replace("_", " ")}{reasons.get(cause, "")}'
            for cause, count in sorted(self.counts.skipped.items())
        ]

    def _range_lines(self) -> list[str]:
        ranges = [part for part in self.by_scaling[self.judged].ranges if part.frames]
        return [
            _heading((*_RANGE_COLUMNS, 'pixels', 'frames'), f'by range, {self.judged}'),
            *(
                _line(part.name, part.errors._asdict(), _RANGE_COLUMNS)
                + f'{part.pixels:>13}{part.frames:>13}'
                for part in ranges
            ),
        ]

    def _robot_lines(self) -> list[str]:
        metrics = self.metrics()
        flicker = (
            f'{metrics["flicker"]:.4f}, p95 {metrics["flicker_p95"]:.4f}'
            if self.flickers
            else f'not measured: {self.no_flicker}'
        )
        lines = [
            f'coverage (true depths with a prediction): {metrics["coverage"]:.3f}',
            f'scale (true / predicted median): {metrics["scale"]:.4g}, relative spread over '
            f'frames {metrics["scale_spread"]:.3f}',
            f'flicker (change that the motion does not explain): {flicker}',
        ]
        if self.counts.references:
            lines += [
                f'stamps apart: mean {_mean(np.abs(self.time_offsets)):.3f} s, worst '
                f'{np.max(np.abs(self.time_offsets)):.3f} s',
                f'clocks: {self.shift.state}: {self.shift.text}',
            ]
        return lines


def _mean(values: Any) -> float:
    return float(np.mean(values)) if len(values) else math.nan


def finite_or_none(value: float) -> float | None:
    """Return what JSON takes: it knows no NaN."""
    return value if math.isfinite(value) else None


def _row(metrics: FrameMetrics) -> dict[str, float | None]:
    return {name: finite_or_none(float(value)) for name, value in metrics.as_row().items()}


def _heading(columns: tuple[str, ...], first: str) -> str:
    return f'{first:<24}' + ''.join(f'{name:>13}' for name in columns)


def _line(name: str, row: dict[str, float], columns: tuple[str, ...]) -> str:
    return f'{name:<24}' + ''.join(f'{row[column]:13.3f}' for column in columns)
