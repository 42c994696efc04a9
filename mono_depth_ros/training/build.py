"""Build what a configuration names: networks, data, optimiser."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mono_depth_ros.datasets.registry import DataRequest, joined, open_dataset
from mono_depth_ros.datasets.sample import TrainingData
from mono_depth_ros.inference.cards.checkpoint import load_network
from mono_depth_ros.inference.cards.model_card import load_card
from mono_depth_ros.networks import DepthNetwork, create_network
from mono_depth_ros.networks.layers.reparam import load_plain_weights, without_branches
from mono_depth_ros.networks.pose import PoseNetwork, create_pose_network
from mono_depth_ros.training.config.checks import check_config, check_data
from mono_depth_ros.training.config.schema import TrainConfig
from mono_depth_ros.training.data.augmentation import resize
from mono_depth_ros.training.losses.objective import Objective
from mono_depth_ros.training.losses.teacher import Teacher, Teachers
from mono_depth_ros.training.pretrained import find_imagenet_weights, load_encoder_weights


@dataclass(frozen=True)
class TrainingSetup:
    """What a training works with.

    Attributes:
        objective: networks and loss, before any device or process group.
        data: the training samples.
        size: (height, width) that samples are read at: the network's, or with supervision T the
            largest teacher's if that is larger, so that none sees enlarged images.
        training_K: (3, 3) intrinsics of the first sample at network size [px].
        notes: what a person should know before it starts.
    """

    objective: Objective
    data: TrainingData
    size: tuple[int, int]
    training_K: NDArray[np.float64]  # noqa: N815 - K is the field's name
    notes: list[str]


def build(config: TrainConfig) -> TrainingSetup:
    """Build networks, loss and data; the same seed gives the same weights.

    Raises:
        FileNotFoundError, ValueError: a name, a file or a combination is wrong.
    """
    check_config(config)
    data = open_data(config)
    notes = check_data(config, data)
    if config.reading.keep and config.reading.workers:
        _read_all(data)
    training_K = resize(data[0], config.input_size).K
    torch.manual_seed(config.seed)
    depth = _depth_network(config)
    depth.check_input_size(*config.input_size)
    focal = float(training_K[1, 1])
    teacher = _teachers(config, focal)
    pose = _pose_network(config)
    objective = Objective(depth, pose, config, focal, teacher)
    return TrainingSetup(objective, data, _reading_size(config, teacher), training_K, notes)


def _teachers(config: TrainConfig, training_focal: float) -> Teachers | None:
    cards = {name: load_card(name) for name in config.teachers}
    members = {name: Teacher(card, config, training_focal) for name, card in cards.items()}
    return Teachers([members[name] for name in config.teachers], config) if members else None


def _reading_size(config: TrainConfig, teacher: Teachers | None) -> tuple[int, int]:
    """Return the size that samples are read at, see TrainingSetup."""
    if teacher is None or config.supervision != 'T' or config.multi_resolution:
        return config.input_size
    return max(config.input_size, *(card.input_size for card in teacher.cards), key=prod)


def open_data(config: TrainConfig) -> TrainingData:
    """Open the data that a configuration names, one set after the other.

    Raises:
        FileNotFoundError, ValueError: a data set is not there, or is not as asked for.
    """
    others = (
        replace(
            config,
            data=other.data,
            root=other.root,
            split=other.split,
            stereo_split=other.stereo_split,
            reading=replace(config.reading, options=other.options),
        )
        for other in config.also
    )
    return joined([_open_one(config), *(_open_one(other) for other in others)])


def _read_all(data: TrainingData) -> None:
    """Read what is kept before workers start: they then share one copy of it."""
    with ThreadPoolExecutor() as readers:
        for _ in readers.map(data.__getitem__, range(len(data))):
            pass


def _open_one(config: TrainConfig) -> TrainingData:
    if not config.root and config.data != 'street':
        raise ValueError(f"root is empty; expected where the data '{config.data}' are: --root.")
    request = DataRequest(
        root=config.root,
        split=config.split,
        stereo_split=config.stereo_split,
        size=config.input_size,
        offsets=config.reading.offsets if config.supervision in ('M', 'MS') else (),
        stereo=config.supervision in ('S', 'MS'),
        hints=config.loss.hints > 0,
        keep=config.reading.keep,
    )
    return open_dataset(config.data, request, config.reading.options)


def _depth_network(config: TrainConfig) -> DepthNetwork:
    network = create_network(config.network, **config.network_options)
    if config.initial != 'none':
        _start_from(network, config)
    elif config.encoder_weights != 'none':
        path = _weights_path(config.encoder_weights, config.network)
        load_encoder_weights(network, path)
    return network


def _start_from(network: DepthNetwork, config: TrainConfig) -> None:
    if config.encoder_weights != 'none':
        raise ValueError(
            "'initial' and 'encoder_weights' both have weights for the encoder; "
            'leave one of them out.'
        )
    card = load_card(config.initial)
    if card.network != config.network:
        raise ValueError(
            f"'initial' is a card of {card.network}, but the network is {config.network}; "
            'weights fit their own network only.'
        )
    load_plain_weights(network, without_branches(load_network(card)).state_dict())


def _pose_network(config: TrainConfig) -> PoseNetwork | None:
    if config.pose_network == 'none' or config.supervision not in ('M', 'MS'):
        return None
    network = create_pose_network(config.pose_network)
    if config.pose_encoder_weights != 'none':
        load_encoder_weights(
            network, _weights_path(config.pose_encoder_weights, config.pose_network)
        )
    return network


def _weights_path(value: str, network: str) -> Path:
    if value != 'package':
        return Path(value).expanduser()
    path = find_imagenet_weights(network)
    if path is None:
        raise ValueError(
            f"encoder_weights is 'package', but no installed package has ImageNet weights for "
            f"'{network}'; give a file, or 'none' to start from scratch."
        )
    return path
