"""Thresholds: what crosses them, which comes first, and what is never judged."""

import math
import re

import pytest

from mono_depth_ros.ros.node.limits import Level, Limits, Performance, judge, readable_drops

LIMITS = Limits(
    warn_fps=10.0, error_fps=5.0, warn_age=0.2, error_age=0.4, warn_drops=0.1, error_drops=0.5
)
GOOD = {'fps': 15.0, 'age_p95': 0.1, 'frames_in': 100, 'drops': {'replaced_by_newer': 60}}


@pytest.mark.parametrize(
    ('change', 'level', 'words'),
    [
        ({'fps': 9.9}, Level.WARN, 'at 9.9 Hz, below warn_fps'),
        ({'fps': 4.9}, Level.ERROR, 'at 4.9 Hz, below error_fps'),
        ({'age_p95': 0.25}, Level.WARN, '250 ms old .* above warn_age'),
        ({'age_p95': 0.5}, Level.ERROR, '500 ms old .* above error_age'),
        (
            {'drops': {'undecodable': 11, 'replaced_by_newer': 80}},
            Level.WARN,
            r'11% of the images are dropped \(replaced_by_newer 80, undecodable 11\), '
            'above warn_drops',
        ),
        ({'drops': {'undecodable': 30, 'too_old': 21}}, Level.ERROR, '51% .* above error_drops'),
        ({'fps': 4.0, 'age_p95': 0.25}, Level.ERROR, 'below error_fps'),
    ],
)
def test_a_threshold_that_is_crossed_is_named_and_the_worst_comes_first(change, level, words):
    verdict = judge(Performance(**GOOD | change), LIMITS)

    assert verdict is not None and verdict[0] == level
    assert re.search(words, verdict[1]), verdict[1]


@pytest.mark.parametrize(
    'change',
    [
        {},
        {'fps': 10.0, 'age_p95': 0.2},
        {'fps': None},
        {'age_p95': math.nan},
        {'frames_in': 0, 'drops': {}},
    ],
)
def test_within_the_thresholds_or_not_yet_known_is_no_trouble(change):
    assert judge(Performance(**GOOD | change), LIMITS) is None


def test_a_threshold_of_zero_is_not_judged():
    worst = Performance(fps=0.0, age_p95=99.0, frames_in=1, drops={'encoding': 1})

    assert judge(worst, Limits()) is None


def test_drops_read_as_a_list_with_the_most_first():
    assert readable_drops({'a': 1, 'b': 5, 'c': 0}) == 'b 5, a 1'
    assert readable_drops({}) == 'none'
