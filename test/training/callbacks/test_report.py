"""The report says what the callbacks were given, also of a training that was killed."""

import re
from statistics import median

import numpy as np
import pytest
from html_page import Page
from watched_training import (
    CHECKPOINT,
    KILLED_AFTER,
    STEPS,
    resume,
    train_until_killed,
    watched_config,
)

from mono_depth_ros.evaluation.metrics import DepthMetrics
from mono_depth_ros.training.callbacks.pictures import color_pictures
from mono_depth_ros.training.callbacks.report import FILE_NAME, ReportCallback
from mono_depth_ros.training.train import train


def read(folder):
    return Page((folder / FILE_NAME).read_text(encoding='utf-8'))


@pytest.fixture(scope='module')
def reported(tmp_path_factory):
    """The report of a kill, that of the end, and what the callbacks were given."""
    folder = tmp_path_factory.mktemp('run')
    first = train_until_killed(folder, ReportCallback(folder))
    killed = read(folder)
    then = resume(folder, ReportCallback(folder))
    kept = {step: record for step, record in first.records.items() if step <= CHECKPOINT}
    return killed, read(folder), kept | then.records, then


@pytest.mark.slow
def test_a_killed_training_has_a_report_of_its_last_checkpoint(reported):
    killed = reported[0]

    assert f'Training running: step {KILLED_AFTER - 1} of {STEPS}' in killed.text
    assert len(killed.pictures) == 4 and 'Run it:' not in killed.words


def test_a_resumed_training_shows_the_whole_history_once(reported):
    _, page, records, _ = reported
    text = page.text

    assert f'Training finished: step {STEPS} of {STEPS}' in text
    for name, value in {'loss': records[STEPS].loss, **records[STEPS].terms}.items():
        assert re.search(rf'\b{name} {value:.4g}(\s|$)', text), name
    assert {
        'Loss',
        'Term: smoothness',
        'Images/s',
        'Learning rate',
        'Error of warped sources, and of sources as they are',
    } <= set(page.charts)


def test_the_loss_curve_has_a_point_for_every_step_in_proportion(reported, tmp_path):
    source = (reported[3].card.path.parents[1] / FILE_NAME).read_text()
    losses = [record.loss for record in reported[2].values()]

    chart = source[source.index('Loss over steps') :]
    line = re.search(r'd="([^"]*)"[^>]*stroke: var\(--s0\)', chart)[1]
    heights = [float(y) for y in re.findall(r'[ML] [\d.]+ ([\d.]+)', line)]

    assert len(heights) == STEPS
    low, high = np.argmin(losses), np.argmax(losses)
    shares = (np.array(losses) - losses[low]) / (losses[high] - losses[low])
    shown = (heights[low] - np.array(heights)) / (heights[low] - heights[high])
    np.testing.assert_allclose(shown, shares, atol=0.002)


def test_speed_is_that_of_all_but_each_starts_first_step(reported):
    _, page, records, _ = reported
    timed = [records[2], records[4]]

    rate = median(record.images / record.seconds for record in timed)
    waited = sum(record.waited for record in timed) / sum(record.seconds for record in timed)

    assert page.tile('Images/s, median') == f'{rate:.4g}'
    assert page.tile('Waiting for data') == f'{waited:.1%}'


def test_the_final_table_has_the_last_validation_both_ways_of_scaling(reported):
    _, page, _, then = reported
    result = then.validations[STEPS]

    for name, metrics in (('median-scaled', result.median_scaled), ('unscaled', result.unscaled)):
        assert page.row(name) == [f'{value:.4f}' for value in metrics]
    assert page.tile('AbsRel, median-scaled') == f'{result.median_scaled.abs_rel:.3f}'
    assert '1 images against projected depth after step 4' in page.text
    assert {f'Validation: {name}' for name in ('abs_rel', 'rmse', 'a1')} <= set(page.charts)


def test_pictures_are_those_of_the_last_step(reported):
    _, page, _, then = reported
    expected = color_pictures(then.pictures[STEPS], 0.1, 100.0)

    assert len(page.pictures) == 4
    for picture, drawn in zip(page.pictures.values(), expected.values()):
        np.testing.assert_array_equal(picture, drawn)


def test_the_card_is_told_with_unit_licence_and_how_to_run_it(reported):
    _, page, _, then = reported
    card = then.card

    assert page.row('depth') == ['metric']
    assert page.row('licence of the weights') == [card.license_weights]
    assert page.row('sha256') == [card.sha256]
    assert f'{card.metrics["split"]["unscaled"]["abs_rel"]:.4f}' in page.row('split, unscaled')
    assert page.words[page.words.index('Run it:') + 1] == (
        f'ros2 launch mono_depth_ros depth.launch.py model:={card.path}'
    )


def test_data_and_what_differs_from_the_defaults_are_told(reported):
    page = reported[1]

    assert page.row('samples') == ['4'] and page.row('images per step') == ['2']
    assert page.row('passes') == ['2']
    assert page.row('loss.levels') == ['1'] and page.row('depth_scale') == ['5.4']
    chosen = page.text.split('values are the default')[0]
    assert 'reading.options.frames' in chosen and 'optimizer.name' not in chosen


def test_the_page_says_what_to_look_at(reported):
    assert '4 steps show that the training runs, not what it can reach.' in reported[1].words


@pytest.mark.slow
def test_relative_depth_is_told_as_such_and_a_name_cannot_break_the_page(tmp_path):
    config = watched_config(tmp_path, steps=1, supervision='M', name='a<b>&"c', depth_scale=1.0)

    train(config, [ReportCallback(tmp_path)])

    page = read(tmp_path)
    assert page.words[1] == 'a<b>&"c' and page.tile('Depth') == 'relative'
    assert page.row('depth') == ['relative: it has no metres']
    assert 'the unscaled row means nothing' in page.text
    assert page.tile('Images/s, median') == 'not known yet'
    assert page.row('unscaled') and len(page.row('unscaled')) == len(DepthMetrics._fields)


@pytest.mark.slow
def test_a_training_that_ended_early_says_so_with_what_came_last(tmp_path):
    callback = ReportCallback(tmp_path)
    train_until_killed(tmp_path, callback)

    callback.close()
    callback.close()

    assert f'Training ended early: step {KILLED_AFTER} of {STEPS}' in read(tmp_path).text


def test_closing_before_the_start_writes_nothing(tmp_path):
    ReportCallback(tmp_path).close()

    assert list(tmp_path.iterdir()) == []
