"""From a batch to its loss, with networks whose answers are known."""

from dataclasses import replace
from math import log

import numpy as np
import pytest
import torch
from known_views import (
    BARE,
    FOCAL,
    PLAIN,
    SIZE,
    K,
    KnownDepth,
    KnownMotion,
    batch_of,
    flat,
    moved,
    noise,
    objective,
    sample,
)
from shared_data import shared_data
from torch import nn

from mono_depth_ros.datasets.kitti.raw import KittiRaw
from mono_depth_ros.datasets.sample import Source
from mono_depth_ros.geometry.disparity import depth_to_disparity
from mono_depth_ros.networks.base import DepthOutput
from mono_depth_ros.training.config.schema import (
    LossConfig,
    TrainConfig,
    TripletConfig,
)
from mono_depth_ros.training.data.augmentation import AugmentedSample, mix
from mono_depth_ros.training.data.batch import AugmentedData, SampleIndex, collate
from mono_depth_ros.training.losses.objective import Objective
from mono_depth_ros.training.losses.triplet import triplet_loss


def test_the_loss_is_the_difference_of_target_and_warped_source():
    source = np.roll(noise(), -2, axis=1)  # 2 px = 100 px * 0.2 m / 10 m
    batch = batch_of(sample(noise(), Source(source, 1, moved(x=-0.2))))

    result = objective()(batch)

    expected = np.abs(noise()[:, :2] / 255 - source[:, :1] / 255).sum() / noise().size
    assert result.loss.tolist() == pytest.approx([expected], rel=1e-3)
    assert result.images.warped.shape == (3, *SIZE)
    assert torch.allclose(result.images.warped[..., 2:], batch.target[0, ..., 2:], atol=1e-3)


def test_every_pixel_counts_by_its_nearest_source():
    first, second = flat(150), flat(100)
    first[:, 20:], second[:, 20:] = 20, 160
    batch = batch_of(sample(flat(140), Source(first, -1, np.eye(4)), Source(second, 1, np.eye(4))))

    assert objective()(batch).loss.item() == pytest.approx((10 + 20) / 2 / 255)


def test_every_samples_loss_is_its_own_whatever_the_others_have():
    samples = [
        sample(noise(0), Source(noise(1), -1), Source(noise(2), 1)),
        sample(noise(3), Source(noise(4), 0, moved(x=-0.54))),
        sample(noise(5), Source(noise(6), 1)),
    ]
    found = objective(motion=KnownMotion(0.1, 0.0, 0.3), loss=LossConfig(levels=1))

    together = found(batch_of(*samples)).loss
    alone = []
    for place, one in enumerate(samples):
        batch = batch_of(one)
        batch.seed += batch_of(*samples).seed[place] - batch.seed
        alone.append(found(batch).loss)

    torch.testing.assert_close(together, torch.cat(alone))


def test_a_standing_camera_teaches_nothing():
    batch = batch_of(sample(noise(), Source(noise(), -1), Source(noise(), 1)))
    found = objective(motion=KnownMotion(0.1, 0.0, 0.5), loss=LossConfig(levels=1, smoothness=0.0))

    result = found(batch)
    result.loss.sum().backward()

    assert (result.images.mask == 0).all()
    assert result.loss.item() == pytest.approx(0, abs=1e-4)
    assert found.depth.value.grad == 0


def test_a_moving_camera_is_not_left_out():
    source = np.roll(noise(), -2, axis=1)
    batch = batch_of(sample(noise(), Source(source, 1, moved(x=-0.2))))

    mask = objective(loss=LossConfig(levels=1))(batch).images.mask

    assert (mask[..., 3:] == 1).all()


