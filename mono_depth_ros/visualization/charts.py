"""Curves and bars of a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mono_depth_ros.visualization.svg import COLORS, draw_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# In units of the drawing; narrow, so that its letters stay readable on a phone.
WIDTH, HEIGHT = 480, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 10, 26
_TICKS, _STEPS = 5, (1, 2, 5, 10)
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


class Chart(NamedTuple):
    """A drawing for a page.

    Attributes:
        title: as text.
        svg: the drawing, an element of HTML.
        legend: (name, last value) of the curves, in the order of their colors.
    """

    title: str
    svg: str
    legend: Sequence[tuple[str, str]] = ()


def draw_chart(title: str, curves: Sequence[Curve]) -> Chart | None:
    """Draw curves over steps, with a legend that gives each one's last value.

    Returns:
        The chart; None if no curve has a point.
    """
    drawn = [curve for curve in curves if curve.finite()]
    if not drawn:
        return None

    def draw(figure: Figure) -> None:
        from matplotlib.ticker import MaxNLocator

        axes = _add_axes(figure)
        axes.margins(x=0, y=0.05)
        for index, curve in enumerate(drawn):
            _plot(axes, curve, COLORS[f's{index % 2}'])
        axes.xaxis.set_major_locator(MaxNLocator(_TICKS, steps=_STEPS, integer=True))
        axes.xaxis.set_major_formatter(lambda value, _: _count(value))

    legend = [(curve.name, short(curve.finite()[-1][1])) for curve in drawn]
    return Chart(title, draw_svg((WIDTH, HEIGHT), f'{title} over steps', draw), legend)


def draw_bars(
    title: str, names: Sequence[str], values: Sequence[float], is_count: bool = False
) -> Chart | None:
    """Draw one bar per value, with the value over it.

    Args:
        title: what the values are.
        names: of the bars.
        values: their heights, 0 or more; what is not finite has no bar.
        is_count: whether the values are whole numbers.

    Returns:
        The chart; None if there is no bar to draw.
    """
    heights = [value if math.isfinite(value) else 0.0 for value in values]
    if not any(heights):
        return None

    def draw(figure: Figure) -> None:
        axes = _add_axes(figure)
        axes.grid(visible=False, axis='x')
        axes.set_ylim(0, 1.1 * max(heights))
        bars = axes.bar(range(len(heights)), heights, 0.76, color=COLORS['s0'])
        axes.set_xticks(range(len(heights)), names)
        labels = [_height(value, is_count) for value in heights]
        axes.bar_label(bars, labels, padding=2, color=COLORS['dim'])

    return Chart(title, draw_svg((WIDTH, HEIGHT), title, draw))


def draw_histogram(title: str, values: Sequence[float], bins: int = 12) -> Chart | None:
    """Draw how often values occur; those outside the 1st and 99th percentile in the end bins."""
    finite = np.array([value for value in values if math.isfinite(value)])
    if not finite.size:
        return None
    low, high = np.percentile(finite, (1, 99), method='nearest')
    high = high if high > low else low + (abs(low) or bins)
    counts, edges = np.histogram(finite.clip(low, high), bins, (low, high))
    middles = (edges[:-1] + edges[1:]) / 2
    names = ['' if index % 2 else f'{middle:.3g}' for index, middle in enumerate(middles)]
    return draw_bars(title, names, counts.tolist(), is_count=True)


def short(value: float) -> str:
    """Write a number in four digits."""
    return f'{value:.4g}'


def _add_axes(figure: Figure) -> Axes:
    width, height = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
    axes = figure.add_axes((_LEFT / WIDTH, _BOTTOM / HEIGHT, width / WIDTH, height / HEIGHT))
    axes.locator_params(nbins=_TICKS, steps=_STEPS)
    axes.yaxis.set_major_formatter(lambda value, _: _number(value))
    return axes


def _plot(axes: Axes, curve: Curve, color: str) -> None:
    x, y = zip(*curve.finite())
    if len(x) == 1:
        axes.plot(x, y, 'o', color=color, markersize=8)
    elif curve.is_noisy and len(x) >= _MANY:
        axes.plot(x, y, color=color, alpha=0.3, linewidth=1)
        axes.plot(x, _smoothed(np.array(y)), color=color)
    else:
        axes.plot(x, y, color=color)


def _smoothed(values: np.ndarray) -> np.ndarray:
    """Average every one of (N,) values with its neighbors, those of one side at the ends."""
    reach = max(1, round(len(values) * _SMOOTHED_SHARE / 2))
    window = np.ones(2 * reach + 1)
    sums, counts = (
        np.convolve(terms, window)[reach : len(values) + reach]
        for terms in (values, np.ones(len(values)))
    )
    return np.asarray(sums / counts)


def _height(value: float, is_count: bool) -> str:
    if not value:
        return ''
    return f'{value:.0f}' if is_count else f'{value:.3g}'


def _number(value: float) -> str:
    if 0 < abs(value) < 1e-3:
        return np.format_float_scientific(value, precision=2, trim='-', exp_digits=1)
    return f'{value:.6g}'


def _count(value: float) -> str:
    return f'{value / 1000:g}k' if value >= 1000 else f'{value:g}'
