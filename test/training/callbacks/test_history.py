"""The history of a training outlives kills and stays small."""

import pytest

from mono_depth_ros.evaluation.metrics import DepthMetrics
from mono_depth_ros.training.callbacks.history import FILE_NAME, HeldOutErrors, History, Validation
from mono_depth_ros.training.callbacks.step_means import StepMeans

METRICS = DepthMetrics(0.2, 1.0, 5.0, 0.25, 0.7, 0.9, 0.95)


def span(step, steps=1, loss=1.0):
    return StepMeans(step, steps, loss, {'smoothness': 0.5}, 1e-4, 4, 2.0, 0.5)


def validation(step):
    return Validation(step, 25, 'projected', 1.01, METRICS, METRICS._replace(abs_rel=0.3))


def test_a_resumed_history_is_the_same_up_to_its_step_and_forgets_what_was_lost(tmp_path):
    killed = History(tmp_path, 0, 6)
    for step in (1, 2, 3, 4):
        killed.add_span(span(step))
        killed.add_validation(validation(step))

    resumed = History(tmp_path, 2, 6)
    resumed.add_span(span(3, loss=9.0))

    assert resumed.spans == [span(1), span(2), span(3, loss=9.0)]
    assert resumed.validations == [validation(1), validation(2)]
    assert History(tmp_path, 3, 6).spans == resumed.spans


def test_a_line_that_a_kill_left_half_written_is_left_out(tmp_path):
    History(tmp_path, 0, 6).add_span(span(1))
    with (tmp_path / FILE_NAME).open('a') as file:
        file.write('{"span": {"st')

    resumed = History(tmp_path, 1, 6)
    resumed.add_span(span(2))

    assert History(tmp_path, 2, 6).spans == [span(1), span(2)]


def test_a_training_from_its_start_replaces_the_history(tmp_path):
    History(tmp_path, 0, 6).add_span(span(1))

    assert History(tmp_path, 0, 6).spans == []
    assert (tmp_path / FILE_NAME).read_text() == ''


def test_a_resumed_training_without_history_begins_one(tmp_path):
    history = History(tmp_path / 'new', 5, 6)

    assert history.spans == [] and (tmp_path / 'new' / FILE_NAME).is_file()


def test_a_long_history_has_a_thousand_points_each_the_mean_of_its_steps(tmp_path):
    short = History(tmp_path, 0, 1000)
    assert short.steps_per_span == 1
    for step in range(1, 1001):
        short.add_span(span(step, loss=float(step % 10)))

    longer = History(tmp_path, 1000, 9500)

    assert longer.steps_per_span == 10
    assert [s.step for s in longer.spans] == list(range(10, 1001, 10))
    assert {s.loss for s in longer.spans} == {4.5}


def test_a_validation_repeated_after_the_same_step_counts_once(tmp_path):
    history = History(tmp_path, 0, 6)
    history.add_validation(validation(6))
    history.add_validation(validation(6))

    assert history.validations == History(tmp_path, 6, 6).validations == [validation(6)]


@pytest.mark.parametrize('line', ['nonsense', '{"span": {"step": 1}}', '{"other": 1}', '3'])
def test_a_damaged_history_is_refused_with_its_line(tmp_path, line):
    (tmp_path / FILE_NAME).write_text(f'{line}\n')

    with pytest.raises(ValueError, match=r"Line 1 of '.*history\.jsonl' is neither.*Delete"):
        History(tmp_path, 1, 6)


def test_held_out_errors_are_taken_up_again(tmp_path):
    history = History(tmp_path, 0, 10)
    history.add_held_out(HeldOutErrors(2, 0.2, 0.3))
    history.add_held_out(HeldOutErrors(4, 0.1, 0.3))

    assert History(tmp_path, 3, 10).held_out == [HeldOutErrors(2, 0.2, 0.3)]
