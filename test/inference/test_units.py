from dataclasses import replace

import numpy as np
import pytest

from mono_depth_ros.inference.cards.model_card import ModelCard
from mono_depth_ros.inference.units import depth_scaling

IMAGE_SIZE = (384, 1280)
NETWORK_SIZE = (192, 640)
METRIC = ModelCard(
    name='metric',
    network='small_depth',
    weights='metric.safetensors',
    sha256='0' * 64,
    input_size=NETWORK_SIZE,
    min_depth=0.1,
    max_depth=100.0,
    depth_unit='metric',
    training_K=((350.0, 0.0, 319.5), (0.0, 300.0, 95.5), (0.0, 0.0, 1.0)),
    training_data='street',
    license_code='Apache-2.0',
    license_weights='CC0-1.0',
)
RELATIVE = replace(METRIC, depth_unit='relative', training_K=None)


def camera(fy: float, fx: float = 700.0) -> np.ndarray:
    return np.array([[fx, 0, 640], [0, fy, 192], [0, 0, 1]])


@pytest.mark.parametrize(
    ('fy', 'kind'),
    [
        (600.0, 'metric'),
        (611.0, 'metric'),
        (589.0, 'metric'),
        (613.0, 'scaled'),
        (587.0, 'scaled'),
    ],
)
def test_metric_depth_follows_the_focal_length_and_is_metric_within_two_percent(fy, kind):
    scaling = depth_scaling(METRIC, camera(fy), IMAGE_SIZE, NETWORK_SIZE)

    # The network sees the image at half its height: fy / 2 against the training's 300.
    assert scaling.factor == pytest.approx(fy / 2 / 300)
    assert scaling.kind == kind and scaling.warning is None


@pytest.mark.parametrize(('fy', 'ratio'), [(906.0, '1.51'), (396.0, '0.66')])
def test_a_very_different_focal_length_is_warned_about(fy, ratio):
    scaling = depth_scaling(METRIC, camera(fy), IMAGE_SIZE, NETWORK_SIZE)

    assert scaling.kind == 'scaled'
    assert f'{ratio} times' in scaling.warning and 'depth_scale' in scaling.warning


@pytest.mark.parametrize('fy', [894.0, 404.0])
def test_a_focal_length_within_half_as_much_again_is_not_warned_about(fy):
    assert depth_scaling(METRIC, camera(fy), IMAGE_SIZE, NETWORK_SIZE).warning is None


def test_the_focal_length_counts_at_the_size_that_the_network_sees():
    scaling = depth_scaling(METRIC, camera(600.0), IMAGE_SIZE, network_size=(256, 480))

    assert scaling.factor == pytest.approx(600 * 256 / 384 / 300)


def test_only_the_vertical_focal_length_counts():
    narrow = depth_scaling(METRIC, camera(600.0, fx=100.0), IMAGE_SIZE, NETWORK_SIZE)

    assert narrow.factor == 1.0 and narrow.kind == 'metric'


def test_the_scale_of_a_metric_card_multiplies_the_focal_ratio():
    card = replace(METRIC, depth_scale=5.4)

    scaling = depth_scaling(card, camera(1200.0), IMAGE_SIZE, NETWORK_SIZE)

    assert scaling.factor == pytest.approx(10.8)


def test_a_metric_card_needs_intrinsics():
    with pytest.raises(ValueError, match="'metric' needs the camera's intrinsics K"):
        depth_scaling(METRIC, None, IMAGE_SIZE, NETWORK_SIZE)


def test_relative_depth_stays_relative():
    assert depth_scaling(RELATIVE, None, IMAGE_SIZE, NETWORK_SIZE) == (1.0, 'relative', None)


def test_the_scale_of_a_relative_card_makes_it_scaled():
    card = replace(RELATIVE, depth_scale=30.0)

    assert depth_scaling(card, None, IMAGE_SIZE, NETWORK_SIZE) == (30.0, 'scaled', None)


@pytest.mark.parametrize('card', [METRIC, RELATIVE, replace(RELATIVE, depth_scale=30.0)])
def test_the_users_scale_wins_over_every_card(card):
    scaling = depth_scaling(card, camera(1200.0), IMAGE_SIZE, NETWORK_SIZE, depth_scale=7.0)

    assert scaling == (7.0, 'scaled', None)


@pytest.mark.parametrize('depth_scale', [0.0, -2.0, float('nan')])
def test_a_scale_that_is_not_positive_is_refused(depth_scale):
    with pytest.raises(ValueError, match='expected metres per unit, above 0'):
        depth_scaling(RELATIVE, None, IMAGE_SIZE, NETWORK_SIZE, depth_scale)
