"""Boxes stand on the road where geometry says, and are seen as a camera sees them."""

import numpy as np
import pytest
import torch
from known_views import FOCAL, KnownTeacher, objective

from mono_depth_ros.datasets.sample import Source, TrainingSample
from mono_depth_ros.training.augmentation import AugmentedSample
from mono_depth_ros.training.batch import AugmentedData, Draw, collate
from mono_depth_ros.training.boxes import ACROSS, ALONG, UP, Box, draw_box, see, stand_boxes
from mono_depth_ros.training.config import AugmentationConfig, LossConfig

SIZE, CAMERA = (96, 320), 1.5
K = np.array([[160.0, 0, 160], [0, 160, 48], [0, 0, 1]])


def seen(x=0.0, z=10.0, width=2.0, height=3.0, length=5.0, yaw=0.0, shadow=0.0):
    return see(Box(x, z, width, height, length, yaw), K, SIZE, CAMERA, shadow)


def grey(value, hint=None):
    image = np.full((*SIZE, 3), value, np.uint8)
    hints = None if hint is None else np.full(SIZE, hint, np.float32)
    sample = TrainingSample(image, (Source(image, 1),), K, f'grey {value}', hints)
    return AugmentedSample(sample, image + 1, (image + 1,))


def test_a_box_ahead_shows_its_end_at_its_distance_down_to_the_road():
    found = seen()

    rows, columns = np.nonzero(np.isfinite(found.depth))
    np.testing.assert_allclose(found.depth[rows, columns], 10.0, rtol=1e-6)
    # 1 m left, right, 1.5 m up and 1.5 m down, 10 m ahead, at 160 px
    assert (rows.min(), rows.max()) == (48 - 23, 48 + 23)
    assert (columns.min(), columns.max()) == (160 - 15, 160 + 15)
    assert (found.side == ALONG).all()
    assert found.down[0, 0] == pytest.approx(1 / 48) and found.place[0, 0] == pytest.approx(1 / 32)
    assert found.down[-1, -1] == pytest.approx(1 - 1 / 48)


def test_a_long_box_beside_the_camera_shows_its_side_to_where_it_ends():
    found = seen(x=3.0, z=-4.0, length=24.0)

    depth = found.depth[48]
    columns = np.flatnonzero(np.isfinite(depth))
    np.testing.assert_allclose(depth[columns], 2.0 / ((columns - 160) / 160), rtol=1e-5)
    # It ends 20 m ahead, 16 px right of the middle, where the column's ray just misses it.
    assert (columns.min(), columns.max()) == (177, 319)
    assert (found.side == ACROSS).all()


def test_a_low_box_shows_its_top():
    found = seen(height=0.5, length=4.0, width=4.0)

    depth = found.depth[found.rows, found.columns]
    shown = np.isfinite(depth)
    tops = shown & (found.side == UP)
    rows = np.arange(found.rows.start, found.rows.stop)[:, None]
    # 1 m below the camera: that far down the rays meet it.
    np.testing.assert_allclose(depth[tops], np.broadcast_to(160 / (rows - 48), depth.shape)[tops],
                               rtol=1e-5)
    assert depth[tops].min() > 10.0 and depth[tops].max() < 14.0
    np.testing.assert_allclose(depth[shown & ~tops], 10.0, rtol=1e-6)


def test_a_box_turned_right_shows_the_side_that_its_turn_brings_to_the_camera():
    box = Box(2.0, 12.0, 3.0, 3.0, 6.0, 0.6)
    found = see(box, K, SIZE, CAMERA, 0.0)

    rows, columns = np.nonzero(np.isfinite(found.depth))
    depth = found.depth[rows, columns]
    points = np.stack([(columns - 160) / 160 * depth, (rows - 48) / 160 * depth, depth])
    sine, cosine = np.sin(0.6), np.cos(0.6)
    across = cosine * (points[0] - 2) - sine * (points[2] - 12)
    along = sine * (points[0] - 2) + cosine * (points[2] - 12)
    on_a_face = np.stack([abs(abs(across) - 1.5), abs(along)]).min(0)
    assert on_a_face.max() < 1e-5 and along.max() <= 6.0 + 1e-5
    side = found.side[rows - found.rows.start, columns - found.columns.start]
    np.testing.assert_allclose(across[side == ACROSS], 1.5, atol=1e-5)
    np.testing.assert_allclose(along[side == ALONG], 0.0, atol=1e-5)
    assert set(side) == {ACROSS, ALONG}


