"""Curves stand where their values are."""

import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from mono_depth_ros.visualization.charts import (
    HEIGHT,
    WIDTH,
    Curve,
    draw_bars,
    draw_chart,
    draw_histogram,
    round_ticks,
)


def drawing(chart):
    return ElementTree.fromstring(chart).find('svg')


def points(line):
    return [tuple(map(float, pair.split(','))) for pair in line.get('points').split()]


def test_points_stand_in_proportion_to_steps_and_values():
    svg = drawing(draw_chart('Loss', [Curve('loss', [1, 2, 5], [4.0, 1.0, 2.0])]))

    (x1, y1), (x2, y2), (x5, y5) = points(svg.find('polyline'))

    assert x2 - x1 == pytest.approx((x5 - x1) / 4, abs=0.2)
    assert y2 - y5 == pytest.approx((y2 - y1) / 3, abs=0.2) and y1 < y2
    assert 0 < x1 < x5 < WIDTH and 0 < y1 < y2 < HEIGHT


def test_labels_stand_at_their_values():
    svg = drawing(draw_chart('Loss', [Curve('loss', [0, 10], [0.0, 2.0])]))
    (_, low), (_, high) = points(svg.find('polyline'))

    label = next(text for text in svg.findall('text') if text.text == '1')

    assert float(label.get('y')) - 4 == pytest.approx((low + high) / 2, abs=0.2)


def test_the_legend_has_every_curves_last_value():
    chart = draw_chart(
        'a < b',
        [Curve('one & two', [1, 2], [5.0, 0.123456]), Curve('three', [1, 2], [1.0, math.nan])],
    )

    legend = ElementTree.fromstring(chart).findall('div/span')

    assert [''.join(item.itertext()) for item in legend] == ['one & two 0.1235', 'three 1']


def test_values_that_are_no_numbers_leave_no_point():
    svg = drawing(draw_chart('Speed', [Curve('speed', [1, 2, 3], [math.nan, 1.0, 2.0])]))

    assert len(points(svg.find('polyline'))) == 2


def test_a_single_point_is_a_dot_and_none_is_no_chart():
    assert drawing(draw_chart('Loss', [Curve('loss', [3], [0.0])])).find('circle') is not None
    assert draw_chart('Speed', [Curve('speed', [1], [math.nan])]) == ''


def test_a_noisy_curve_has_its_mean_drawn_over_it():
    values = [1.0 + 0.5 * (-1) ** step for step in range(200)]
    svg = drawing(draw_chart('Loss', [Curve('loss', range(200), values, is_noisy=True)]))

    pale, mean = (points(line) for line in svg.findall('polyline'))

    def height(line):
        return max(y for _, y in line) - min(y for _, y in line)

    assert height(mean) < 0.15 * height(pale)


@pytest.mark.parametrize(
    ('low', 'high', 'expected'),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (1.0, 4.0, [1.0, 2.0, 3.0, 4.0]),
        (-0.1, 0.1, [-0.1, -0.05, 0.0, 0.05, 0.1]),
        (0.0, 20000.0, [0.0, 5000.0, 10000.0, 15000.0, 20000.0]),
    ],
)
def test_ticks_are_round_numbers(low, high, expected):
    assert round_ticks(low, high) == pytest.approx(expected)


def bars(chart):
    return [
        (float(bar.get('x')), float(bar.get('height'))) for bar in drawing(chart).findall('rect')
    ]


def test_bars_are_as_high_as_their_values_and_named():
    chart = draw_bars('AbsRel', ['near', 'far'], [0.1, 0.3])

    (left, low), (right, high) = bars(chart)
    assert left < right and high == pytest.approx(3 * low, rel=0.01)
    assert {'near', 'far', '0.1', '0.3'} <= {text.text for text in drawing(chart).findall('text')}


def test_a_value_that_is_none_has_no_bar_and_none_at_all_no_chart():
    assert bars(draw_bars('x', ['a', 'b'], [math.nan, 2.0]))[0][1] == 0
    assert draw_bars('x', ['a'], [math.nan]) == ''
    assert draw_histogram('x', [math.nan]) == ''


def test_a_histogram_counts_everything_outliers_in_the_end_bins():
    values = [*np.linspace(1, 2, 999), 50.0]

    texts = drawing(draw_histogram('x', values, 10)).findall("text[@class='along']")

    counts = [int(text.text) for text in texts if text.text in map(str, range(80, 130))]
    assert len(counts) == 10 and sum(counts) == 1000


def test_a_histogram_of_one_value_has_one_bar():
    heights = [height for _, height in bars(draw_histogram('x', [3.0, 3.0], 4))]

    assert sorted(heights)[:3] == [0, 0, 0] and max(heights) > 100
