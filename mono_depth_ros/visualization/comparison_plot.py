"""Accuracy over latency as a drawing: one circle per network, its area the parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

from mono_depth_ros.visualization.charts import round_ticks

WIDTH = 760
_LEFT, _RIGHT, _BOTTOM = 62, 20, 96
_TITLE = 30.0  # above every panel
_HEIGHT, _HEIGHT_PER_MARK, _HIGHEST = 60.0, 28.0, 360.0  # of a panel
_RADIUS = 4.0  # of a network with one million parameters
_LEGEND_PARAMETERS = (2.5, 10.0, 25.0)
_LETTER, _LINE = 7.3, 16.0  # about the width and height of one at 13 px
# A README shows it as an image, on a light or a dark page.
_STYLE = """
text { font: 13px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; fill: #1b1f24; }
.dim { fill: #5b6673; } .up { text-anchor: end; } .along { text-anchor: middle; }
.paper { fill: #ffffff; } .rule { stroke: #dde1e6; fill: none; }
.size { fill: none; stroke: #5b6673; }
.p0 { fill: #1f6fd6; fill-opacity: .55; stroke: #1f6fd6; }
.p1 { fill: #d9591a; fill-opacity: .55; stroke: #d9591a; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e9ed; } .dim { fill: #9aa5b1; } .paper { fill: #14171b; }
  .rule { stroke: #343a42; } .size { stroke: #9aa5b1; }
  .p0 { fill: #6aa9ff; stroke: #6aa9ff; } .p1 { fill: #ff9a5c; stroke: #ff9a5c; } }
"""


class Mark(NamedTuple):
    """One circle.

    Attributes:
        name: written beside it.
        latency_ms: along [ms].
        abs_rel: up.
        parameters_m: its area [millions].
    """

    name: str
    latency_ms: float
    abs_rel: float
    parameters_m: float


class Panel(NamedTuple):
    """Circles that may be compared with each other: measured on the same images."""

    title: str
    marks: Sequence[Mark]


class _Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: _Box) -> float:
        """Return the area that two boxes share."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(width, 0.0) * max(height, 0.0)


class _Axes(NamedTuple):
    """Where a panel is, and the values at its edges; along it is logarithmic."""

    frame: _Box
    fastest: float
    slowest: float
    low: float
    high: float

    def x(self, value: float) -> float:
        share = math.log(value / self.fastest) / math.log(self.slowest / self.fastest)
        return self.frame.left + share * (self.frame.right - self.frame.left)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.frame.bottom - share * (self.frame.bottom - self.frame.top)

    def around(self, mark: Mark) -> _Box:
        """Return the box around a circle."""
        x, y, r = self.x(mark.latency_ms), self.y(mark.abs_rel), _radius(mark.parameters_m)
        return _Box(x - r, y - r, x + r, y + r)


def draw_plot(panels: Sequence[Panel], along: str) -> str:
    """Draw an SVG file: abs_rel over latency, better towards the lower left.

    Args:
        panels: from above, the first in a colour of its own; those without marks are left out.
        along: what is along, and its unit.

    Raises:
        ValueError: no panel has a mark.
    """
    drawn = [panel for panel in panels if panel.marks]
    if not drawn:
        raise ValueError('There is nothing to plot: no network has both latency and accuracy.')
    all_axes = _all_axes(drawn)
    height = round(all_axes[-1].frame.bottom) + _BOTTOM
    body = ''.join(
        _panel(panel, axes, number) for number, (panel, axes) in enumerate(zip(drawn, all_axes))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="AbsRel over latency of the networks">\n<style>{_STYLE}</style>\n'
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>\n{body}'
        f'{_along(all_axes[-1], along)}{_legend(height)}</svg>\n'
    )


def _all_axes(panels: Sequence[Panel]) -> list[_Axes]:
    """Stack the panels; along, all have the same axis."""
    times = [mark.latency_ms for panel in panels for mark in panel.marks]
    axes, bottom = [], 0.0
    for panel in panels:
        top = bottom + _TITLE
        bottom = top + min(_HEIGHT + _HEIGHT_PER_MARK * len(panel.marks), _HIGHEST)
        errors = [mark.abs_rel for mark in panel.marks]
        margin = 0.2 * (max(errors) - min(errors)) or 0.1 * max(errors)
        axes.append(
            _Axes(
                _Box(_LEFT, top, WIDTH - _RIGHT, bottom),
                min(times) / 1.3,
                max(times) * 1.4,
                min(errors) - margin,
                max(errors) + margin,
            )
        )
    return axes


def _panel(panel: Panel, axes: _Axes, number: int) -> str:
    # Small circles last, so that none hides.
    circles = ''.join(
        _circle(mark, axes, number)
        for mark in sorted(panel.marks, key=lambda mark: mark.parameters_m, reverse=True)
    )
    title = (
        f'<text class="dim" x="{_LEFT}" y="{axes.frame.top - 10:.1f}">AbsRel '
        f'{escape(panel.title)}</text>\n'
    )
    return title + _grid(axes) + circles + _labels(panel.marks, axes)


def _grid(axes: _Axes) -> str:
    frame = axes.frame
    parts = []
    for value in round_ticks(axes.low, axes.high):
        y = axes.y(value)
        parts.append(
            f'<path class="rule" d="M{frame.left} {y:.1f}H{frame.right}"/>'
            f'<text class="dim up" x="{frame.left - 8}" y="{y + 4:.1f}">{value:.4g}'
            '</text>'
        )
    for value in _log_ticks(axes.fastest, axes.slowest):
        parts.append(
            f'<path class="rule" d="M{axes.x(value):.1f} {frame.top:.1f}V{frame.bottom:.1f}"/>'
        )
    return ''.join(parts) + '\n'


def _along(axes: _Axes, along: str) -> str:
    ticks = ''.join(
        f'<text class="dim along" x="{axes.x(value):.1f}" y="{axes.frame.bottom + 18:.1f}">'
        f'{value:g}</text>'
        for value in _log_ticks(axes.fastest, axes.slowest)
    )
    bottom = axes.frame.bottom
    return (
        f'{ticks}<text class="dim" x="{_LEFT}" y="{bottom + 50:.1f}">{escape(along)}</text>'
        f'<text class="dim" x="{_LEFT}" y="{bottom + 72:.1f}">lower left is better</text>\n'
    )


def _log_ticks(low: float, high: float) -> list[float]:
    """Return the numbers 1, 2, 5 times a power of ten between two."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**exponent for exponent in exponents for digit in (1, 2, 5)]
    return [tick for tick in ticks if low <= tick <= high]


def _radius(parameters_m: float) -> float:
    return _RADIUS * math.sqrt(parameters_m)


def _circle(mark: Mark, axes: _Axes, number: int) -> str:
    says = (
        f'{mark.name}: AbsRel {mark.abs_rel:.3f}, {mark.latency_ms:.0f} ms, '
        f'{mark.parameters_m:.2f} M parameters'
    )
    return (
        f'<circle class="p{min(number, 1)}" cx="{axes.x(mark.latency_ms):.1f}" '
        f'cy="{axes.y(mark.abs_rel):.1f}" r="{_radius(mark.parameters_m):.1f}">'
        f'<title>{escape(says)}</title></circle>\n'
    )


def _labels(marks: Sequence[Mark], axes: _Axes) -> str:
    """Write every name where it hides least of what is there."""
    taken = [axes.around(mark) for mark in marks]
    parts = []
    for mark in marks:
        places = _places(axes.around(mark), _LETTER * len(mark.name))
        box = min(places, key=lambda place: _hidden(place, taken, axes.frame))
        taken.append(box)
        parts.append(
            f'<text x="{box.left:.1f}" y="{box.bottom - 4:.1f}">{escape(mark.name)}</text>\n'
        )
    return ''.join(parts)


def _places(circle: _Box, width: float) -> list[_Box]:
    """Return where a name may stand: right, left, above, below, at the corners; best first."""
    x, y = (circle.left + circle.right) / 2, (circle.top + circle.bottom) / 2
    right, left = circle.right + 4, circle.left - 4 - width
    above, below = circle.top - _LINE, circle.bottom
    corners = (
        (right, y - _LINE / 2),
        (left, y - _LINE / 2),
        (x - width / 2, above),
        (x - width / 2, below),
        (x, above),
        (x, below),
        (x - width, above),
        (x - width, below),
    )
    return [_Box(corner, top, corner + width, top + _LINE) for corner, top in corners]


def _hidden(box: _Box, taken: Iterable[_Box], frame: _Box) -> float:
    """Return what a name hides, and how much of it leaves the frame."""
    area = (box.right - box.left) * (box.bottom - box.top)
    return sum(box.overlap(other) for other in taken) + 2 * (area - box.overlap(frame))


def _legend(height: int) -> str:
    x, parts = float(WIDTH - _RIGHT - 218), []
    for parameters in _LEGEND_PARAMETERS:
        r = _radius(parameters)
        parts.append(
            f'<circle class="size" cx="{x + r:.1f}" cy="{height - 34}" r="{r:.1f}"/>'
            f'<text class="dim" x="{x + 2 * r + 4:.1f}" y="{height - 30}">'
            f'{parameters:g} M</text>'
        )
        x += 2 * r + 4 + 48
    return ''.join(parts) + '\n'