def test_auto_masking_can_begin_later():
    batch = batch_of(sample(noise(), Source(noise(), -1), Source(noise(), 1)))
    found = objective(
        motion=KnownMotion(0.1, 0.0, 0.5),
        loss=LossConfig(levels=1, smoothness=0.0, auto_mask_from=0.5),
    )

    results = []
    for progress in (0.49, 0.5):
        found.set_training_progress(progress)
        results.append(found(batch))

    before, after = results
    assert before.images.mask.all() and not after.images.mask.any()
    assert before.loss.item() > 0.1 and after.loss.item() == pytest.approx(0, abs=1e-4)
    assert before.terms['identity'] == pytest.approx(0, abs=1e-4)  # watched all the same


@pytest.mark.data
@pytest.mark.parametrize(
    'drive, least, most', [('static_camera', 0.0, 0.2), ('train_mono', 0.5, 1.0)]
)
def test_auto_masking_leaves_out_a_real_standing_camera_and_keeps_a_driving_one(
    drive, least, most
):
    kitti = shared_data('kitti')
    data = KittiRaw(kitti / 'train', kitti / 'splits' / f'{drive}.txt')
    batch = collate([AugmentedData(data, (96, 320), PLAIN, 0)[SampleIndex(0, 0, 5)]])
    batch = batch.to(torch.device('cpu'))
    found = objective(20.0, KnownMotion(0.0, 0.0, -0.9), LossConfig(levels=1))
    found.depth = Road(float(batch.K[0, 1, 1]), float(batch.K[0, 1, 2]))

    mask = found.train()(batch).images.mask

    assert least <= mask.mean() <= most


class Road(nn.Module):
    """Sees a level road 1.65 m below the camera, and a wall at 25 m above it."""

    def __init__(self, focal, horizon):
        super().__init__()
        self.focal, self.horizon = focal, horizon

    def forward(self, image):
        below = torch.arange(image.shape[2]) - self.horizon
        depth = (self.focal * 1.65 / below.clamp(min=1)).clamp(3, 25)
        disparity = depth_to_disparity(depth, 0.1, 100.0)[None, None, :, None]
        return DepthOutput([disparity.expand(len(image), 1, *image.shape[2:])], [])


def test_ties_are_broken_by_the_samples_seed():
    batch = batch_of(sample(flat(100), Source(flat(100), 1, np.eye(4))))
    found = objective(loss=LossConfig(levels=1))

    first, again = found(batch).images.mask, found(batch).images.mask
    batch.seed += 1
    other = found(batch).images.mask

    assert torch.equal(first, again) and not torch.equal(first, other)
    assert 0.3 < first.mean() < 0.7


def test_levels_are_compared_at_full_size_and_averaged():
    source = np.roll(noise(), -2, axis=1)
    batch = batch_of(sample(noise(), Source(source, 1, moved(x=-0.2))))

    one = objective(levels=3)(batch).loss
    three = objective(levels=3, loss=replace(BARE, levels=3))(batch).loss

    torch.testing.assert_close(three, one)


def test_a_strip_of_another_scene_is_explained_by_its_hint_and_not_by_warping():
    near, far = np.full(SIZE, 10, np.float32), np.full(SIZE, 20, np.float32)
    source = Source(np.roll(noise(), -2, axis=1), 1, moved(x=-0.2))  # explained by 10 m
    data = AugmentedData(
        [sample(noise(), source, depth_hint=near), sample(noise(9), depth_hint=far)],
        SIZE,
        PLAIN,
        0,
    )
    (own, _), (other, _) = data[SampleIndex(0, 0, 0)], data[SampleIndex(0, 0, 1)]
    mixed = mix(own, other, np.random.default_rng(3))
    batch = collate([(mixed, 0)]).to(torch.device('cpu'))

    result = objective(loss=replace(BARE, hints=1.0, auto_mask=True))(batch)

    columns = np.flatnonzero(mixed.invalid[0])
    first, after = columns[0], columns[-1] + 1
    assert 2 < first < after < SIZE[1]
    edge = np.abs(noise()[:, :2] / 255 - source.image[:, :1] / 255).sum() / noise()[:, :2].size
    expected = edge * 2 / (SIZE[1] - (after - first))  # nothing but the first two columns
    assert result.terms['reprojection'].item() == pytest.approx(expected, rel=1e-2)
    assert result.terms['hints'].item() > 0.1
    assert not result.images.mask[..., first:after].any()
    assert result.images.mask[..., 2:first].all()