def test_a_shadow_is_on_the_road_around_the_box():
    found = seen(x=2.0, length=4.0, shadow=1.0)

    rows, columns = np.nonzero(found.shadow)
    ahead = CAMERA / ((rows - 48) / 160)
    right = (columns - 160) / 160 * ahead
    assert len(rows) and not (found.shadow & np.isfinite(found.depth)).any()
    assert right.min() >= 0.0 and right.max() <= 4.0
    assert ahead.min() >= 9.0 and ahead.max() <= 15.0
    assert not seen(x=2.0, shadow=0.0, height=0.9).shadow[:48].any()


@pytest.mark.parametrize('place', [{'z': 500.0}, {'x': 60.0}, {'z': -20.0}, {'z': -1.0}])
def test_what_is_too_far_outside_behind_or_around_the_camera_is_not_seen(place):
    assert seen(**place) is None


def test_drawn_boxes_stand_on_all_sides_and_never_in_the_camera_s_place():
    random = np.random.default_rng(0)
    boxes = [draw_box(random) for _ in range(300)]

    assert min(box.x for box in boxes) < -3 and max(box.x for box in boxes) > 3
    assert min(box.z for box in boxes) < -5 and max(box.z for box in boxes) > 30
    assert all(abs(box.x) >= box.width / 2 + 1 for box in boxes if box.z < 3)
    assert 0.5 < np.mean([box.length >= 4 and abs(box.yaw) < 0.3 for box in boxes]) < 0.95


def test_a_sample_shows_boxes_and_their_depth_and_its_sources_do_not():
    first, other = grey(100), grey(200)

    changed = stand_boxes(first, other, np.random.default_rng(3), CAMERA)

    hint = changed.sample.depth_hint
    shown = np.isfinite(hint)
    assert 0 < shown.mean() < 1 and hint[shown].min() > 1
    different = (changed.sample.target != 100).any(-1)
    assert not different[~changed.strange].any() and changed.strange[shown].all()
    assert (changed.target_colours[~changed.strange] == 101).all()
    assert (changed.sample.sources[0].image == 100).all()
    assert (changed.source_colours[0] == 101).all()
    assert changed.sample.name == 'grey 100 with boxes'
    assert first.sample.depth_hint is None and (first.sample.target == 100).all()


def test_what_is_known_to_be_nearer_stays_in_front():
    behind = stand_boxes(grey(100, 0.5), grey(200), np.random.default_rng(3), CAMERA)
    before = stand_boxes(grey(100, 500.0), grey(200), np.random.default_rng(3), CAMERA)

    assert (behind.sample.depth_hint == 0.5).all()
    nearer = before.sample.depth_hint < 500
    assert 0 < nearer.mean() < 1 and (before.sample.depth_hint[~nearer] == 500).all()


def test_the_same_chance_gives_the_same_boxes():
    first, again, other = (
        stand_boxes(grey(100), grey(200), np.random.default_rng(seed), CAMERA).sample
        for seed in (3, 3, 4))

    np.testing.assert_array_equal(first.target, again.target)
    assert not np.array_equal(first.target, other.target)


def test_as_many_samples_as_asked_for_have_boxes():
    sample = TrainingSample(np.full((*SIZE, 3), 90, np.uint8), (), K, 'grey')
    options = AugmentationConfig(flip=0.0, jitter=0.0, boxes=0.5)
    data = AugmentedData([sample], SIZE, options, seed=0)

    names = [data[Draw(0, place, 0)][0].sample.name for place in range(60)]

    assert 18 <= sum(name.endswith('with boxes') for name in names) <= 42


def test_a_student_learns_how_far_a_box_is_and_the_rest_from_its_teacher():
    image = np.full((*SIZE, 3), 90, np.uint8)
    sample = TrainingSample(image, (), K, 'grey')
    augmented = stand_boxes(AugmentedSample(sample, image, ()), AugmentedSample(sample, image, ()),
                            np.random.default_rng(3), CAMERA)
    batch = collate([(augmented, 0)]).to(torch.device('cpu'))
    loss = LossConfig(levels=1, photometric=0.0, smoothness=0.0, distillation=1.0,
                      distillation_of='log_depth')

    found = objective(20.0, loss=loss, teacher=KnownTeacher(20.0))(batch)

    hint = augmented.sample.depth_hint
    at_training_focal = hint * FOCAL / K[1, 1]
    error = np.where(np.isfinite(hint), abs(np.log(at_training_focal / 20.0)), 0).mean()
    assert found.loss.item() == pytest.approx(error, rel=1e-3)
