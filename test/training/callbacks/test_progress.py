"""A person learns in the terminal how a training goes and what came out."""

import io
import re

import pytest
from watched_training import STEPS, Recorder, train_until_killed, watched_config

from mono_depth_ros.training.callbacks.progress import ProgressCallback
from mono_depth_ros.training.train import train


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self):
        return True


def watch(folder, stream, seconds=0.0, **changes):
    recorder = Recorder()
    callback = ProgressCallback(stream, bar_seconds=seconds, line_seconds=seconds)
    train(watched_config(folder, **changes), [recorder, callback])
    return recorder, stream.getvalue()


@pytest.fixture(scope='module')
def printed(tmp_path_factory):
    """What was given and what was printed, where there is no terminal."""
    return watch(tmp_path_factory.mktemp('run'), io.StringIO())


@pytest.mark.slow
def test_without_a_terminal_there_are_plain_lines(printed):
    recorder, text = printed

    assert '\r' not in text and '\x1b' not in text
    for step, record in recorder.records.items():
        (line,) = re.findall(rf'^step {step}/{STEPS}  loss .*$', text, re.MULTILINE)
        assert f'loss {record.loss:.4f}' in line
        speed = f'{2 / record.seconds:.1f} images/s  waiting {record.waited / record.seconds:.0%}'
        # The first step starts readers and device.
        assert (speed in line and line.endswith(' s left')) == (step > 1)


def test_the_start_says_what_will_be_done(printed):
    first = printed[1].splitlines()[0]

    assert first == 'small_depth, supervision S, on 4 samples of street: 4 steps of 2'


def test_validations_and_checkpoints_are_told(printed):
    recorder, text = printed

    for step, result in recorder.validations.items():
        assert (
            f'step {step}: validated on 1 images: AbsRel '
            f'{result.median_scaled.abs_rel:.3f} median-scaled, unscaled '
            f'{result.unscaled.abs_rel:.3f}, a1 {result.median_scaled.a1:.3f}'
        ) in text
    assert 'step 1: checkpoint in ' in text


def test_the_end_says_what_came_out_and_how_to_run_it(printed):
    recorder, text = printed
    card = recorder.card
    timed = [recorder.records[step] for step in (2, 3, 4)]
    waited = sum(record.waited for record in timed) / sum(record.seconds for record in timed)
    summary = text[text.index('small_depth: 4 steps done') :]

    assert f'{waited:.1%} of the step time spent waiting for data' in summary
    assert f'card     {card.path} (depth: metric)' in summary
    assert f'report   {card.path.parents[1] / "report.html"}' in summary
    assert f'ros2 launch mono_depth_ros depth.launch.py model:={card.path}' in summary
    row = next(line for line in summary.splitlines() if line.startswith('split, unscaled'))
    abs_rel = card.metrics['split']['unscaled']['abs_rel']
    assert float(row.split()[2]) == pytest.approx(abs_rel, abs=6e-4)


@pytest.mark.slow
def test_lines_come_now_and_then_only_and_the_summary_is_of_all_steps(tmp_path):
    recorder, text = watch(tmp_path, io.StringIO(), seconds=1000)
    timed = [recorder.records[step] for step in (2, 3, 4)]

    assert re.findall(r'^step \d+/4', text, re.MULTILINE) == ['step 1/4']
    rate = 6 / sum(record.seconds for record in timed)
    assert f'{rate:.1f} images/s, ' in text


@pytest.mark.slow
def test_relative_depth_has_no_unscaled_figures(tmp_path):
    _, text = watch(tmp_path, io.StringIO(), steps=1, supervision='M', depth_scale=1.0)

    assert 'unscaled' not in text and '(depth: relative, no metres)' in text


@pytest.mark.slow
@pytest.mark.parametrize('seconds', [0.0, 1000.0])
def test_a_terminal_has_a_bar_that_ends_full(tmp_path, seconds):
    _, text = watch(tmp_path, Terminal(), seconds)

    last = [part for part in re.split('[\r\n]', text) if '|' in part][-1]
    assert last.startswith('100%') and f'{STEPS}/{STEPS}' in last
    assert 'loss 0.' in last and 'images/s' in last
    assert 'step 1: checkpoint in' in text and 'run it' in text.splitlines()[-1]


@pytest.mark.slow
def test_a_resumed_training_says_after_which_step_it_goes_on(tmp_path):
    train_until_killed(tmp_path)

    _, text = watch(tmp_path, io.StringIO(), resume=True)

    assert text.splitlines()[0].endswith('4 steps of 2, goes on after step 2')
    assert 'step 2/4' not in text and 'step 3/4' in text


@pytest.mark.slow
def test_the_bars_line_is_left_however_the_training_ends(tmp_path):
    stream = Terminal()
    callback = ProgressCallback(stream)
    train_until_killed(tmp_path, callback)

    callback.close()
    callback.close()

    assert stream.getvalue().endswith('\n')