def test_a_sample_that_shows_nothing_of_its_own_leaves_its_sources_out():
    hint, source = np.full(SIZE, 20, np.float32), Source(noise(1), 1, moved(x=-0.2))
    alone = sample(noise(), source, depth_hint=hint)
    invalid = AugmentedSample(alone, alone.target, (source.image,), np.ones(SIZE, bool))
    batch = collate([(invalid, 0)]).to(torch.device('cpu'))

    result = objective(loss=replace(BARE, hints=1.0, auto_mask=True))(batch)

    assert result.terms['photometric'] == result.terms['reprojection'] == 0
    assert result.loss.item() == pytest.approx(0.15 * log(2), rel=1e-4)


def test_depth_scale_turns_metres_into_units():
    source = np.roll(noise(), -1, axis=1)  # 1 px = 100 px * 0.54 m / 54 m
    batch = batch_of(sample(noise(), Source(source, 0, moved(x=-0.54), 0.54)))

    warped = objective(10.0, depth_scale=5.4)(batch).images.warped

    assert torch.allclose(warped[..., 1:], batch.target[0, ..., 1:], atol=1e-3)


def test_hints_are_metres_too():
    hint = np.full(SIZE, 108, np.float32)
    batch = batch_of(sample(flat(0), Source(flat(0), 0, moved(x=-0.54)), depth_hint=hint))

    terms = objective(10.0, loss=replace(BARE, hints=1.0), depth_scale=5.4)(batch).terms

    assert terms['hints'].item() == pytest.approx(0.15 * log(2), rel=1e-4)  # all pixels alike


def test_a_zoomed_camera_sees_the_same_depth_at_a_shorter_canonical_one():
    zoomed = np.diag([2.0, 2, 1]) @ K
    hint = np.full(SIZE, 20, np.float32)
    batch = batch_of(
        sample(flat(0), Source(flat(0), 0, moved(x=-0.54)), depth_hint=hint, K=zoomed)
    )
    loss = replace(BARE, hints=1.0)

    canonical = objective(10.0, loss=loss)(batch).terms['hints']
    plain = objective(10.0, loss=loss, canonical_focal=False)(batch).terms['hints']

    assert canonical.item() == pytest.approx(0, abs=1e-4)
    assert plain.item() == pytest.approx(0.15 * log(2), rel=1e-4)


def test_velocity_compares_lengths_where_somebody_measured_them():
    samples = [
        sample(noise(), Source(noise(1), -1, distance=0.9), Source(noise(2), 1)),
        sample(noise(), Source(noise(1), -1, distance=0.2), Source(noise(2), 1, distance=0.8)),
    ]
    found = objective(
        motion=KnownMotion(0.3, 0.0, 0.4), loss=replace(BARE, velocity=1.0), depth_scale=2.0
    )

    result = found(batch_of(*samples))

    # 0.5 units = 1 m: 0.1 m off, and 0.8 + 0.2 m; in units.
    assert result.terms['velocity'].item() == pytest.approx((0.05 + 0.5) / 2, rel=1e-4)
    result.loss.sum().backward()
    assert found.pose.translation.grad.isfinite().all()


def test_velocity_alone_trains_the_motion():
    batch = batch_of(sample(noise(), Source(noise(1), 1, distance=0.9)))
    found = objective(
        motion=KnownMotion(0.0, 0.0, 0.5), loss=replace(BARE, photometric=0.0, velocity=1.0)
    )

    found(batch).loss.sum().backward()

    assert found.pose.translation.grad[2] == pytest.approx(-1)


def test_an_unknown_pose_without_a_pose_network_is_refused():
    batch = batch_of(sample(noise(), Source(noise(1), 1)))

    with pytest.raises(ValueError, match=r"'by hand' has a source of unknown pose.*pose_network"):
        objective()(batch)


