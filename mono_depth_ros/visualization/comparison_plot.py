"""Accuracy over latency as a drawing: one circle per network, its area the parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from mono_depth_ros.visualization.svg import COLORS, draw_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 760
_LEFT, _RIGHT, _BOTTOM = 62, 20, 96
_TITLE = 30  # above every panel
_HEIGHT, _HEIGHT_PER_MARK, _MAX_HEIGHT = 60, 28, 360  # of a panel
_DIAMETER = 8.0  # of a network with one million parameters
_LEGEND_PARAMETERS = (2.5, 10.0, 25.0)
_GAP = 4  # between a circle and its name
# A README shows it as an image, on a light or a dark page.
_STYLE = """<style>
svg { --ink: #1b1f24; --dim: #5b6673; --line: #dde1e6; --sheet: #ffffff;
  --s0: #1f6fd6; --s1: #d9591a; }
@media (prefers-color-scheme: dark) {
  svg { --ink: #e6e9ed; --dim: #9aa5b1; --line: #343a42; --sheet: #14171b;
    --s0: #6aa9ff; --s1: #ff9a5c; } }
text { font-family: system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }
</style>"""


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
    """A rectangle of the drawing, upwards."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: _Box) -> float:
        """Return the area that two boxes share."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(width, 0.0) * max(height, 0.0)


def draw_plot(panels: Sequence[Panel], along: str) -> str:
    """Draw an SVG file: abs_rel over latency, better towards the lower left.

    Args:
        panels: from above, the first in a color of its own; those without marks are left out.
        along: what is along, and its unit.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
        ValueError: no panel has a mark.
    """
    drawn = [panel for panel in panels if panel.marks]
    if not drawn:
        raise ValueError('There is nothing to plot: no network has both latency and accuracy.')
    heights = [min(_HEIGHT + _HEIGHT_PER_MARK * len(panel.marks), _MAX_HEIGHT) for panel in drawn]
    height = sum(heights) + _TITLE * len(drawn) + _BOTTOM

    def draw(figure: Figure) -> None:
        figure.patch.set_facecolor(COLORS['sheet'])
        for number, axes in enumerate(_stack_axes(figure, heights)):
            _draw_panel(axes, drawn[number], number)
        _draw_latency(figure.axes[-1], drawn, along)
        _draw_sizes(figure)
        for axes, panel in zip(figure.axes, drawn):
            _draw_names(axes, panel.marks)

    svg = draw_svg((WIDTH, height), 'AbsRel over latency of the networks', draw)
    return svg.replace('>', f'>\n{_STYLE}', 1) + '\n'


def _stack_axes(figure: Figure, heights: Sequence[int]) -> list[Axes]:
    """Add axes of these heights from above; along, all have the same logarithmic scale."""
    total = sum(heights) + _TITLE * len(heights) + _BOTTOM
    bottom = total
    stack: list[Axes] = []
    for height in heights:
        bottom -= _TITLE + height
        place = _LEFT / WIDTH, bottom / total, (WIDTH - _LEFT - _RIGHT) / WIDTH, height / total
        stack.append(figure.add_axes(place, sharex=stack[0] if stack else None, xscale='log'))
    return stack


def _draw_panel(axes: Axes, panel: Panel, number: int) -> None:
    errors = [mark.abs_rel for mark in panel.marks]
    margin = 0.2 * (max(errors) - min(errors)) or 0.1 * max(errors)
    axes.set_ylim(min(errors) - margin, max(errors) + margin)
    axes.set_title(f'AbsRel {panel.title}', loc='left', fontsize=13, color=COLORS['dim'])
    axes.locator_params(axis='y', nbins=5, steps=(1, 2, 5, 10))
    axes.yaxis.set_major_formatter('{x:.4g}')
    color = COLORS[f's{min(number, 1)}']
    # Small circles last, so that none hides.
    for mark in sorted(panel.marks, key=lambda mark: mark.parameters_m, reverse=True):
        axes.scatter(
            mark.latency_ms,
            mark.abs_rel,
            _area(mark.parameters_m),
            facecolor=(color, 0.55),
            edgecolor=color,
            gid=f'title:{mark.name}: AbsRel {mark.abs_rel:.3f}, {mark.latency_ms:.0f} ms, '
            f'{mark.parameters_m:.2f} M parameters',
        )


def _draw_latency(axes: Axes, panels: Sequence[Panel], along: str) -> None:
    """Label the axis that all panels share, under the last of them."""
    from matplotlib.ticker import LogLocator

    times = [mark.latency_ms for panel in panels for mark in panel.marks]
    axes.set_xlim(min(times) / 1.3, max(times) * 1.4)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter('{x:g}')
    axes.minorticks_off()
    for above in axes.figure.axes[:-1]:
        above.tick_params(labelbottom=False)
    axes.set_xlabel(f'{along}\nlower left is better', loc='left', labelpad=16, linespacing=1.5)
    axes.xaxis.label.set(color=COLORS['dim'], horizontalalignment='left', x=0)


def _draw_sizes(figure: Figure) -> None:
    """Say how many parameters some areas are."""
    circles = [
        figure.axes[-1].scatter(
            [], [], _area(parameters), 'none', edgecolor=COLORS['dim'], label=f'{parameters:g} M'
        )
        for parameters in _LEGEND_PARAMETERS
    ]
    figure.legend(
        handles=circles,
        loc='lower right',
        bbox_to_anchor=(1 - _RIGHT / WIDTH, 0),
        ncols=len(circles),
        borderaxespad=1,
        columnspacing=2,
        handletextpad=1,
        frameon=False,
        labelcolor=COLORS['dim'],
    )


def _area(parameters_m: float) -> float:
    """Return the square of a circle's diameter, which is what matplotlib calls its area."""
    return _DIAMETER**2 * parameters_m


def _draw_names(axes: Axes, marks: Sequence[Mark]) -> None:
    """Write every name where it hides least of what is there."""
    centers = axes.transData.transform([(mark.latency_ms, mark.abs_rel) for mark in marks])
    radii = [math.sqrt(_area(mark.parameters_m)) / 2 for mark in marks]
    circles = [_Box(x - r, y - r, x + r, y + r) for (x, y), r in zip(centers, radii)]
    taken = list(circles)
    frame = _Box(*axes.bbox.extents)
    for mark, circle in zip(marks, circles):
        name = axes.text(0, 0, mark.name, transform=None, verticalalignment='bottom')
        extent = name.get_window_extent()
        places = _places(circle, extent.width, extent.height)
        box = min(places, key=lambda place: _hidden(place, taken, frame))
        name.set_position((box.left, box.bottom))
        taken.append(box)


def _places(circle: _Box, width: float, height: float) -> list[_Box]:
    """Return where a name may stand: right, left, above, below, at the corners; best first."""
    x, y = (circle.left + circle.right) / 2, (circle.bottom + circle.top) / 2
    right, left = circle.right + _GAP, circle.left - _GAP - width
    above, below = circle.top, circle.bottom - height
    corners = (
        (right, y - height / 2),
        (left, y - height / 2),
        (x - width / 2, above),
        (x - width / 2, below),
        (x, above),
        (x, below),
        (x - width, above),
        (x - width, below),
    )
    return [_Box(corner, bottom, corner + width, bottom + height) for corner, bottom in corners]


def _hidden(box: _Box, taken: Iterable[_Box], frame: _Box) -> float:
    """Return what a name hides, and how much of it leaves the frame."""
    area = box.overlap(box)
    return sum(box.overlap(other) for other in taken) + 2 * (area - box.overlap(frame))
