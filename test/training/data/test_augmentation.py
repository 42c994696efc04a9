"""Augmented samples stay true: images, K, poses and hints change together."""

from colorsys import rgb_to_hsv

import numpy as np
import pytest
import torch
from true_views import reconstruction_error, view

from mono_depth_ros.datasets.sample import Source, TrainingSample
from mono_depth_ros.datasets.street.data import BASELINE
from mono_depth_ros.datasets.street.raycast import Street, render_frame, street_intrinsics
from mono_depth_ros.training.config.schema import AugmentationConfig
from mono_depth_ros.training.data.augmentation import (
    AugmentedSample,
    Window,
    augment,
    blend,
    cut,
    mirror,
    mix,
    overlay,
    resize,
)

PLAIN = AugmentationConfig(flip=0.0, jitter=0.0)
COLORS = AugmentationConfig(flip=0.0, jitter=1.0)
K = np.array([[50.0, 0, 11], [0, 60, 7.25], [0, 0, 1]])


def sample_of(target, hint=None, sources=()):
    return TrainingSample(target, tuple(sources), K, 'by hand', hint)


def noise(height=16, width=24, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def flat(*color):
    return np.full((8, 8, 3), color, np.uint8)


def turned_pose():
    pose = np.eye(4)
    pose[:3, :3] = [[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]]
    pose[:3, 3] = 0.3, -0.1, 0.2
    return pose


def pixel(K, point):
    u, v, w = K @ point
    return np.array([u / w, v / w])


def test_a_mirrored_sample_is_the_view_of_a_mirrored_scene():
    pose, point = turned_pose(), np.array([0.4, 0.1, 3.0, 1.0])
    sample = sample_of(noise(), sources=[Source(noise(), -1, pose, 0.37)])
    opposite = np.diag([-1.0, 1, 1, 1]) @ point

    mirrored = mirror(sample)

    moved = mirrored.sources[0].source_from_target @ opposite
    before, after = pixel(K, point[:3]), pixel(mirrored.K, opposite[:3])
    np.testing.assert_allclose(after, [23 - before[0], before[1]])
    before, after = pixel(K, (pose @ point)[:3]), pixel(mirrored.K, moved[:3])
    np.testing.assert_allclose(after, [23 - before[0], before[1]])


def test_mirroring_turns_images_and_hints_round_and_keeps_the_rest():
    hint = np.arange(16 * 24, dtype=np.float32).reshape(16, 24)
    sample = sample_of(noise(), hint, [Source(noise(seed=1), -1, None, 0.37)])

    mirrored = mirror(sample)

    assert np.array_equal(mirrored.target, sample.target[:, ::-1])
    assert np.array_equal(mirrored.sources[0].image, sample.sources[0].image[:, ::-1])
    assert np.array_equal(mirrored.depth_hint, hint[:, ::-1])
    source = mirrored.sources[0]
    assert (source.offset, source.source_from_target, source.distance) == (-1, None, 0.37)
    assert mirrored.name == 'by hand'


def test_a_partner_on_the_right_is_on_the_left_of_the_mirrored_target():
    pose = np.eye(4)
    pose[0, 3] = -0.54

    mirrored = mirror(sample_of(noise(), sources=[Source(noise(), 0, pose, 0.54)]))

    assert mirrored.sources[0].source_from_target[0, 3] == 0.54


def test_a_window_enlarged_takes_its_pixels_along():
    sample = sample_of(noise())

    enlarged = cut(sample, Window(4, 6, 8, 12), (16, 48))

    # Twice as high, four times as wide; (u, v) is the centre of its own small square.
    u, v = pixel(K, np.array([0.2, -0.1, 4.0]))
    expected = [(u - 6 + 0.5) * 4 - 0.5, (v - 4 + 0.5) * 2 - 0.5]
    np.testing.assert_allclose(pixel(enlarged.K, np.array([0.2, -0.1, 4.0])), expected)
    assert enlarged.target.shape == (16, 48, 3)


def test_a_whole_image_made_smaller_has_the_camera_of_that_size():
    frame = render_frame(Street(), 3, (64, 192))

    small = resize(TrainingSample(frame.image, (), frame.K, 'street'), (32, 96))

    np.testing.assert_allclose(small.K, street_intrinsics((32, 96)))


@pytest.mark.parametrize('factor', [3, 5])
def test_a_shrunk_hint_is_that_of_the_middle_of_the_pixels_that_became_one(factor):
    columns = np.tile(np.arange(60, dtype=np.float32), (60, 1))
    sample = sample_of(noise(60, 60), columns + 60 * columns.T)

    hint = resize(sample, (60 // factor, 60 // factor)).depth_hint

    middle = columns[factor // 2 :: factor, factor // 2 :: factor]
    np.testing.assert_array_equal(hint, middle + 60 * middle.T)


def test_hints_are_never_blended_nor_made_up():
    hint = np.where(np.arange(600).reshape(20, 30) % 3, np.nan, 5).astype(np.float32)
    hint[:, 20:] = 50

    resized = cut(sample_of(noise(20, 30), hint), Window(1, 2, 17, 23), (13, 40)).depth_hint

    assert resized.dtype == np.float32
    assert set(resized[np.isfinite(resized)]) == {5, 50} and np.isnan(resized).any()


@pytest.mark.parametrize('flip', [0.0, 1.0])
@pytest.mark.parametrize('zoom', [(1.0, 1.0), (1.7, 1.7)])
@pytest.mark.parametrize('partner', [False, True])
def test_an_augmented_source_still_reconstructs_its_target(flip, zoom, partner):
    target = render_frame(Street(), 40, (192, 640))
    pose = np.eye(4)
    pose[0, 3] = BASELINE
    pose = target.world_from_camera @ pose if partner else 41
    source = render_frame(Street(), pose, (192, 640))
    motion = np.linalg.inv(source.world_from_camera) @ target.world_from_camera
    options = AugmentationConfig(flip=flip, jitter=0.0, zoom=zoom)
    # True depth is augmented as hints are; the source's own with the same chance.
    pair = [
        TrainingSample(
            frame.image, (Source(source.image, 1, motion),), frame.K, 'street', frame.depth
        )
        for frame in (target, source)
    ]
    first, second = (
        augment(sample, (128, 416), options, np.random.default_rng(5)).sample for sample in pair
    )

    error = reconstruction_error(
        view(first.target, first.depth_hint),
        view(first.sources[0].image, second.depth_hint),
        torch.from_numpy(first.K)[None],
        torch.from_numpy(first.sources[0].source_from_target)[None],
    )

    assert error < 0.02


def test_flip_is_the_share_of_mirrored_samples():
    sample, random = sample_of(noise()), np.random.default_rng(0)
    options = AugmentationConfig(flip=0.25, jitter=0.0)

    flipped = [augment(sample, (16, 24), options, random).sample.K[0, 2] != 11 for _ in range(400)]

    assert 70 < sum(flipped) < 130  # 100 expected, deviation 9


def test_windows_are_as_large_as_the_zoom_says_and_reach_all_sides():
    sample, random = sample_of(noise(40, 60)), np.random.default_rng(0)
    options = AugmentationConfig(flip=0.0, jitter=0.0, zoom=(1.25, 2.0))

    cameras = np.stack([augment(sample, (40, 60), options, random).sample.K for _ in range(300)])

    zoom = cameras[:, 0, 0] / 50
    left = K[0, 2] + 0.5 - (cameras[:, 0, 2] + 0.5) / zoom
    assert 1.24 < zoom.min() < 1.27 and 1.94 < zoom.max() < 2.01
    assert left.min() == pytest.approx(0) and left.max() > 25
    right = left + 60 / zoom
    assert right.max() == pytest.approx(60)


@pytest.mark.parametrize('zoom', [(0.9, 1.0), (1.5, 1.2)])
def test_a_zoom_that_would_need_more_than_the_image_is_refused(zoom):
    with pytest.raises(ValueError, match=r'augmentation\.zoom is .*both 1 or more'):
        augment(
            sample_of(noise()), (16, 24), AugmentationConfig(zoom=zoom), np.random.default_rng(0)
        )


def recolored(image, seed, options=COLORS):
    sample = TrainingSample(image, (Source(image, 1),), K, 'by hand')
    return augment(sample, image.shape[:2], options, np.random.default_rng(seed))


def test_colors_change_alike_in_all_frames_and_only_for_the_networks():
    image = noise()

    augmented = recolored(image, 3)

    assert np.array_equal(augmented.target_colors, augmented.source_colors[0])
    assert (augmented.target_colors != image).mean() > 0.5
    assert np.array_equal(augmented.sample.target, image)
    assert np.array_equal(augmented.sample.sources[0].image, image)


def test_colors_stay_as_they_are_without_jitter():
    augmented = augment(sample_of(noise()), (16, 24), PLAIN, np.random.default_rng(0))

    assert np.array_equal(augmented.target_colors, noise())


def test_brightness_changes_by_a_fifth_at_most():
    values = [recolored(flat(100, 100, 100), seed).target_colors[0, 0] for seed in range(100)]

    assert all(len(set(value)) == 1 for value in values)  # gray stays gray
    assert 80 <= np.min(values) < 85 and 115 < np.max(values) <= 120


def test_contrast_changes_by_a_fifth_at_most_and_keeps_the_mean():
    image = np.concatenate([flat(80, 80, 80), flat(120, 120, 120)])
    options = AugmentationConfig(flip=0, jitter=1, brightness=0, contrast=0.2, saturation=0)

    spreads = []
    for seed in range(100):
        colors = recolored(image, seed, options).target_colors.astype(int)
        assert abs(colors.mean() - 100) <= 0.5
        spreads.append(colors.max() - colors.min())

    assert 32 <= min(spreads) < 35 and 45 < max(spreads) <= 48


@pytest.mark.parametrize('color', [(200, 80, 80), (80, 90, 200), (60, 200, 210)])
def test_hue_and_saturation_stay_within_their_limits(color):
    hue, saturation, value = rgb_to_hsv(*(channel / 255 for channel in color))
    options = AugmentationConfig(flip=0, jitter=1, brightness=0, contrast=0)

    turns, ratios = [], []
    for seed in range(100):
        changed = recolored(flat(*color), seed, options).target_colors[0, 0] / 255
        new_hue, new_saturation, new_value = rgb_to_hsv(*changed)
        turns.append((new_hue - hue + 0.5) % 1 - 0.5)
        ratios.append(new_saturation / saturation)
        assert new_value == pytest.approx(value, abs=0.01)

    # cv2's hue has steps of a 180th of the circle.
    assert -0.11 < min(turns) < -0.08 and 0.08 < max(turns) < 0.11
    assert 0.78 < min(ratios) < 0.85 and 1.15 < max(ratios) < 1.22


def test_a_change_of_nothing_leaves_colors_within_rounding():
    nothing = AugmentationConfig(flip=0, jitter=1, brightness=0, contrast=0, saturation=0, hue=0)

    changed = recolored(noise(), 0, nothing).target_colors

    assert np.abs(changed.astype(int) - noise()).max() <= 4  # cv2's hue has 180 steps


def test_the_same_chance_gives_the_same_sample():
    options = AugmentationConfig(zoom=(1.0, 1.5))

    first, again, other = (
        augment(sample_of(noise()), (16, 24), options, np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )

    assert np.array_equal(first.target_colors, again.target_colors)
    assert np.array_equal(first.sample.K, again.sample.K)
    assert not np.array_equal(first.sample.K, other.sample.K)


def test_a_mixed_sample_shows_a_strip_of_another_with_its_depth_at_the_first_focal_length():
    def augmented(value, hint, focal):
        K = np.diag([focal, focal, 1.0])
        image = np.full((8, 100, 3), value, np.uint8)
        hints = None if hint is None else np.full((8, 100), hint, np.float32)
        sample = TrainingSample(image, (Source(image, 0),), K, f'scene {value}', hints)
        return AugmentedSample(sample, image + 1, (image + 1,))

    mixed = mix(augmented(10, None, 50.0), augmented(20, 7.0, 25.0), np.random.default_rng(0))

    strip = mixed.sample.target[0, :, 0] == 20
    assert 20 <= strip.sum() <= 60 and np.ptp(np.flatnonzero(strip)) == strip.sum() - 1
    assert (mixed.sample.target[:, ~strip] == 10).all()
    np.testing.assert_array_equal(mixed.target_colors, mixed.sample.target + 1)
    np.testing.assert_array_equal(np.isfinite(mixed.sample.depth_hint[3]), strip)
    assert (mixed.sample.depth_hint[:, strip] == 14).all()
    assert mixed.sample.K[0, 0] == 50 and (mixed.sample.sources[0].image == 10).all()
    np.testing.assert_array_equal(mixed.invalid, np.tile(strip, (8, 1)))
    assert mixed.sample.name == 'scene 10 with a strip of scene 20'


def test_what_is_nearer_in_another_scene_stands_in_front_at_its_own_depth():
    def augmented(value, hint, focal):
        image = np.full((*hint.shape, 3), value, np.uint8)
        sample = TrainingSample(image, (), np.diag([focal, focal, 1.0]), f'scene {value}', hint)
        return AugmentedSample(sample, image + 1, ())

    street, other = np.full((48, 80), 20, np.float32), np.full((48, 80), 12, np.float32)
    street[:, 60:] = np.nan
    other[8:20, 24:40] = 4  # a car, 8 m away for the street's camera
    mixed = overlay(
        augmented(10, street, 50.0), augmented(20, other, 25.0), np.random.default_rng(4)
    )

    shown = mixed.sample.target[..., 0] == 20
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    assert (rows[0], rows[-1]) == (8, 19)
    assert np.ptp(columns) == 15 and shown[8:20, columns[0] : columns[-1] + 1].all()
    assert columns[0] != 24 and abs(columns[0] - 24) <= 20
    assert (mixed.sample.depth_hint[shown] == 8).all()
    np.testing.assert_array_equal(mixed.sample.depth_hint[~shown], street[~shown])
    np.testing.assert_array_equal(mixed.target_colors, mixed.sample.target + 1)
    np.testing.assert_array_equal(mixed.invalid, shown)
    assert mixed.sample.name == 'scene 10 with what is nearer of scene 20'


def test_labels_go_the_way_of_the_image_and_are_never_blended():
    labels = np.zeros((16, 24), np.uint8)
    labels[:, 12:] = 200
    sample = TrainingSample(np.repeat(labels[..., None], 3, 2), (), K, 'by hand', None, labels)

    smaller = cut(mirror(sample), Window(4, 6, 8, 12), (4, 6)).labels

    assert np.array_equal(smaller, np.repeat([[200, 200, 200, 0, 0, 0]], 4, 0))


def test_a_strip_brings_its_labels_along():
    def labelled(value):
        image = np.zeros((4, 100, 3), np.uint8)
        labels = None if value is None else np.full((4, 100), value, np.uint8)
        return AugmentedSample(TrainingSample(image, (), K, 'x', None, labels), image, ())

    mixed, unlabelled = (
        mix(labelled(1), labelled(value), np.random.default_rng(0)).sample.labels
        for value in (2, None)
    )

    assert 20 <= (mixed[0] == 2).sum() <= 60 and set(np.unique(mixed)) == {1, 2}
    assert unlabelled is None


def test_blended_scenes_are_a_mean_that_no_hint_and_no_warp_explains():
    hint = np.full((16, 24), 5, np.float32)
    sample, other = (
        augment(
            sample_of(noise(16, 24, seed), hint),
            (16, 24),
            AugmentationConfig(flip=0.0),
            np.random.default_rng(seed),
        )
        for seed in (0, 1)
    )

    blended = blend(sample, other, np.random.default_rng(2))

    share = np.random.default_rng(2).uniform(0.5, 0.9)
    for first, second, both in (
        (sample.sample.target, other.sample.target, blended.sample.target),
        (sample.target_colors, other.target_colors, blended.target_colors),
    ):
        np.testing.assert_allclose(both, share * first + (1 - share) * second, atol=0.6)
    assert blended.invalid.all() and blended.sample.depth_hint is None
    assert blended.sample.K is sample.sample.K