def test_the_pose_network_sees_smaller_images_where_that_is_asked_for():
    class Size(KnownMotion):
        def forward(self, first, second):
            self.seen = first.shape
            return super().forward(first, second)

    batch = batch_of(sample(noise(), Source(noise(1), 1)))
    found = objective(motion=Size(0.0, 0.0, 0.1), pose_reduction=2)

    found(batch)

    assert found.pose.seen == (1, 3, 12, 20)


class KnownFeatures(KnownDepth):
    """Decodes one feature map at 1/2, alike everywhere."""

    def forward(self, image):
        height, width = image.shape[2:]
        features = [torch.ones(len(image), 3, height // 2, width // 2) * self.value]
        return super().forward(image)._replace(features=features)


def test_features_are_compared_where_there_are_labels():
    labels = np.zeros(SIZE, np.uint8)
    labels[:, 20:] = 1
    config = TrainConfig(
        loss=replace(BARE, photometric=0.0, triplet=0.1),
        triplet=TripletConfig(margin=0.5, levels=(1,)),
    )
    found = Objective(KnownFeatures(10.0), None, config, FOCAL).train()
    batch = batch_of(sample(noise(), labels=labels), sample(noise()))

    result = found(batch)

    expected = triplet_loss(torch.ones(1, 3, 12, 20), torch.from_numpy(labels)[None, None], 5, 0.5)
    assert expected.item() > 0.1
    assert result.loss.tolist() == pytest.approx([0.1 * expected.item() / 2, 0], rel=1e-2)


def test_a_level_without_features_is_named():
    config = TrainConfig(
        network='lka_depth', loss=replace(BARE, triplet=0.1), triplet=TripletConfig(levels=(3,))
    )
    labels = np.zeros(SIZE, np.uint8)

    with pytest.raises(ValueError, match='has 3, but lka_depth decodes no features at 1/8'):
        Objective(KnownFeatures(10.0), None, config, FOCAL).train()(
            batch_of(sample(noise(), Source(noise(), 1, moved(x=0.1)), labels=labels))
        )


def test_frozen_batch_norms_keep_their_statistics():
    found = objective(freeze_batch_norm=True)
    found.depth.norm = nn.BatchNorm2d(3)

    found.train()

    assert not found.depth.norm.training and found.depth.training


def test_mixed_precision_does_not_change_the_loss_of_known_depth_and_motion():
    batch = batch_of(sample(noise(), Source(noise(1), 1), Source(noise(2), -1)))
    found = objective(motion=KnownMotion(0.1, 0.2, 0.3), loss=LossConfig(levels=1))

    expected = found(batch).loss
    with torch.autocast('cpu', dtype=torch.bfloat16):
        mixed = found(batch).loss

    torch.testing.assert_close(mixed, expected, rtol=0, atol=0)


def test_of_a_smaller_picture_only_the_window_counts():
    batch = batch_of(sample(noise(), Source(noise(1), 1)), multi_resolution=True)
    found = objective(motion=KnownMotion(0.0, 0.0, 0.2), multi_resolution=True)
    before = found(batch).terms['photometric']
    _, low = batch.others
    _, _, height, width = low.within[0].tolist()

    low.batch.target[..., height:, :] = 0
    low.batch.target[..., :, width:] = 0

    assert found(batch).terms['photometric'] == before
    low.batch.target[..., :height, :width] = 0
    assert found(batch).terms['photometric'] != before


@pytest.mark.parametrize('canonical, consistent', [(False, True), (True, False)])
def test_resolutions_agree_in_the_scenes_depth(canonical, consistent):
    batch = batch_of(sample(noise(), Source(noise(1), 1)), multi_resolution=True)
    found = objective(
        motion=KnownMotion(0.0, 0.0, 0.2), multi_resolution=True, canonical_focal=canonical
    )

    agreement = found(batch).terms['consistency']

    # One disparity for all resolutions is one depth, unless depth counts at one focal length.
    assert (agreement < 1e-6) == consistent
