"""The weights that come with the package: small, licensed, and as good as their cards say."""

import pytest
from shared_data import shared_data

from mono_depth_ros.evaluation.protocol.predictors import evaluate_card
from mono_depth_ros.inference.cards.checkpoint import load_network
from mono_depth_ros.inference.cards.model_card import list_cards, load_card
from mono_depth_ros.ros.node.parameters import DepthNodeConfig

SHIPPED = [name for name in list_cards() if load_card(name).is_trained]
MAX_FILE = 8_000_000  # [bytes]
ROW_PRIOR = 0.237


def test_the_default_network_is_shipped():
    assert DepthNodeConfig().model in SHIPPED


@pytest.mark.parametrize('name', SHIPPED)
def test_a_shipped_card_is_small_licensed_and_measured(name):
    card = load_card(name)

    load_network(card)  # holds the file to its hash
    assert (card.path.parent / card.weights).stat().st_size <= MAX_FILE
    assert card.depth_unit == 'metric' and 'CC BY-NC-SA 3.0' in card.license_weights
    assert 'KITTI' in card.training_data and 'steps' in card.training_data
    for split in ('test_kitti2015_20', 'test_drive0052_eigen25'):
        for scaling in ('median_scaled', 'unscaled'):
            assert 0 < card.metrics[split][scaling]['abs_rel'] < 1


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize('name', SHIPPED)
def test_a_shipped_card_is_as_good_as_it_says_and_better_than_no_look_at_the_image(name):
    kitti = shared_data('kitti')
    card = load_card(name)
    split = kitti / 'splits' / 'test_kitti2015_20.txt'

    found = evaluate_card(card, kitti / 'test', split, 'projected')

    for scaling, metrics in card.metrics['test_kitti2015_20'].items():
        measured = getattr(found, scaling).abs_rel
        assert measured == pytest.approx(metrics['abs_rel'], abs=2e-3), scaling
    assert found.median_scaled.abs_rel < ROW_PRIOR
