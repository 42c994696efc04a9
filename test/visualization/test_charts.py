"""Curves stand where their values are."""

import math
import re
import sys
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor

import matplotlib
import numpy as np
import pytest

from mono_depth_ros.visualization.charts import (
    HEIGHT,
    WIDTH,
    Curve,
    draw_bars,
    draw_chart,
    draw_histogram,
)

SVG = '{http://www.w3.org/2000/svg}'


def drawing(chart):
    return ElementTree.fromstring(chart.svg)


def lines(svg):
    """Return the points of every curve in the first color."""
    paths = [path for path in svg.iter(f'{SVG}path') if 'stroke: var(--s0)' in path.get('style')]
    return [
        [tuple(map(float, pair)) for pair in re.findall(r'[ML] ([\d.]+) ([\d.]+)', path.get('d'))]
        for path in paths
    ]


def texts(svg):
    return {text.text: text for text in svg.iter(f'{SVG}text')}


def test_points_stand_in_proportion_to_steps_and_values():
    svg = drawing(draw_chart('Loss', [Curve('loss', [1, 2, 5], [4.0, 1.0, 2.0])]))

    ((x1, y1), (x2, y2), (x5, y5)), *_ = lines(svg)

    assert x2 - x1 == pytest.approx((x5 - x1) / 4, abs=0.2)
    assert y2 - y5 == pytest.approx((y2 - y1) / 3, abs=0.2) and y1 < y2
    assert 0 < x1 < x5 < WIDTH and 0 < y1 < y2 < HEIGHT


def test_labels_stand_at_their_values():
    svg = drawing(draw_chart('Loss', [Curve('loss', [0, 10], [0.0, 2.0])]))
    ((left, low), (right, high)), *_ = lines(svg)

    up, along = texts(svg)['1'], texts(svg)['4']

    assert float(along.get('x')) == pytest.approx(left + 0.4 * (right - left), abs=0.2)
    assert float(up.get('y')) - 4.9 == pytest.approx((low + high) / 2, abs=0.2)


def test_labels_of_small_values_are_short():
    svg = drawing(draw_chart('Rate', [Curve('rate', [1, 2], [1e-4, 1.1e-4])]))

    assert {'1e-4', '1.1e-4'} <= set(texts(svg))


def test_the_legend_has_every_curves_last_value():
    chart = draw_chart(
        'a < b',
        [Curve('one & two', [1, 2], [5.0, 0.123456]), Curve('three', [1, 2], [1.0, math.nan])],
    )

    assert chart.legend == [('one & two', '0.1235'), ('three', '1')]


def test_values_that_are_no_numbers_leave_no_point():
    svg = drawing(draw_chart('Speed', [Curve('speed', [1, 2, 3], [math.nan, 1.0, 2.0])]))

    assert [len(line) for line in lines(svg)] == [2]


def test_a_single_point_is_a_dot_and_none_is_no_chart():
    dot = drawing(draw_chart('Loss', [Curve('loss', [3], [0.0])]))

    assert len(list(dot.iter(f'{SVG}use'))) == 1
    assert draw_chart('Speed', [Curve('speed', [1], [math.nan])]) is None


def test_a_noisy_curve_has_its_mean_drawn_over_it():
    values = [1.0 + 0.5 * (-1) ** step for step in range(200)]
    svg = drawing(draw_chart('Loss', [Curve('loss', range(200), values, is_noisy=True)]))

    pale, mean = lines(svg)

    def height(line):
        return max(y for _, y in line) - min(y for _, y in line)

    assert height(mean) < 0.15 * height(pale)


def bars(chart):
    """Return the left edge and the height of every bar."""
    found = []
    for path in drawing(chart).iter(f'{SVG}path'):
        if 'fill: var(--s0)' in path.get('style'):
            points = re.findall(r'[ML] ([\d.]+) ([\d.]+)', path.get('d'))
            x, y = zip(*(map(float, point) for point in points))
            found.append((min(x), max(y) - min(y)))
    return found


def test_bars_are_as_high_as_their_values_and_named():
    chart = draw_bars('AbsRel', ['near', 'far'], [0.1, 0.3])

    (left, low), (right, high) = bars(chart)
    assert left < right and high == pytest.approx(3 * low, rel=0.01)
    assert {'near', 'far', '0.1', '0.3'} <= set(texts(drawing(chart)))


def test_a_value_that_is_none_has_no_bar_and_none_at_all_no_chart():
    assert bars(draw_bars('x', ['a', 'b'], [math.nan, 2.0]))[0][1] == 0
    assert draw_bars('x', ['a'], [math.nan]) is None
    assert draw_histogram('x', [math.nan]) is None


def test_a_histogram_counts_everything_outliers_in_the_end_bins():
    values = [*np.linspace(1, 2, 999), 50.0]

    svg = drawing(draw_histogram('x', values, 10))

    labels = [text.text for text in svg.iter(f'{SVG}text') if 'middle' in text.get('style')]
    counts = [int(label) for label in labels if label in map(str, range(80, 130))]
    assert len(counts) == 10 and sum(counts) == 1000


def test_a_histogram_of_one_value_has_one_bar():
    heights = [height for _, height in bars(draw_histogram('x', [3.0, 3.0], 4))]

    assert sorted(heights)[:3] == [0, 0, 0] and max(heights) > 100


def test_names_with_signs_are_neither_markup_nor_formulas():
    svg = drawing(draw_bars('a "b" <c>', ['x < $y$', 'z & "w"'], [1.0, 2.0]))

    assert svg.get('aria-label') == 'a "b" <c>' and {'x < $y$', 'z & "w"'} <= set(texts(svg))


def test_a_drawing_takes_font_and_colors_from_its_page_and_disturbs_no_other():
    svg = draw_chart('Loss', [Curve('loss', [1, 2], [4.0, 1.0])]).svg

    assert 'font-family' not in svg and '<style' not in svg and '<g id' not in svg
    assert not re.search('(fill|stroke): #', svg)


def test_threads_draw_the_same_as_one_and_settings_stay_as_they_are():
    curves = [Curve('loss', range(50), np.linspace(0, 1, 50).tolist(), is_noisy=True)]
    before = dict(matplotlib.rcParams), 'matplotlib.pyplot' in sys.modules
    expected = draw_chart('Loss', curves)

    with ThreadPoolExecutor(4) as pool:
        charts = list(pool.map(lambda _: draw_chart('Loss', curves), range(8)))

    assert charts == [expected] * 8
    assert (dict(matplotlib.rcParams), 'matplotlib.pyplot' in sys.modules) == before


def test_a_missing_library_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, 'matplotlib', None)

    with pytest.raises(
        ModuleNotFoundError, match=r'matplotlib not found.*mono_depth_ros\[report\]'
    ):
        draw_chart('Loss', [Curve('loss', [1, 2], [4.0, 1.0])])
