"""Three resolutions of one image show the same scene, each with its own camera."""

import numpy as np
import pytest
import torch
from true_views import reconstruction_error, view

from mono_depth_ros.datasets.sample import Source, TrainingSample
from mono_depth_ros.datasets.street.raycast import Street, render_frame
from mono_depth_ros.training.config.schema import AugmentationConfig
from mono_depth_ros.training.data.augmentation import mirror, resize
from mono_depth_ros.training.data.batch import AugmentedData, SampleIndex, collate
from mono_depth_ros.training.data.multi_resolution import augment_resolutions
from mono_depth_ros.training.losses.multi_resolution import consistency

SIZE = (128, 416)
PLAIN = AugmentationConfig(flip=0.0, jitter=0.0)


def street_sample(seed=40):
    target, source = (render_frame(Street(), index, (192, 640)) for index in (seed, seed + 1))
    motion = np.linalg.inv(source.world_from_camera) @ target.world_from_camera
    return TrainingSample(
        target.image, (Source(source.image, 1, motion),), target.K, 'street', target.depth
    )


def source_sample(sample):
    """Return the source of a street sample as the target, with its own depth."""
    frame = render_frame(Street(), 41, (192, 640))
    return TrainingSample(frame.image, sample.sources, frame.K, 'street', frame.depth)


def resolutions(sample, seed, flip=0.0):
    options = AugmentationConfig(flip=flip, jitter=0.0)
    return augment_resolutions(sample, SIZE, options, np.random.default_rng(seed))


def error_of(image, depth, source, source_depth, sample):
    return reconstruction_error(
        view(image, depth),
        view(source, source_depth),
        torch.from_numpy(sample.K)[None],
        torch.from_numpy(sample.sources[0].source_from_target)[None],
    )


@pytest.mark.parametrize('flip', [0.0, 1.0])
@pytest.mark.parametrize('seed', [0, 1])
def test_the_source_reconstructs_the_target_at_every_resolution(flip, seed):
    target = street_sample()
    source = source_sample(target)
    three, of_source = (resolutions(sample, seed, flip) for sample in (target, source))

    for name in ('middle', 'high'):
        first, second = (
            found.middle.sample if name == 'middle' else found.high.augmented.sample
            for found in (three, of_source)
        )
        error = error_of(
            first.target, first.depth_hint, first.sources[0].image, second.depth_hint, first
        )
        assert error < 0.02, name
    low = three.low.augmented.sample
    _, _, height, width = three.low.within
    depths = [
        resize(mirror(sample) if flip else sample, (height, width)).depth_hint
        for sample in (target, source)
    ]
    error = error_of(
        low.target[:height, :width],
        depths[0],
        low.sources[0].image[:height, :width],
        depths[1],
        low,
    )
    assert error < 0.02


@pytest.mark.parametrize('seed', range(5))
def test_high_enlarges_a_part_and_low_is_a_smaller_picture_in_the_corner(seed):
    three = resolutions(street_sample(), seed)

    high, low = three.high, three.low
    zoom = high.augmented.sample.K[0, 0] / three.middle.sample.K[0, 0]
    assert 1.09 < zoom < 2.01
    assert high.within == (0, 0, *SIZE)
    top, left, height, width = high.shows
    assert top >= 0 and left >= 0 and top + height <= SIZE[0] and left + width <= SIZE[1]
    assert width == pytest.approx(SIZE[1] / zoom)
    assert low.shows == (0, 0, *SIZE) and low.within[:2] == (0, 0)
    assert 0.69 < low.within.height / SIZE[0] < 0.91 and 0.69 < low.within.width / SIZE[1] < 0.91


def test_the_rest_of_lows_picture_is_the_middles_right_and_lower_strip():
    three = resolutions(street_sample(), 0)

    _, _, height, width = three.low.within
    low, middle = three.low.augmented.sample, three.middle.sample
    assert np.array_equal(low.target[height:], middle.target[height:])
    assert np.array_equal(low.target[:, width:], middle.target[:, width:])
    assert np.array_equal(low.sources[0].image[height:], middle.sources[0].image[height:])


def smooth_disparity(K, size):
    """Return a disparity (1, 1, H, W) that depends smoothly on the direction of the ray."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    x, y = (columns - K[0, 2]) / K[0, 0], (rows - K[1, 2]) / K[1, 1]
    disparity = 0.4 + 0.2 * np.sin(3 * x + 0.5) + 0.1 * np.cos(5 * y)
    return torch.from_numpy(disparity)[None, None].float()


@pytest.mark.parametrize('name', ['high', 'low'])
@pytest.mark.parametrize('seed', range(3))
def test_one_scene_at_two_resolutions_is_consistent(name, seed):
    three = resolutions(street_sample(), seed, flip=0.5)
    other = getattr(three, name)
    middle = smooth_disparity(three.middle.sample.K, SIZE)
    disparity = smooth_disparity(other.augmented.sample.K, SIZE)
    shows, within = torch.tensor([other.shows]), torch.tensor([other.within])
    everywhere = torch.ones_like(middle)

    agreement = consistency(disparity, middle, everywhere, shows, within, 0.85)
    moved = consistency(disparity.roll(1, 3), middle, everywhere, shows, within, 0.85)
    elsewhere = consistency(1 - disparity, middle, everywhere, shows, within, 0.85)

    assert agreement < 2e-5
    assert moved > 5 * agreement and elsewhere > 0.05


def test_pixels_that_do_not_count_do_not_count():
    middle = torch.full((1, 1, 32, 64), 0.5)
    disparity, mask = middle.clone(), torch.ones_like(middle)
    disparity[..., 32:] = 0.9
    whole = torch.tensor([[0, 0, 32, 64]])

    mask[..., 30:] = 0

    assert consistency(disparity, middle, mask, whole, whole, 0.0) == 0
    assert consistency(disparity, middle, 1 - mask, whole, whole, 0.0) == pytest.approx(
        0.4 * 32 / 34
    )
    assert consistency(disparity, middle, 0 * mask, whole, whole, 0.0) == 0


def test_agreement_teaches_both_resolutions():
    middle = torch.rand(1, 1, 32, 64, requires_grad=True)
    disparity = torch.rand(1, 1, 32, 64, requires_grad=True)
    whole = torch.tensor([[0, 0, 32, 64]])

    consistency(disparity, middle, torch.ones_like(middle), whole, whole, 1.0).sum().backward()

    torch.testing.assert_close(
        middle.grad.abs().sum(), disparity.grad.abs().sum(), rtol=0.2, atol=0
    )


def test_a_batch_holds_the_three_resolutions():
    data = AugmentedData([street_sample(), street_sample()], SIZE, PLAIN, 0, True)

    batch = collate([data[SampleIndex(0, place, place)] for place in range(2)]).to(
        torch.device('cpu')
    )

    high, low = batch.others
    three = resolutions(street_sample(), (0, 0, 1))
    assert batch.K[1].tolist() == three.middle.sample.K.astype(np.float32).tolist()
    assert high.batch.K[1].tolist() == three.high.augmented.sample.K.astype(np.float32).tolist()
    assert high.shows[1].tolist() == pytest.approx(three.high.shows)
    assert low.within.tolist()[1] == list(three.low.within)
    assert high.batch.target.shape == low.batch.target.shape == (2, 3, *SIZE)
    assert 0 < high.batch.target.max() <= 1
