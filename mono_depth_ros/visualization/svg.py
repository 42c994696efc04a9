"""Figures of matplotlib as SVG: text stays text, and colors are CSS variables of the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from io import StringIO
from threading import Lock
from typing import TYPE_CHECKING

from mono_depth_ros.visualization.libraries import require_report_libraries

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# matplotlib draws with these; in the file they are --ink, --dim, … (style.css).
_VARIABLES = ('ink', 'dim', 'line', 'sheet', 's0', 's1')
COLORS = {name: f'#0101{number:02x}' for number, name in enumerate(_VARIABLES)}
_COLOR = re.compile('#0101([0-9a-f]{2})')
_POINTS_PER_INCH = 72
_STYLE = {
    'svg.fonttype': 'none',
    'svg.hashsalt': 'mono_depth_ros',
    'text.parse_math': False,
    'text.color': COLORS['ink'],
    'font.size': 13,
    'axes.edgecolor': COLORS['line'],
    'axes.facecolor': 'none',
    'axes.grid': True,
    'axes.axisbelow': True,
    'axes.spines.left': False,
    'axes.spines.right': False,
    'axes.spines.top': False,
    'grid.color': COLORS['line'],
    'grid.linewidth': 1,
    'xtick.color': COLORS['dim'],
    'ytick.color': COLORS['dim'],
    'xtick.bottom': False,
    'ytick.left': False,
    'figure.facecolor': 'none',
    'lines.linewidth': 2,
}
# Left out, so that the same figure gives the same text.
_METADATA = ('Creator', 'Date', 'Format', 'Type')
# matplotlib's settings belong to the process.
_SETTINGS = Lock()


def draw_svg(size: tuple[int, int], label: str, draw: Callable[[Figure], None]) -> str:
    """Draw a figure; the same figure gives the same text, whatever the user's matplotlibrc says.

    Args:
        size: (width, height) in units of the drawing, which are points of matplotlib.
        label: what the drawing is, for those who do not see it.
        draw: draws into a figure with COLORS; what has a gid 'title:…' says this when pointed at.

    Returns:
        An <svg> element, which takes the width, the font and the colors of its page.

    Raises:
        ModuleNotFoundError: see require_report_libraries.
    """
    require_report_libraries()
    from matplotlib import style
    from matplotlib.figure import Figure

    file = StringIO()
    with _SETTINGS, style.context(['default', _STYLE]):
        inches = size[0] / _POINTS_PER_INCH, size[1] / _POINTS_PER_INCH
        figure = Figure(figsize=inches, dpi=_POINTS_PER_INCH)
        draw(figure)
        figure.savefig(file, format='svg', metadata=dict.fromkeys(_METADATA))
    return _for_a_page(file.getvalue(), size, label)


def _for_a_page(file: str, size: tuple[int, int], label: str) -> str:
    """Leave out of a file of matplotlib what concerns other drawings on the same page."""
    content = file[file.index('>', file.index('<svg')) + 1 :]
    content = re.sub(r'\s*<defs>\s*<style.*?</style>\s*</defs>', '', content, flags=re.DOTALL)
    content = re.sub(r'<g id="title:([^"]*)">', r'<g><title>\1</title>', content)
    content = re.sub(r'<g id="[^"]*">', '<g>', content)
    content = re.sub(r'font-family: [^;\"]*(; )?', '', content)
    content = _COLOR.sub(lambda found: f'var(--{_VARIABLES[int(found[1], 16)]})', content)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {size[0]} {size[1]}" role="img" aria-label="{escape(label)}">'
        f'{content.rstrip()}'
    )
