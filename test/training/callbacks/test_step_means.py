"""Steps are averaged, and the first of a start says nothing about speed."""

import math

import pytest

from mono_depth_ros.training.callbacks.step_means import Averager, StepMeans, join_step_means


def record(step, loss=1.0, seconds=2.0, waited=0.5):
    return StepMeans(step, 1, loss, {'smoothness': 10 * loss}, 1e-4, 4, seconds, waited)


def test_spans_join_with_every_step_counting_the_same():
    joined = join_step_means(
        [
            StepMeans(1, 1, 4.0, {'hints': 8.0}, 1e-4, 2, 1.0, 0.5),
            StepMeans(4, 3, 8.0, {'hints': 4.0, 'velocity': 7.0}, 1e-4, 6, 3.0, 0.5),
        ]
    )

    assert (joined.step, joined.steps, joined.loss) == (4, 4, 7.0)
    assert joined.terms == {'hints': 5.0, 'velocity': 7.0}
    assert (joined.images_per_second, joined.wait_share) == (2.0, 0.25)


def test_gathered_steps_are_taken_once():
    gatherer = Averager()
    for step in (1, 2, 3):
        gatherer.add(record(step, loss=step))

    span = gatherer.take()

    assert (span.step, span.steps, span.loss, len(gatherer)) == (3, 3, 2.0, 0)


def test_the_first_step_says_nothing_about_speed():
    gatherer = Averager()
    gatherer.add(record(1, seconds=60, waited=59))
    first = gatherer.take()
    gatherer.add(record(2))

    second = gatherer.take()

    assert math.isnan(first.images_per_second) and math.isnan(first.wait_share)
    assert second.images_per_second == pytest.approx(2.0)
    assert join_step_means([first, second]).wait_share == pytest.approx(0.25)
