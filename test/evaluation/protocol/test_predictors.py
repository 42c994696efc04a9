from dataclasses import replace
from math import isclose
from typing import ClassVar

import numpy as np
import pytest
import torch
from cards import UNTRAINED, write_small_card
from kitti_folder import DRIVE, REAL_KITTI, write_day, write_depth, write_image, write_split
from torch import nn

from mono_depth_ros.datasets.splits import SplitEntry, read_split
from mono_depth_ros.evaluation.protocol.kitti import KittiFrames, evaluate_kitti
from mono_depth_ros.evaluation.protocol.predictors import (
    card_factor,
    card_predictor,
    evaluate_card,
    lanczos_resize,
    network_predictor,
    row_prior,
)
from mono_depth_ros.inference.cards.checkpoint import load_network, save_weights
from mono_depth_ros.inference.cards.model_card import load_card
from mono_depth_ros.inference.estimator import DepthEstimator

SIZE = (40, 60)
K = np.array([[90.0, 0, 47.5], [0, 90.0, 31.5], [0, 0, 1]])
# Disparity 1/2 everywhere: 1 / (0.01 + 9.99 / 2).
CONSTANT_DEPTH = 1 / 5.005


class RedIsDisparity(nn.Module):
    """Answers an image's red channel; knows whether anybody let it or its copies train."""

    modes: ClassVar[list[bool]] = []  # of all copies

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.frozen = nn.BatchNorm2d(3).eval()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.modes.append(self.training)
        return image[:, :1] * self.weight


