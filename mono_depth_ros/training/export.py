"""What a training leaves behind: a model card with its weights, and how good they are."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mono_depth_ros.evaluation.protocol.evaluate import EvaluationResult
from mono_depth_ros.evaluation.protocol.kitti import evaluate_kitti
from mono_depth_ros.evaluation.protocol.predictors import evaluate_card, network_predictor
from mono_depth_ros.geometry.camera import resize_intrinsics
from mono_depth_ros.inference.cards.checkpoint import save_weights
from mono_depth_ros.inference.cards.metrics import MEDIAN_SCALED, UNSCALED, Metrics
from mono_depth_ros.inference.cards.model_card import ModelCard, load_card, write_card
from mono_depth_ros.networks import DepthNetwork
from mono_depth_ros.networks.complexity import count_conv_macs, count_parameters
from mono_depth_ros.networks.layers.reparam import without_branches
from mono_depth_ros.networks.registry import options_without_branches
from mono_depth_ros.training.config.checks import is_metric
from mono_depth_ros.training.config.schema import TrainConfig
from mono_depth_ros.types import DepthKind

FOLDER = 'card'
# Projected lidar, as depth along the camera's axis: what the node publishes.
GROUND_TRUTH = 'projected'
CARD_METRICS = ('abs_rel', 'sq_rel', 'rmse', 'rmse_log', 'a1')


def validate(
    network: DepthNetwork, config: TrainConfig, training_focal: float
) -> EvaluationResult:
    """Evaluate a network in training by KITTI's protocol on the first validation split."""
    predict = network_predictor(network, config.input_size, config.min_depth, config.max_depth)
    factor = partial(_metres, config, training_focal)
    return evaluate_kitti(
        predict,
        config.validation_root,
        validation_splits(config)[0],
        GROUND_TRUTH,
        depth_factor=factor if is_metric(config) else None,
    )


def validation_splits(config: TrainConfig) -> list[str]:
    """Return the split files to validate on, none where there is no validation."""
    return [path.strip() for path in config.validation_split.split(',') if path.strip()]


def export_card(
    network: DepthNetwork, config: TrainConfig, steps: int, training_K: NDArray[np.float64]
) -> ModelCard:
    """Write <output>/card/<name>.yaml and its weights, which the node runs.

    Weights are stored in half precision; the card's metrics are measured on what was stored.
    Branches of kernels (the network option etm) are merged: the card is one of a plain network.

    Returns:
        The card as it was read back.
    """
    folder = Path(config.output) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    name = config.name or config.network
    weights = f'{name}.safetensors'
    metric = is_metric(config)
    fx, skew, cx, _, fy, cy = (round(float(value), 6) for value in training_K[:2].flat)
    card = ModelCard(
        name=name,
        network=config.network,
        network_options=options_without_branches(config.network_options),
        weights=weights,
        sha256=save_weights(without_branches(network), folder / weights, torch.float16),
        input_size=config.input_size,
        min_depth=config.min_depth,
        max_depth=config.max_depth,
        depth_unit=DepthKind.METRIC if metric else DepthKind.RELATIVE,
        depth_scale=config.depth_scale if metric else None,
        training_K=((fx, skew, cx), (0.0, fy, cy), (0.0, 0.0, 1.0)),
        training_data=_training_data(config, steps),
        license_code='Apache-2.0',
        license_weights=config.license_weights or 'that of the training data',
        parameters=count_parameters(network.deploy()),
        macs=count_conv_macs(network, config.input_size),
    )
    path = folder / f'{name}.yaml'
    write_card(card, path)
    if config.validation_split:
        write_card(replace(card, metrics=_metrics(load_card(path), config)), path)
    return load_card(path)


def _metres(
    config: TrainConfig, training_focal: float, K: NDArray[np.float64], image_size: tuple[int, int]
) -> float:
    resized = resize_intrinsics(torch.as_tensor(K), image_size, config.input_size)
    return config.depth_scale * float(resized[1, 1]) / training_focal


def _training_data(config: TrainConfig, steps: int) -> str:
    data = config.training_data or f'{config.data} {config.split} {config.stereo_split}'.strip()
    batch = config.batch_size * config.accumulate * config.devices * config.num_nodes
    return f'{data}; {steps} steps of {batch}, supervision {config.supervision}'


def _metrics(card: ModelCard, config: TrainConfig) -> Metrics:
    """Return what a card reaches on every validation split, both ways of scaling."""
    metrics = {}
    for split in validation_splits(config):
        result = evaluate_card(card, config.validation_root, split, GROUND_TRUTH)
        found = {MEDIAN_SCALED: result.median_scaled}
        if card.depth_unit == DepthKind.METRIC:
            found[UNSCALED] = result.unscaled
        metrics[Path(split).stem] = {
            scaling: {name: round(getattr(values, name), 4) for name in CARD_METRICS}
            for scaling, values in found.items()
        }
    return metrics
