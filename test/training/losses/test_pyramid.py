"""Every level of the pyramid shows the same scene, and agreement between levels is measured."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mono_depth_ros.datasets.sample import Source, TrainingSample
from mono_depth_ros.datasets.street.raycast import (
    Street,
    render_frame,
    street_intrinsics,
    street_pose,
)
from mono_depth_ros.networks.base import DepthOutput
from mono_depth_ros.training.config.schema import AugmentationConfig, PyramidConfig
from mono_depth_ros.training.data.batch import AugmentedData, SampleIndex, collate
from mono_depth_ros.training.losses.pyramid import (
    consistency,
    derive,
    mirrored,
    recolored,
    scaled,
)
from mono_depth_ros.training.losses.view_synthesis import warp_to_target

SIZE = (96, 320)
PLAIN = AugmentationConfig(flip=0.0, jitter=0.0)
UNCHANGED = AugmentationConfig(brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0)


def street_sample(frame):
    K = street_intrinsics(SIZE)
    K[0, 2] += 30  # off the centre, so that a mirror has to move it
    target, *sources = (
        render_frame(Street(), street_pose(number), SIZE, K)
        for number in (frame, frame - 1, frame + 1)
    )
    found = tuple(
        Source(
            source.image,
            offset,
            np.linalg.inv(source.world_from_camera) @ target.world_from_camera,
        )
        for offset, source in zip((-1, 1), sources)
    )
    labels = (target.depth > 20).astype(np.uint8)
    return TrainingSample(target.image, found, target.K, 'street', target.depth, labels)


@pytest.fixture(scope='module')
def street():
    data = AugmentedData([street_sample(40), street_sample(12)], SIZE, PLAIN, 0)
    return collate([data[SampleIndex(0, place, place)] for place in range(2)]).to(
        torch.device('cpu')
    )


def misfit(batch, pose=None):
    """Return the median error of the sources, seen from the target by true depth and motion."""
    depth = batch.hint.clamp(max=1e4)[batch.sample_of, 0]
    pose = batch.pose if pose is None else pose
    warped = warp_to_target(batch.source, depth, batch.K[batch.sample_of], pose)
    return (warped - batch.target[batch.sample_of]).abs().median().item()


@pytest.mark.parametrize(
    'level, size', [('lr', (64, 160)), ('hr', (192, 640)), ('flip', SIZE), ('color', SIZE)]
)
def test_true_depth_and_motion_reconstruct_the_target_at_every_level(street, level, size):
    derived = derive(street, level, PyramidConfig(), AugmentationConfig())

    assert derived.target.shape == derived.target_colors.shape == (2, 3, *size)
    assert derived.source.shape == derived.source_colors.shape == (4, 3, *size)
    still = misfit(derived, torch.eye(4).expand(4, 4, 4))
    assert misfit(derived) < 0.01 < 2 * misfit(derived) < still


def test_a_mirrored_scene_needs_the_mirrored_motion_and_camera(street):
    turned = mirrored(street)

    assert misfit(turned, street.pose) > 1.3 * misfit(turned)
    assert misfit(replace(turned, K=street.K)) > 1.3 * misfit(turned)


def test_intrinsics_go_with_the_size_of_each_direction(street):
    smaller = scaled(street, 0.5)

    # 96 x 320 halved is 48 x 160, and 64 is the nearest multiple of 32 that is not below it
    for direction, factor in ((0, 0.5), (1, 64 / 96)):
        before, after = street.K[0, direction], smaller.K[0, direction]
        assert after[direction] == pytest.approx(before[direction] * factor)
        assert after[2] + 0.5 == pytest.approx((before[2] + 0.5) * factor)


def test_mixed_precision_stays_out_of_the_intrinsics(street):
    with torch.autocast('cpu', dtype=torch.bfloat16):
        mixed = scaled(street, 0.5)

    assert mixed.K.dtype == torch.float32 and torch.equal(mixed.K, scaled(street, 0.5).K)


@pytest.mark.parametrize('factor', [0.5, 2.0])
def test_hints_and_labels_are_never_blended(street, factor):
    batch = replace(street, hint=street.hint.clone())
    batch.hint[0, :, :48] = torch.nan

    other = scaled(batch, factor)

    assert other.labels.dtype == torch.int16 and set(other.labels.unique().tolist()) == {0, 1}
    upper = other.hint.shape[-2] // 2
    assert other.hint[0, :, :upper].isnan().all()
    assert torch.isin(other.hint[0, :, upper:], batch.hint[0, :, 48:]).all()
    assert other.hint.shape == other.labels.shape == other.target[:, :1].shape


def test_a_strip_of_another_scene_stays_where_it_is_shown(street):
    invalid = torch.zeros(2, 1, *street.target.shape[-2:], dtype=torch.bool)
    invalid[0, ..., 101:201] = True
    batch = replace(street, invalid=invalid)

    def columns(level):
        assert level.invalid.dtype == torch.bool and not level.invalid[1].any()
        found = level.invalid[0, 0, -1].nonzero()[:, 0]
        return int(found[0]), int(found[-1]) + 1

    assert columns(scaled(batch, 0.5)) == (50, 100)
    assert columns(scaled(batch, 2.0)) == (202, 402)
    assert columns(mirrored(batch)) == (119, 219)


def test_a_mirror_of_a_mirror_is_the_batch(street):
    again = mirrored(mirrored(street))

    for name in ('target', 'source_colors', 'K', 'pose', 'hint', 'labels', 'invalid'):
        torch.testing.assert_close(getattr(again, name), getattr(street, name), equal_nan=True)
    assert not torch.equal(mirrored(street).labels, street.labels)


def test_levels_have_no_other_resolutions_and_unknown_poses_stay_unknown(street):
    batch = replace(street, others=['anything'], pose=torch.full_like(street.pose, torch.nan))

    for level in ('lr', 'hr', 'flip', 'color'):
        derived = derive(batch, level, PyramidConfig(), AugmentationConfig())
        assert derived.others == [] and derived.pose.isnan().all()


def test_a_batch_cannot_be_scaled_to_nothing(street):
    with pytest.raises(ValueError, match='cannot be scaled by 0'):
        scaled(street, 0.0)


def test_without_a_change_colors_come_back(street):
    same = recolored(street, UNCHANGED)

    torch.testing.assert_close(same.target, street.target, atol=1e-5, rtol=0)
    torch.testing.assert_close(same.source_colors, street.source, atol=1e-5, rtol=0)


def test_colors_start_from_the_true_ones_and_are_the_same_for_losses_and_networks(street):
    jittered = replace(street, target_colors=1 - street.target)

    batch = recolored(jittered, AugmentationConfig())

    assert torch.equal(batch.target, batch.target_colors)
    assert torch.equal(batch.source, batch.source_colors)
    assert torch.equal(batch.target, recolored(street, AugmentationConfig()).target)


def test_every_sample_has_its_own_change_which_its_frames_share(street):
    alike = replace(street, target=street.target[[0, 0]], source=street.target[[0, 0, 0, 0]])

    batch = recolored(alike, AugmentationConfig())

    assert (batch.target[0] - batch.target[1]).abs().mean() > 0.01
    torch.testing.assert_close(batch.source, batch.target[batch.sample_of])


COLORS = torch.tensor(
    [[0.30, 0.45, 0.60], [0.60, 0.40, 0.50], [0.35, 0.55, 0.40], [0.50, 0.50, 0.50]]
)


def changed(street, **change):
    """Return four colours (100, 4, 3) after changes of one kind, drawn a hundred times."""
    target = COLORS.T.reshape(1, 3, 1, 4).expand(100, -1, -1, -1)
    batch = replace(
        street, target=target, source=target, sample_of=torch.arange(100), seed=torch.arange(100)
    )
    return recolored(batch, replace(UNCHANGED, **change)).target[:, :, 0].mT


def assert_spread(values, largest):
    """Check that numbers from -largest to largest were drawn, and the same for every colour."""
    each = values.reshape(100, -1)
    assert (each.amax(1) - each.amin(1)).max() < 1e-4
    assert -largest < each.min() < -0.9 * largest and 0.9 * largest < each.max() < largest


def test_brightness_multiplies(street):
    assert_spread(changed(street, brightness=0.3) / COLORS - 1, 0.3)


def test_contrast_multiplies_what_differs_from_the_mean(street):
    mean = COLORS.mean()

    assert_spread((changed(street, contrast=0.3) - mean) / (COLORS - mean) - 1, 0.3)


def test_contrast_leaves_the_mean_that_brightness_made(street):
    bright, both = (changed(street, brightness=0.2, contrast=contrast) for contrast in (0, 0.2))

    torch.testing.assert_close(both.mean((1, 2)), bright.mean((1, 2)))
    assert (both - bright).abs().max() > 0.03


def test_saturation_multiplies_the_distance_from_grey(street):
    value = COLORS.amax(1, keepdim=True)
    after = changed(street, saturation=0.3)

    assert_spread((value - after)[:, :3].amax(2) / (value - COLORS)[:3].amax(1) - 1, 0.3)
    torch.testing.assert_close(after[:, 3], COLORS[3].expand(100, 3))
    torch.testing.assert_close(after.amax(2, keepdim=True), value.expand(100, 4, 1))


def test_hue_turns_by_a_share_of_the_circle(street):
    # (0.30, 0.45, 0.60) has its green halfway: 0.3 for a sixth of the circle
    turned = (COLORS[0, 1] - changed(street, hue=0.05)[:, 0, 1]) / 0.3 / 6
    assert_spread(turned, 0.05)

    third = changed(street, hue=float(1 / 3 / turned[0] * 0.05))[0]
    circle = changed(street, hue=float(1 / turned[0] * 0.05))[0]

    torch.testing.assert_close(third, COLORS.roll(1, 1), atol=1e-4, rtol=0)
    torch.testing.assert_close(circle, COLORS, atol=1e-4, rtol=0)


def maps(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def output(size=(16, 32), seed=0):
    """Return two levels of disparity and two stages of features, of two samples."""
    sizes = [size, (size[0] // 2, size[1] // 2)]
    return DepthOutput(
        [maps(2, 1, *s, seed=seed) for s in sizes], [maps(2, 3, *s, seed=seed + 1) for s in sizes]
    )


def each(change, found):
    return DepthOutput([change(x) for x in found.disparities], [change(x) for x in found.features])


def enlarged(values):
    return values.repeat_interleave(2, -2).repeat_interleave(2, -1)


@pytest.mark.parametrize(
    'level, change', [('hr', enlarged), ('flip', lambda x: x.flip(-1)), ('color', lambda x: x)]
)
def test_the_same_answer_at_two_levels_agrees(level, change):
    current = output()

    for found in consistency(level, each(change, current), current):
        assert found.tolist() == pytest.approx([0, 0], abs=1e-6)
    for found in consistency(level, each(change, output(seed=5)), current):
        assert found.min() > 0.01


def test_what_only_larger_images_show_is_not_asked_of_small_ones():
    small = output()
    detail = torch.tensor([[0.2, -0.2], [-0.2, 0.2]])

    def detailed(values):
        return enlarged(values) + detail.repeat(values.shape[-2:])

    agreement = consistency('lr', small, each(detailed, small))

    assert agreement.features.max() < 1e-6 and agreement.disparity.max() < 1e-6


def test_sizes_that_were_rounded_are_compared_too():
    agreement = consistency('lr', output((64, 224)), output((128, 416)))

    assert agreement.features.isfinite().all() and agreement.disparity.min() > 0


@pytest.mark.parametrize('level, expected', [('lr', 0), ('hr', 0), ('flip', 0.1), ('color', 0.1)])
def test_a_constant_is_no_matter_to_distributions_but_to_values(level, expected):
    current = DepthOutput([torch.full((2, 1, 8, 8), 0.5)], [torch.full((2, 3, 8, 8), 2.0)])

    agreement = consistency(level, each(lambda x: x + 0.1, current), current)

    assert agreement.features.tolist() == pytest.approx([expected] * 2, abs=1e-6)
    assert agreement.disparity.tolist() == pytest.approx([expected] * 2, abs=1e-6)


def test_stages_and_samples_count_alike():
    current = DepthOutput([torch.zeros(2, 1, 4, 4)], [torch.zeros(2, 3, 4, 4)] * 2)
    stage = torch.zeros(2, 3, 4, 4)
    stage[1] = 0.6
    found = DepthOutput([torch.zeros(2, 1, 4, 4)], [stage, torch.zeros(2, 3, 4, 4)])

    assert consistency('color', found, current).features.tolist() == pytest.approx([0, 0.3])


@pytest.mark.parametrize('level', ['lr', 'hr', 'flip', 'color'])
def test_only_the_level_learns_from_an_agreement(level):
    found, current = (each(torch.Tensor.requires_grad_, output(seed=seed)) for seed in (0, 5))

    agreement = consistency(level, found, current)
    (agreement.features + agreement.disparity).sum().backward()

    assert all(x.grad.abs().sum() > 0 for x in found.disparities + found.features)
    assert all(x.grad is None for x in current.disparities + current.features)


def test_without_features_disparities_are_still_compared():
    found, current = (output(seed=seed)._replace(features=[]) for seed in (0, 5))

    agreement = consistency('flip', found, current)

    assert agreement.features.tolist() == [0, 0] and agreement.disparity.min() > 0


def test_mixed_precision_is_compared_in_full():
    found, current = output(), output(seed=5)

    half = consistency('lr', each(torch.Tensor.bfloat16, found), current)

    assert half.features.dtype == torch.float32
    torch.testing.assert_close(
        half.features, consistency('lr', found, current).features, rtol=0.02, atol=0
    )
