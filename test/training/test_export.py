"""What a training leaves: a card that means what was trained."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from cards import UNTRAINED
from kitti_folder import write_day, write_depth, write_image, write_split
from torch import nn

from mono_depth_ros.geometry.disparity import depth_to_disparity
from mono_depth_ros.inference.cards.checkpoint import load_network
from mono_depth_ros.inference.cards.model_card import load_card, write_card
from mono_depth_ros.inference.units import depth_scaling
from mono_depth_ros.networks.complexity import count_parameters
from mono_depth_ros.training.build import build
from mono_depth_ros.training.config.checks import is_metric
from mono_depth_ros.training.config.schema import DataConfig, LossConfig, TrainConfig
from mono_depth_ros.training.data.batch import AugmentedData, SampleIndex, collate
from mono_depth_ros.training.export import export_card, validate
from mono_depth_ros.training.losses.objective import Objective

SIZE = (64, 96)
STREET = TrainConfig(
    data='street',
    input_size=SIZE,
    loss=LossConfig(levels=1),
    reading=DataConfig(options={'frames': 2}),
    supervision='S',
)


class KnownDepth(nn.Module):
    """Gives the same depth for every pixel."""

    def __init__(self, depth):
        super().__init__()
        self.disparity = depth_to_disparity(depth, 0.1, 100.0)

    def forward(self, image):
        return torch.full((len(image), 1, *image.shape[2:]), self.disparity)


@pytest.fixture
def flat_world(tmp_path):
    """One KITTI frame in which everything is 12 m away, and its split."""
    write_day(tmp_path, (40, 60))
    write_image(tmp_path, 0, np.zeros((40, 60, 3), np.uint8))
    write_depth(tmp_path, 0, np.full((40, 60), 12.0), 'velodyne_raw')
    return {'validation_root': str(tmp_path), 'validation_split': str(write_split(tmp_path, 0))}


def test_validation_counts_in_the_metres_that_the_node_will_publish(flat_world):
    # fy is 50 px, 80 px at network size: twice that of the training. 2 units of 3 m, doubled.
    config = replace(STREET, depth_scale=3.0, **flat_world)
    objective = Objective(KnownDepth(2.0), None, config, training_focal=40.0)

    result = validate(objective.depth, config, objective.training_focal)

    assert result.unscaled.abs_rel == pytest.approx(0, abs=1e-6)
    assert result.scale == pytest.approx(1)


def test_relative_depth_is_validated_as_it_is(flat_world):
    config = replace(STREET, supervision='M', depth_scale=3.0, **flat_world)
    objective = Objective(KnownDepth(2.0), None, config, training_focal=40.0)

    result = validate(objective.depth, config, objective.training_focal)

    assert result.scale == pytest.approx(6)
    assert result.median_scaled.abs_rel == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    'changes, metric',
    [
        ({'supervision': 'M'}, False),
        ({'supervision': 'S'}, True),
        ({'supervision': 'MS'}, True),
        ({'supervision': 'S', 'loss': LossConfig(photometric=0, hints=1)}, True),
        ({'supervision': 'M', 'loss': LossConfig(velocity=0.1)}, True),
    ],
)
def test_metres_come_from_a_baseline_or_a_measured_distance(changes, metric):
    assert is_metric(replace(STREET, **changes)) == metric


@pytest.mark.parametrize('unit, metric', [('relative', False), ('metric', True)])
def test_teachers_hand_their_unit_on(tmp_path, unit, metric):
    path = tmp_path / 'tiny.yaml'
    K = ((50.0, 0.0, 48.0), (0.0, 50.0, 32.0), (0.0, 0.0, 1.0))
    write_card(
        replace(
            UNTRAINED,
            depth_unit=unit,
            training_K=K,
            seed=None,
            sha256='0' * 64,
            weights='tiny.safetensors',
        ),
        path,
    )
    loss = LossConfig(photometric=0, smoothness=0, distillation=1)

    config = replace(STREET, supervision='T', teacher=f'{path},{path}', loss=loss)

    assert is_metric(config) == metric


def test_the_card_says_what_was_trained(tmp_path):
    config = replace(
        STREET,
        output=str(tmp_path),
        name='mine',
        depth_scale=5.4,
        batch_size=3,
        accumulate=2,
        license_weights='mine',
        network_options={'block_drop': 0.1},
    )
    setup = build(config)

    card = export_card(setup.objective.depth, config, 7, setup.training_K)

    assert card == load_card(tmp_path / 'card') and card.path == tmp_path / 'card' / 'mine.yaml'
    assert (card.name, card.network, card.input_size) == ('mine', 'small_depth', SIZE)
    assert dict(card.network_options) == {'block_drop': 0.1}
    assert (card.depth_unit, card.depth_scale) == ('metric', 5.4)
    np.testing.assert_allclose(card.training_K, setup.training_K, atol=1e-6)
    assert '7 steps of 6, supervision S' in card.training_data and card.license_weights == 'mine'
    assert card.parameters == count_parameters(setup.objective.depth.deploy())


def test_relative_depth_gets_no_scale(tmp_path):
    config = replace(STREET, output=str(tmp_path), supervision='M', depth_scale=5.4)

    setup = build(config)

    card = export_card(setup.objective.depth, config, 1, setup.training_K)

    assert (card.depth_unit, card.depth_scale) == ('relative', None)


def test_validation_and_node_agree_on_metres(tmp_path, flat_world):
    config = replace(STREET, output=str(tmp_path), depth_scale=5.4, **flat_world)
    setup = build(config)
    card = export_card(setup.objective.depth, config, 1, setup.training_K)
    K = np.array([[50.0, 0, 30], [0, 50, 20], [0, 0, 1]])

    objective = Objective(KnownDepth(2.0), None, config, setup.objective.training_focal)
    found = 12 / validate(objective.depth, config, objective.training_focal).scale

    assert found == pytest.approx(2 * depth_scaling(card, K, (40, 60), SIZE).factor)
    assert list(card.metrics['split']) == ['median_scaled', 'unscaled']
    assert card.metrics['split']['unscaled']['abs_rel'] > 0


def train_a_little(config):
    """Return what was trained for four steps, and an image."""
    setup = build(config)
    objective, data = (
        setup.objective.train(),
        AugmentedData(setup.data, SIZE, config.augmentation, 0),
    )
    objective.depth.set_training_progress(0.5)
    optimizer = torch.optim.Adam(objective.parameters(), 1e-3)
    for step in range(4):
        batch = collate([data[SampleIndex(step, place, place)] for place in range(2)])
        objective(batch.to(torch.device('cpu'))).loss.mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    objective.depth.eval()
    return setup, batch.to(torch.device('cpu')).target


@pytest.mark.slow
def test_trained_weights_give_the_same_disparity_stored_and_folded(tmp_path):
    config = replace(STREET, output=str(tmp_path), network_options={'block_drop': 0.0})
    setup, image = train_a_little(config)
    depth = setup.objective.depth

    trained = depth(image)
    stored = load_network(export_card(depth, config, 4, setup.training_K))

    torch.testing.assert_close(depth.deploy()(image), trained, atol=1e-5, rtol=0)
    torch.testing.assert_close(stored.deploy()(image), stored(image), atol=1e-5, rtol=0)
    torch.testing.assert_close(stored(image), trained, atol=2e-3, rtol=0)  # half precision


@pytest.mark.slow
def test_branches_are_merged_before_they_are_stored(tmp_path):
    options = {'block_drop': 0.0, 'etm': True, 'etm_branch_drop': 0.2}
    config = replace(STREET, output=str(tmp_path), network_options=options)
    setup, image = train_a_little(config)
    depth = setup.objective.depth

    card = export_card(depth, config, 4, setup.training_K)

    assert dict(card.network_options) == {'block_drop': 0.0}
    assert card.parameters == count_parameters(depth.deploy())
    torch.testing.assert_close(load_network(card)(image), depth(image), atol=2e-3, rtol=0)
