"""Boxes stand on the road where geometry says, and are seen as a camera sees them."""

from dataclasses import replace

import numpy as np
import pytest

from mono_depth_ros.datasets.sample import Source, TrainingSample
from mono_depth_ros.training.config.schema import AugmentationConfig
from mono_depth_ros.training.data.augmentation import AugmentedSample
from mono_depth_ros.training.data.batch import AugmentedData, SampleIndex
from mono_depth_ros.training.data.boxes import (
    ACROSS,
    ALONG,
    UP,
    Box,
    Road,
    find_road,
    paste_boxes,
    random_box,
    see,
)

SIZE, CAMERA = (96, 320), 1.5
K = np.array([[160.0, 0, 160], [0, 160, 48], [0, 0, 1]])


def seen(x=0.0, z=10.0, width=2.0, height=3.0, length=5.0, yaw=0.0, shadow=0.0):
    return see(Box(x, z, width, height, length, yaw), K, SIZE, Road(CAMERA, 0.0), shadow)


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
    np.testing.assert_allclose(
        depth[tops], np.broadcast_to(160 / (rows - 48), depth.shape)[tops], rtol=1e-5
    )
    assert depth[tops].min() > 10.0 and depth[tops].max() < 14.0
    np.testing.assert_allclose(depth[shown & ~tops], 10.0, rtol=1e-6)


def test_a_box_turned_right_shows_the_side_that_its_turn_brings_to_the_camera():
    box = Box(2.0, 12.0, 3.0, 3.0, 6.0, 0.6)
    found = see(box, K, SIZE, Road(CAMERA, 0.0), 0.0)

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
    boxes = [random_box(random) for _ in range(300)]

    assert min(box.x for box in boxes) < -3 and max(box.x for box in boxes) > 3
    assert min(box.z for box in boxes) < -5 and max(box.z for box in boxes) > 30
    assert all(abs(box.x) >= box.width / 2 + 1 for box in boxes if box.z < 3)
    assert 0.5 < np.mean([box.length >= 4 and abs(box.yaw) < 0.3 for box in boxes]) < 0.95


def test_a_sample_shows_boxes_and_their_depth_and_its_sources_do_not():
    first, other = grey(100), grey(200)

    changed = paste_boxes(first, other, np.random.default_rng(3), CAMERA)

    hint = changed.sample.depth_hint
    shown = np.isfinite(hint)
    assert 0 < shown.mean() < 1 and hint[shown].min() > 1
    different = (changed.sample.target != 100).any(-1)
    assert not different[~changed.invalid].any() and changed.invalid[shown].all()
    assert (changed.target_colors[~changed.invalid] == 101).all()
    assert (changed.sample.sources[0].image == 100).all()
    assert (changed.source_colors[0] == 101).all()
    assert changed.sample.name == 'grey 100 with boxes'
    assert first.sample.depth_hint is None and (first.sample.target == 100).all()


def test_what_is_known_to_be_nearer_stays_in_front():
    behind = paste_boxes(grey(100, 0.5), grey(200), np.random.default_rng(3), CAMERA)
    before = paste_boxes(grey(100, 500.0), grey(200), np.random.default_rng(3), CAMERA)

    assert (behind.sample.depth_hint == 0.5).all()
    nearer = before.sample.depth_hint < 500
    assert 0 < nearer.mean() < 1 and (before.sample.depth_hint[~nearer] == 500).all()


def test_the_same_chance_gives_the_same_boxes():
    first, again, other = (
        paste_boxes(grey(100), grey(200), np.random.default_rng(seed), CAMERA).sample
        for seed in (3, 3, 4)
    )

    np.testing.assert_array_equal(first.target, again.target)
    assert not np.array_equal(first.target, other.target)


def test_as_many_samples_as_asked_for_have_boxes():
    sample = TrainingSample(np.full((*SIZE, 3), 90, np.uint8), (), K, 'grey')
    options = AugmentationConfig(flip=0.0, jitter=0.0, boxes=0.5)
    data = AugmentedData([sample], SIZE, options, seed=0)

    names = [data[SampleIndex(0, place, 0)][0].sample.name for place in range(60)]

    assert 18 <= sum(name.endswith('with boxes') for name in names) <= 42


def road_depth(road, K=K):
    """Return depth (H, W) of a road, NaN above its horizon and beyond 60 m."""
    below = (np.arange(SIZE[0]) - K[1, 2]) / K[1, 1] - road.slope
    depth = np.where(below > road.below / 60, road.below / np.maximum(below, 1e-6), np.nan)
    return np.repeat(depth[:, None], SIZE[1], axis=1).astype(np.float32)


def test_the_road_is_found_among_hints_with_cars_on_it_and_errors():
    road, random = Road(1.62, 0.012), np.random.default_rng(0)
    depth = road_depth(road) * random.normal(1.0, 0.01, SIZE).astype(np.float32)
    depth[60:, 130:150] = 6.0  # a car
    depth[random.random(SIZE) < 0.3] = np.nan

    found = find_road(depth, K, Road(1.5, 0.0))

    assert found.below == pytest.approx(1.62, abs=0.02)
    assert found.slope == pytest.approx(0.012, abs=0.003)


@pytest.mark.parametrize(
    'depth',
    [
        np.full(SIZE, np.nan),
        np.full(SIZE, 5.0),
        road_depth(Road(0.7, 0.0)),
        road_depth(Road(1.5, -0.15)),
    ],
)
def test_where_hints_show_no_road_it_is_the_expected_one(depth):
    expected = Road(1.5, 0.0)

    assert find_road(depth, K, expected) == expected


def test_without_hints_boxes_stand_where_they_do_among_unknown_ones():
    none, unknown = (
        paste_boxes(grey(100, hint), grey(200), np.random.default_rng(3), 1.5).sample
        for hint in (None, np.nan)
    )

    np.testing.assert_array_equal(none.target, unknown.target)
    np.testing.assert_array_equal(none.depth_hint, unknown.depth_hint)


def test_a_box_on_a_falling_road_stands_lower():
    level = see(Box(0.0, 10.0, 2.0, 3.0, 5.0, 0.0), K, SIZE, Road(1.5, 0.0), 0.0)
    falling = see(Box(0.0, 10.0, 2.0, 3.0, 5.0, 0.0), K, SIZE, Road(1.5, 0.05), 0.0)

    # 0.5 m lower, 10 m ahead, at 160 px
    assert (falling.rows.start, falling.rows.stop) == (level.rows.start + 8, level.rows.stop + 8)
    np.testing.assert_allclose(falling.depth[falling.rows, falling.columns], 10.0, rtol=1e-6)


def test_boxes_stand_on_the_road_that_hints_show():
    road = Road(1.6, 0.02)
    hinted = grey(100)
    hinted = replace(hinted, sample=replace(hinted.sample, depth_hint=road_depth(road)))

    changed = paste_boxes(hinted, grey(200), np.random.default_rng(5), CAMERA).sample

    boxes = changed.depth_hint < 0.98 * road_depth(road)
    rows, columns = np.nonzero(boxes & ~np.roll(boxes, -1, axis=0))
    rows, columns = rows[rows < SIZE[0] - 1], columns[rows < SIZE[0] - 1]  # where boxes end below
    depth = changed.depth_hint[rows, columns]
    foot, after = ((row - K[1, 2]) / K[1, 1] * depth for row in (rows, rows + 1))
    on_it = (foot < 1.02 * (road.below + road.slope * depth)) & (
        after > 0.98 * (road.below + road.slope * depth)
    )
    assert len(rows) > 20 and on_it.mean() > 0.9
