"""TensorBoard shows what the training gave, and a resumed one without a doubled part."""

import io

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from watched_training import CHECKPOINT, KILLED_AFTER, STEPS, resume, train_until_killed

from mono_depth_ros.evaluation.metrics import DepthMetrics
from mono_depth_ros.training.callbacks.pictures import color_pictures
from mono_depth_ros.training.callbacks.tensorboard import FOLDER, TensorBoardCallback


def read_events(folder):
    return EventAccumulator(str(folder / FOLDER)).Reload()


@pytest.fixture(scope='module')
def watched(tmp_path_factory):
    """The events, and what the callbacks were given at first and then."""
    folder = tmp_path_factory.mktemp('run')
    callback = TensorBoardCallback(folder, scalar_seconds=0, picture_seconds=0)
    first = train_until_killed(folder, callback)
    callback.close()
    lost = [event.step for event in read_events(folder).Scalars('loss')]
    then = resume(folder, TensorBoardCallback(folder, scalar_seconds=0, picture_seconds=1000))
    assert lost == [*range(1, KILLED_AFTER + 1)] and CHECKPOINT < KILLED_AFTER
    return read_events(folder), first, then


def given(watched):
    _, first, then = watched
    kept = {step: record for step, record in first.records.items() if step <= CHECKPOINT}
    return kept | then.records


@pytest.mark.slow
def test_scalars_are_those_of_the_steps_and_none_is_doubled(watched):
    events, records = watched[0], given(watched)

    for name in records[1].terms:
        shown = {event.step: event.value for event in events.Scalars(f'terms/{name}')}
        assert shown == pytest.approx({s: r.terms[name] for s, r in records.items()}, rel=1e-6)
    loss = events.Scalars('loss')
    assert [event.step for event in loss] == [*range(1, STEPS + 1)]
    assert [event.value for event in loss] == pytest.approx(
        [record.loss for record in records.values()], rel=1e-6
    )
    assert events.Scalars('learning_rate')[0].value == pytest.approx(1e-4)


def test_speed_is_shown_but_for_the_first_step_of_a_start(watched):
    events, records = watched[0], given(watched)

    shares = {event.step: event.value for event in events.Scalars('speed/wait_share')}
    rates = {event.step: event.value for event in events.Scalars('speed/images_per_second')}

    assert list(shares) == list(rates) == [2, STEPS]
    for step in (2, STEPS):
        assert shares[step] == pytest.approx(records[step].waited / records[step].seconds)
        assert rates[step] == pytest.approx(2 / records[step].seconds)


def test_validations_are_shown_both_ways_of_scaling(watched):
    events, first, then = watched
    results = {step: first.validations[step] for step in (1, CHECKPOINT)} | then.validations

    for kind in ('median_scaled', 'unscaled'):
        for name in DepthMetrics._fields:
            shown = {e.step: e.value for e in events.Scalars(f'validation_{kind}/{name}')}
            assert shown == pytest.approx(
                {step: getattr(getattr(r, kind), name) for step, r in results.items()}, rel=1e-5
            )


def test_pictures_are_those_of_the_step_that_is_named(watched):
    events, first, then = watched
    given = first.pictures | then.pictures

    for name in ('target', 'warped', 'disparity', 'mask'):
        shown = {
            image.step: np.array(Image.open(io.BytesIO(image.encoded_image_string)))
            for image in events.Images(f'pictures/{name}')
        }

        # The resumed run draws its first, and at the end its last.
        assert list(shown) == [1, 2, 3, 4]
        for step in (1, STEPS):
            expected = color_pictures(given[step], 0.1, 100.0)[name]
            np.testing.assert_array_equal(shown[step], expected)


@pytest.mark.slow
def test_curves_are_means_over_the_time_between_their_points(tmp_path):
    callback = TensorBoardCallback(tmp_path, scalar_seconds=1000, picture_seconds=1000)
    given = train_until_killed(tmp_path, callback).records
    callback.close()

    loss = read_events(tmp_path).Scalars('loss')

    # Checkpoints and validations bring to the disk what there is.
    assert [event.step for event in loss] == [1, 2, 3]
    assert loss[1].value == pytest.approx(given[2].loss, rel=1e-6)


def test_closing_twice_or_before_the_start_is_harmless(tmp_path):
    callback = TensorBoardCallback(tmp_path)

    callback.close()
    callback.close()

    assert not (tmp_path / FOLDER).exists()
