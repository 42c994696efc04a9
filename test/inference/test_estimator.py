from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from cards import UNTRAINED
from torch.nn.functional import interpolate

from mono_depth_ros.geometry.disparity import disparity_to_depth
from mono_depth_ros.inference.backends.select import auto_order
from mono_depth_ros.inference.cards.checkpoint import load_network, save_weights
from mono_depth_ros.inference.cards.model_card import ModelCard
from mono_depth_ros.inference.estimator import DepthEstimator
from mono_depth_ros.inference.preprocessing import to_network_input

# PyTorch itself: no export, no tolerance.
estimator_of = partial(DepthEstimator, backend='torch')

# Disparity 1/2 everywhere: 1 / (0.01 + 9.99 / 2).
CONSTANT_DEPTH = 1 / 5.005


def scene(height: int, width: int, seed: int = 0) -> np.ndarray:
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    return blocks.repeat(-(-height // 8), axis=0).repeat(-(-width // 12), axis=1)[:height, :width]


@pytest.fixture(scope='module')
def estimator():
    return estimator_of(UNTRAINED, calibration_images=[scene(64, 96)])


def card_with_heads(folder: Path, factor: float) -> ModelCard:
    """Save the untrained network with its head weights multiplied, and return its card."""
    network = load_network(UNTRAINED, [scene(64, 96)])
    for parameter in network.heads.parameters():
        parameter.data *= factor
    sha256 = save_weights(network, folder / 'heads.safetensors')
    return replace(
        UNTRAINED, weights='heads.safetensors', sha256=sha256, path=folder / 'heads.yaml'
    )


@pytest.fixture(scope='module')
def constant_card(tmp_path_factory):
    """A metric card whose network answers disparity 1/2 to every image."""
    return replace(
        card_with_heads(tmp_path_factory.mktemp('models'), factor=0.0),
        depth_unit='metric',
        training_K=((100.0, 0.0, 47.5), (0.0, 100.0, 31.5), (0.0, 0.0, 1.0)),
    )


def camera(fy: float) -> np.ndarray:
    return np.array([[fy, 0, 50.0], [0, fy, 40.0], [0, 0, 1]])


@pytest.mark.slow
def test_constant_disparity_gives_the_closed_form_depth_at_image_size(constant_card):
    estimator = estimator_of(constant_card)

    (depth,) = estimator.estimate([scene(75, 111)], depth_scale=2.0)

    assert depth.shape == (75, 111) and depth.dtype == np.float32
    assert np.allclose(depth, 2 * CONSTANT_DEPTH, rtol=1e-6, atol=0)
    assert estimator.scaling(None, (75, 111), 2.0).kind == 'scaled'


def test_metric_depth_follows_each_cameras_own_focal_length(constant_card):
    estimator = estimator_of(constant_card)

    Ks = [camera(100.0), camera(200.0)]
    same, double = estimator.estimate([scene(64, 96)] * 2, Ks)
    same_unit, double_unit = (estimator.scaling(K, (64, 96)) for K in Ks)

    assert np.allclose(same, CONSTANT_DEPTH, rtol=1e-6) and same_unit.kind == 'metric'
    assert np.allclose(double, 2 * CONSTANT_DEPTH, rtol=1e-6) and double_unit.kind == 'scaled'
    assert same_unit.warning is None and '2.00 times' in double_unit.warning


def test_scaled_estimates_are_the_estimates_each_with_the_scaling_of_its_camera(constant_card):
    estimator = estimator_of(constant_card)
    images, Ks = [scene(64, 96), scene(80, 90, 1)], [camera(100.0), camera(200.0)]

    found = estimator.estimate_scaled(images, Ks)

    for (depth, scaling), alone, image, K in zip(
        found, estimator.estimate(images, Ks), images, Ks
    ):
        assert np.array_equal(depth, alone)
        assert scaling == estimator.scaling(K, image.shape[:2])
    assert found[0].scaling != found[1].scaling


def test_a_metric_card_refuses_images_without_intrinsics(constant_card):
    with pytest.raises(ValueError, match="needs the camera's intrinsics K"):
        estimator_of(constant_card).estimate([scene(64, 96)])


def test_a_relative_card_gives_relative_depth(estimator):
    (depth,) = estimator.estimate([scene(64, 96)])

    assert estimator.scaling(None, (64, 96)).kind == 'relative' and depth.std() > 0


def test_a_batch_of_mixed_sizes_equals_one_by_one_in_order(estimator):
    images = [scene(64, 96, 0), scene(90, 90, 1), scene(128, 192, 2), scene(80, 90, 3)]

    together = estimator.estimate(images)

    for image, depth in zip(images, together):
        (alone,) = estimator.estimate([image])
        assert depth.shape == image.shape[:2]
        assert np.allclose(depth, alone, rtol=1e-4)


@pytest.mark.slow
@torch.no_grad()
def test_disparity_is_resized_before_it_is_inverted(tmp_path):
    card = card_with_heads(tmp_path, factor=100.0)  # steep disparities tell the orders apart
    image = scene(128, 192)
    network = load_network(card)
    disparity = network(to_network_input([image], (64, 96)))

    (depth,) = estimator_of(card).estimate([image])

    def resized(values: torch.Tensor) -> torch.Tensor:
        return interpolate(values, (128, 192), mode='bilinear', align_corners=False)

    expected = disparity_to_depth(resized(disparity), 0.1, 100.0)[0, 0].numpy()
    inverted_first = resized(disparity_to_depth(disparity, 0.1, 100.0))[0, 0].numpy()
    assert np.allclose(depth, expected, rtol=1e-4)
    assert not np.allclose(depth, inverted_first, rtol=1e-2)


@pytest.mark.slow
def test_stretch_and_keep_aspect_choose_the_network_size():
    images = [scene(64, 96)]
    stretching = estimator_of(UNTRAINED, resize_mode='stretch', calibration_images=images)
    keeping = estimator_of(UNTRAINED, resize_mode='keep_aspect', calibration_images=images)

    assert stretching.network_size((120, 80)) == (64, 96)
    assert keeping.network_size((120, 80)) == (96, 64)


def test_estimates_do_not_share_memory_and_may_be_changed(estimator):
    first, second = estimator.estimate([scene(64, 96)] * 2)

    first[:] = np.nan

    assert np.isfinite(second).all()


@pytest.mark.slow
def test_a_camera_of_ever_new_sizes_keeps_the_engines_of_the_last_ones(constant_card, monkeypatch):
    monkeypatch.setattr('mono_depth_ros.inference.estimator.MAX_SIZES', 3)
    estimator = estimator_of(constant_card)
    sizes = [(64, 96), (96, 96), (64, 192), (192, 64)]
    for size in sizes:
        estimator.estimate([scene(*size)], [camera(100.0)])
        estimator.estimate([scene(*sizes[0])], [camera(100.0)])  # the one that is in use stays

    served = {size for size in sizes if estimator.served(estimator.network_size(size))}

    assert served == {sizes[0], *sizes[2:]}


def test_no_images_give_no_estimates(estimator):
    assert estimator.estimate([]) == []


def test_bfloat16_stays_near_single_precision(estimator):
    half = estimator_of(UNTRAINED, precision='bfloat16', calibration_images=[scene(64, 96)])

    (full,), (halved,) = (each.estimate([scene(64, 96)]) for each in (estimator, half))

    ratio = halved / full
    assert not np.array_equal(halved, full)
    assert abs(np.median(ratio) - 1) < 0.05


def test_warming_up_accepts_camera_sizes(estimator):
    estimator.warm_up([(75, 111), (100, 100)])


def test_threads_are_those_asked_for():
    before = torch.get_num_threads()
    try:
        estimator_of(UNTRAINED, threads=1, calibration_images=[scene(64, 96)])
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    'image',
    [
        np.zeros((64, 96), np.uint8),
        np.zeros((64, 96, 4), np.uint8),
        np.zeros((64, 96, 3), np.float32),
        np.zeros((0, 96, 3), np.uint8),
    ],
)
def test_other_images_are_refused(estimator, image):
    with pytest.raises(ValueError, match=r'expected \(H, W, 3\) uint8 in RGB order'):
        estimator.estimate([image])


def test_intrinsics_must_be_given_for_every_image(estimator):
    with pytest.raises(ValueError, match='2 images, but 1 Ks'):
        estimator.estimate([scene(64, 96)] * 2, [camera(100.0)])


@pytest.mark.parametrize(
    ('choice', 'message'),
    [
        ({'device': 'gpu'}, "device is 'gpu'; expected cpu, cuda or cuda:N"),
        ({'device': 'cuda:9999'}, "device is 'cuda:9999', but"),
        ({'precision': 'int8'}, "precision is 'int8'; expected float32, float16, bfloat16"),
        ({'precision': 'float16'}, 'float16 needs a CUDA device'),
        ({'threads': 0}, 'threads is 0; expected 1 or more'),
        ({'resize_mode': 'crop'}, "resize_mode is 'crop'; expected keep_aspect or stretch"),
    ],
)
def test_a_choice_that_does_not_exist_is_refused(choice, message):
    with pytest.raises(ValueError, match=message):
        estimator_of(UNTRAINED, calibration_images=[scene(64, 96)], **choice)


@pytest.mark.skipif(torch.cuda.is_available(), reason='tells what happens without a GPU')
def test_the_cpu_never_takes_the_place_of_a_gpu():
    with pytest.raises(ValueError, match=r'finds no CUDA GPU.*or ask for device cpu'):
        estimator_of(UNTRAINED, device='cuda', calibration_images=[scene(64, 96)])


@pytest.mark.gpu
@pytest.mark.parametrize('precision', ['float32', 'float16', 'bfloat16'])
def test_a_gpu_agrees_with_the_cpu(estimator, precision):
    on_gpu = estimator_of(
        UNTRAINED, device='cuda', precision=precision, calibration_images=[scene(64, 96)]
    )

    (expected,), (found,) = (each.estimate([scene(64, 96)]) for each in (estimator, on_gpu))

    assert abs(np.median(found / expected) - 1) < 0.05


@pytest.mark.slow
def test_by_default_the_fastest_backend_that_proves_itself_serves(constant_card):
    estimator = DepthEstimator(constant_card)
    image = scene(64, 96)

    (depth,) = estimator.estimate([image], depth_scale=2.0)

    served = estimator.served()
    assert served.backend in auto_order('cpu') and not served.depth_error.problem('float32')
    np.testing.assert_allclose(depth, 2 * CONSTANT_DEPTH, rtol=1e-3)


def test_the_resize_mode_is_taken_by_its_old_name_with_a_warning():
    with pytest.warns(DeprecationWarning, match='fit is called resize_mode now'):
        stretching = estimator_of(UNTRAINED, fit='stretch')

    assert stretching.network_size((480, 640)) == UNTRAINED.input_size
