"""Curves as SVG, coloured by the page that they stand in (classes s0, s1, …)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

# In units of the drawing; narrow, so that its letters stay readable on a phone.
WIDTH, HEIGHT = 480, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 16, 10, 26
_TICKS = 5
# A noisy curve of so many points is drawn pale, with its moving average over it.
_MANY = 40
_SMOOTHED_SHARE = 0.05


class Curve(NamedTuple):
    """One line of a chart.

    Attributes:
        name: what the legend calls it.
        steps: (N,) along.
        values: (N,) up; those that are not finite are left out.
        is_noisy: whether its moving average says more than its points.
    """

    name: str
    steps: Sequence[int]
    values: Sequence[float]
    is_noisy: bool = False

    def finite(self) -> list[tuple[float, float]]:
        """Return the points that can be drawn."""
        return [(float(x), y) for x, y in zip(self.steps, self.values) if math.isfinite(y)]


class _Axes(NamedTuple):
    """The values at the edges of the drawing."""

    left: float
    right: float
    low: float
    high: float

    def x(self, value: float) -> float:
        share = (value - self.left) / (self.right - self.left)
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)


def draw_chart(title: str, curves: Sequence[Curve]) -> str:
    """Draw curves over steps, with a legend that gives each one's last value.

    Returns:
        An HTML figure; '' if no curve has a point.
    """
    drawn = [curve for curve in curves if curve.finite()]
    if not drawn:
        return ''
    axes = _axes([point for curve in drawn for point in curve.finite()])
    lines = ''.join(_line(curve, axes, number) for number, curve in enumerate(drawn))
    legend = ' '.join(
        f'<span><i class="s{number}"></i>{escape(curve.name)} '
        f'<b>{short(curve.finite()[-1][1])}</b></span>'
        for number, curve in enumerate(drawn)
    )
    return (
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)} over steps">'
        f'{_grid(axes)}{lines}</svg><div class="legend">{legend}</div></figure>\n'
    )


def draw_bars(
    title: str, names: Sequence[str], values: Sequence[float], is_count: bool = False
) -> str:
    """Draw one bar per value, with the value over it.

    Args:
        title: what the values are.
        names: of the bars.
        values: their heights, 0 or more; what is not finite has no bar.
        is_count: whether the values are whole numbers.

    Returns:
        An HTML figure; '' if there is no bar to draw.
    """
    heights = [value if math.isfinite(value) else 0.0 for value in values]
    if not any(heights):
        return ''
    axes = _Axes(0, len(heights), 0, 1.1 * max(heights))
    bars = ''.join(
        _bar(axes, place, name, value, is_count)
        for place, (name, value) in enumerate(zip(names, heights))
    )
    return (
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f'{_levels(axes)}{bars}</svg></figure>\n'
    )


def draw_histogram(title: str, values: Sequence[float], bins: int = 12) -> str:
    """Draw how often values occur; those outside the 1st and 99th percentile in the end bins."""
    finite = sorted(value for value in values if math.isfinite(value))
    if not finite:
        return ''
    low, high = (finite[round(share * (len(finite) - 1))] for share in (0.01, 0.99))
    width = (high - low) / bins or abs(low) / bins or 1.0
    counts = [0] * bins
    for value in finite:
        counts[min(bins - 1, max(0, int((value - low) / width)))] += 1
    middles = [low + (place + 0.5) * width for place in range(bins)]
    names = ['' if place % 2 else f'{middle:.3g}' for place, middle in enumerate(middles)]
    return draw_bars(title, names, counts, is_count=True)


def short(value: float) -> str:
    """Write a number in four digits."""
    return f'{value:.4g}'


def round_ticks(low: float, high: float) -> list[float]:
    """Return about five round numbers between two."""
    rough = (high - low) / _TICKS
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(m * magnitude for m in (1, 2, 5, 10) if m * magnitude >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _axes(points: Sequence[tuple[float, float]]) -> _Axes:
    steps, values = zip(*points)
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    right = max(steps)
    return _Axes(min(*steps, right - 1), right, low - margin, high + margin)


def _bar(axes: _Axes, place: int, name: str, value: float, is_count: bool) -> str:
    left, right, top = axes.x(place + 0.12), axes.x(place + 0.88), axes.y(value)
    middle = (left + right) / 2
    number = (f'{value:.0f}' if is_count else f'{value:.3g}') if value else ''
    return (
        f'<rect class="s0" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
        f'height="{axes.y(0) - top:.1f}"/>'
        f'<text class="along" x="{middle:.1f}" y="{top - 4:.1f}">{number}</text>'
        f'<text class="along" x="{middle:.1f}" y="{HEIGHT - 8}">{escape(name)}</text>'
    )


def _grid(axes: _Axes) -> str:
    parts = [_levels(axes)]
    for value in round_ticks(axes.left, axes.right):
        if value == int(value):
            parts.append(
                f'<text class="along" x="{axes.x(value):.1f}" y="{HEIGHT - 8}">'
                f'{_count(int(value))}</text>'
            )
    return ''.join(parts)


def _levels(axes: _Axes) -> str:
    parts = []
    for value in round_ticks(axes.low, axes.high):
        y = axes.y(value)
        parts.append(
            f'<path class="rule" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>'
            f'<text class="up" x="{_LEFT - 6}" y="{y + 4:.1f}">{value:.6g}</text>'
        )
    return ''.join(parts)


def _line(curve: Curve, axes: _Axes, number: int) -> str:
    points = curve.finite()
    if len(points) == 1:
        ((x, y),) = points
        return f'<circle class="s{number}" cx="{axes.x(x):.1f}" cy="{axes.y(y):.1f}" r="4"/>'
    if not curve.is_noisy or len(points) < _MANY:
        return _polyline(points, axes, f's{number}')
    return _polyline(points, axes, f's{number} pale') + _polyline(
        _smoothed(points), axes, f's{number}'
    )


def _polyline(points: Sequence[tuple[float, float]], axes: _Axes, style: str) -> str:
    places = ' '.join(f'{axes.x(x):.1f},{axes.y(y):.1f}' for x, y in points)
    return f'<polyline class="{style}" points="{places}"/>'


def _smoothed(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Average every point with its neighbours, those of one side at the ends."""
    reach = max(1, round(len(points) * _SMOOTHED_SHARE / 2))
    smoothed = []
    for index, (x, _) in enumerate(points):
        near = [y for _, y in points[max(0, index - reach) : index + reach + 1]]
        smoothed.append((x, math.fsum(near) / len(near)))
    return smoothed


def _count(value: int) -> str:
    return f'{value / 1000:g}k' if value >= 1000 else str(value)