def picture(height: int = 40, width: int = 60) -> np.ndarray:
    return np.random.default_rng(3).integers(20, 250, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def root(tmp_path):
    """Two frames of 5 m, with images."""
    write_day(tmp_path, SIZE)
    depth = np.zeros(SIZE)
    depth[18:30, 10:50] = 5
    for index in (0, 1):
        write_depth(tmp_path, index, depth, 'velodyne_raw')
        write_image(tmp_path, index, picture())
    write_split(tmp_path, 0, 1)
    return tmp_path


@pytest.fixture(scope='module')
def constant_card(tmp_path_factory):
    """A metric card of depth 1 / 5.005 units of 5.4 m, for 25 px of focal length at its input."""
    folder = tmp_path_factory.mktemp('models')
    network = load_network(UNTRAINED, [picture()])
    for parameter in network.heads.parameters():
        parameter.data.zero_()
    return replace(
        UNTRAINED,
        weights='w.safetensors',
        sha256=save_weights(network, folder / 'w.safetensors'),
        path=folder / 'card.yaml',
        depth_unit='metric',
        depth_scale=5.4,
        training_K=((25.0, 0.0, 47.5), (0.0, 25.0, 31.5), (0.0, 0.0, 1.0)),
    )


def test_network_sees_lanczos_stretched_rgb_and_gives_inverse_depth():
    predict = network_predictor(RedIsDisparity(), (32, 64), min_depth=0.1, max_depth=100.0)

    first, second = predict([picture(), picture(50, 70)])

    red = lanczos_resize(picture(), (32, 64))[..., 0] / 255
    assert first == pytest.approx(0.01 + 9.99 * red, rel=1e-5)
    assert second.shape == (32, 64)


def test_shrinking_averages_stripes_away_instead_of_aliasing():
    stripes = np.zeros((8, 64, 3), np.uint8)
    stripes[:, ::2] = 200

    resized = lanczos_resize(stripes, (8, 16))

    assert resized.shape == (8, 16, 3)
    assert np.abs(resized[:, 3:-3].astype(int) - 100).max() <= 3


def test_network_predicts_in_eval_mode_and_stays_as_it_is():
    network = RedIsDisparity().train()
    network.frozen.eval()
    network.modes.clear()

    network_predictor(network, (32, 64), 0.1, 100.0)([picture()])

    assert network.modes == [False]
    assert network.training and not network.frozen.training
    assert network.weight.grad is None and network.weight.requires_grad


@pytest.mark.slow
def test_card_s_unscaled_depth_is_in_its_metres_for_this_focal_length(constant_card, root):
    result = evaluate_card(constant_card, root, root / 'split.txt', 'projected')

    # 50 px at 40 rows are 80 px at the card's 64 rows, 3.2 times the training's 25 px
    metres = CONSTANT_DEPTH * 5.4 * 80 / 25
    assert result.scale == pytest.approx(5 / metres, rel=1e-4)
    assert result.unscaled.abs_rel == pytest.approx(abs(metres - 5) / 5, rel=1e-4)
    assert result.median_scaled.abs_rel == pytest.approx(0, abs=1e-5)


def test_an_image_of_the_networks_size_gets_the_depth_that_the_node_publishes(root, tmp_path):
    write_small_card(tmp_path / 'card.yaml', depth_unit='metric', training_K=K.tolist())
    card, image, own_K = load_card(tmp_path / 'card.yaml'), picture(64, 96), 2 * K

    (inverse,) = card_predictor(card, KittiFrames(root, root / 'split.txt'))([image])
    (depth,) = DepthEstimator(card, backend='torch').estimate([image], [own_K])

    assert depth.std() > 0
    assert card_factor(card, own_K, image.shape[:2]) / inverse == pytest.approx(depth, rel=1e-5)


def test_untrained_card_runs_on_statistics_of_the_split_s_images(root):
    result = evaluate_card(UNTRAINED, root, root / 'split.txt', 'projected', flip=True)

    assert len(result.images) == 2 and np.isfinite(result.median_scaled).all()


def test_unknown_device_is_refused(constant_card, root):
    with pytest.raises(ValueError, match="device is 'tpu'; expected cpu, cuda"):
        evaluate_card(constant_card, root, root / 'split.txt', device='tpu')


def test_row_prior_is_the_mean_inverse_depth_of_all_points_of_a_row(root):
    for index, depth_of_row in enumerate([{19: 4.0, 20: 2.0}, {20: 8.0}]):
        depth = np.zeros(SIZE)
        for row, metres in depth_of_row.items():
            depth[row, : 3 if index == 0 else 1] = metres
        write_depth(root, index, depth, 'velodyne_raw')
    entries = read_split(root / 'split.txt')

    (prediction,) = row_prior(root, entries)([picture(40, 7)])

    assert prediction.shape == (40, 7)
    assert prediction[19] == pytest.approx(1 / 4)
    assert prediction[20] == pytest.approx((3 / 2 + 1 / 8) / 4)  # three points and one
    assert prediction[0] == pytest.approx(1 / 4)  # the nearest row that has points
    assert prediction[39] == pytest.approx(prediction[20])


def test_row_prior_of_nothing_is_refused(root):
    with pytest.raises(ValueError, match='needs frames with true depth'):
        row_prior(root, [])


def test_row_prior_names_a_frame_without_depth(root):
    with pytest.raises(FileNotFoundError, match=rf'{DRIVE} 9 l'):
        row_prior(root, [SplitEntry(DRIVE, 9, 'l')])


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.skipif(not REAL_KITTI.is_dir(), reason='no real KITTI in ../shared/data')
@pytest.mark.parametrize(
    ('split', 'projected', 'lidar'),
    [('test_kitti2015_20', 0.237, 0.235), ('test_drive0052_eigen25', 0.516, 0.510)],
)
def test_row_prior_of_real_scans_reaches_its_known_figures(split, projected, lidar):
    pairs = read_split(REAL_KITTI / 'splits' / 'train_stereo_pairs.txt')
    prior = row_prior(REAL_KITTI / 'train', [e for e in pairs if 'drive_9015' in e.folder])

    for ground_truth, known in (('projected', projected), ('lidar', lidar)):
        split_file = REAL_KITTI / 'splits' / f'{split}.txt'
        result = evaluate_kitti(prior, REAL_KITTI / 'test', split_file, ground_truth)

        assert isclose(result.median_scaled.abs_rel, known, abs_tol=0.0005)
