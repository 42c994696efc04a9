"""The watchdog speaks when something is new or lasts, and not in between."""

import pytest
import rclpy.logging

from mono_depth_ros.ros.node.diagnostics import REPEAT_PERIODS, ThrottledLogger
from mono_depth_ros.ros.node.limits import Level
from mono_depth_ros.ros.node.watchdog import PERIOD_S


@pytest.fixture
def period(capfd):
    """Return a function that lets one watchdog period pass and returns what was logged."""
    speaker = ThrottledLogger('front')
    logger = rclpy.logging.get_logger('speaker_test')

    def pass_period(level: Level, text: str) -> str:
        for _ in range(PERIOD_S):
            speaker.tick(level, text, logger)
        return capfd.readouterr().err

    return pass_period


def test_a_warning_may_follow_an_error_and_an_error_a_warning(period):
    for level, text in ((Level.ERROR, 'one'), (Level.WARN, 'two'), (Level.ERROR, 'three')):
        assert f'front: {text}' in period(level, text)


def test_the_same_trouble_is_repeated_once_a_minute(period):
    said = [bool(period(Level.ERROR, 'no publisher')) for _ in range(REPEAT_PERIODS + 1)]

    assert said == [True, *[False] * (REPEAT_PERIODS - 1), True]


def test_figures_that_change_are_no_new_trouble(period):
    said = [bool(period(Level.WARN, f'depth is {age}.5 ms old')) for age in (612, 98, 1700)]

    assert said == [True, False, False]


def test_the_end_of_trouble_is_said_once(period):
    period(Level.ERROR, 'no publisher')

    assert 'front: running' in period(Level.OK, 'running')
    assert period(Level.OK, 'running') == ''


def test_between_periods_it_is_silent(capfd):
    speaker = ThrottledLogger('front')

    for _ in range(PERIOD_S - 1):
        speaker.tick(Level.ERROR, 'no publisher', rclpy.logging.get_logger('speaker_test'))

    assert capfd.readouterr().err == ''
