"""What goes wrong in a training is said in words, with its cure."""

from dataclasses import replace

import pytest

from mono_depth_ros.evaluation.metrics import DepthMetrics
from mono_depth_ros.training.callbacks.advice import advise
from mono_depth_ros.training.callbacks.history import History, Validation
from mono_depth_ros.training.callbacks.step_means import StepMeans
from mono_depth_ros.training.config.schema import DataConfig, TrainConfig

CONFIG = TrainConfig(validation_root='kitti', validation_split='split.txt')
METRICS = DepthMetrics(0.2, 1.0, 5.0, 0.25, 0.7, 0.9, 0.95)


@pytest.fixture
def history(tmp_path):
    """Two hundred steps that went well."""
    history = History(tmp_path, 0, 200)
    for step in range(1, 201):
        terms = {'reprojection': 0.1, 'identity': 0.15}
        history.add_span(StepMeans(step, 1, 1.0 / step, terms, 1e-4, 4, 2.0, 0.1))
    return history


def validation(step, abs_rel, scale=1.0):
    scaled = METRICS._replace(abs_rel=abs_rel)
    return Validation(step, 20, 'projected', scale, scaled, METRICS)


def changed(history, **changes):
    history.spans = [replace(span, **changes) for span in history.spans]
    return history


def test_a_training_that_went_well_needs_no_advice(history):
    history.add_validation(validation(100, 0.2))
    history.add_validation(validation(200, 0.15))

    assert advise(CONFIG, history, metric=True) == []


def test_waiting_for_data_asks_for_more_readers(history):
    (advice,) = advise(
        replace(CONFIG, reading=DataConfig(workers=3)), changed(history, waited=0.5), metric=False
    )

    assert advice.startswith('25% of the step time') and 'reading.workers (now 3)' in advice
    assert 'reading.keep' in advice


def test_kept_images_are_not_asked_for_again(history):
    (advice,) = advise(
        replace(CONFIG, reading=DataConfig(keep=True)), changed(history, waited=0.5), metric=False
    )

    assert 'reading.keep' not in advice


def test_a_loss_that_did_not_fall_is_named(history):
    (advice,) = advise(CONFIG, changed(history, loss=0.7), metric=False)

    assert 'did not fall (0.7 early, 0.7 late)' in advice


def test_a_reprojection_not_below_the_sources_as_they_are_is_named(history):
    terms = {'reprojection': 0.16, 'identity': 0.15}
    (advice,) = advise(CONFIG, changed(history, terms=terms), metric=False)

    assert '(0.16)' in advice and '(0.15)' in advice and 'check K' in advice


def test_few_steps_are_not_judged(history):
    history.spans = [replace(span, loss=1.0) for span in history.spans[:3]]

    assert advise(CONFIG, history, metric=False) == [
        '3 steps show that the training runs, not what it can reach.'
    ]


def test_a_training_without_validation_says_so(history):
    (advice,) = advise(TrainConfig(), history, metric=False)

    assert 'validation_split' in advice


def test_a_validation_that_got_worse_names_the_best(history):
    history.add_validation(validation(100, 0.15))
    history.add_validation(validation(200, 0.2))

    (advice,) = advise(CONFIG, history, metric=False)

    assert 'better after step 100 (0.15)' in advice and 'after step 200 (0.2)' in advice


@pytest.mark.parametrize(('scale', 'wrong'), [(1.5, 'small'), (0.5, 'large')])
def test_wrong_metres_are_named_where_metres_were_promised(history, scale, wrong):
    history.add_validation(validation(200, 0.15, scale))

    (advice,) = advise(CONFIG, history, metric=True)

    assert f'came out too {wrong}' in advice
    assert advise(CONFIG, history, metric=False) == []
