"""How well images that were not trained on are explained: a validation without ground truth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import nn

from mono_depth_ros.networks import DepthNetwork
from mono_depth_ros.training.build import open_data
from mono_depth_ros.training.config.schema import AugmentationConfig, LossConfig, TrainConfig
from mono_depth_ros.training.data.batch import AugmentedData, SampleIndex, collate
from mono_depth_ros.training.losses.objective import Objective

AS_THEY_ARE = AugmentationConfig(flip=0.0, jitter=0.0)


class HeldOut:
    """The held-out lines of a training's (first) data.

    Args:
        config: of the training; `held_out` names the split file.

    Raises:
        FileNotFoundError, ValueError: that file or its images are wrong.
    """

    def __init__(self, config: TrainConfig) -> None:
        data = open_data(
            replace(config, split=config.held_out, stereo_split='', also=[], loss=LossConfig())
        )
        self.count = len(data)
        self.data = AugmentedData(data, config.input_size, AS_THEY_ARE, config.seed)

    @torch.no_grad()
    def errors(self, network: DepthNetwork, objective: Objective) -> dict[str, float]:
        """Return mean 'reprojection' and 'identity' error, as they are called in training.

        Args:
            network: finds depth.
            objective: finds motion.
        """
        device = next(network.parameters()).device
        totals = {'reprojection': 0.0, 'identity': 0.0}
        with evaluating(network, objective):
            for index in range(self.count):
                batch = collate([self.data[SampleIndex(0, index, index)]]).to(device)
                errors = objective.reprojection_errors(batch, network)
                for name in totals:
                    totals[name] += float(errors[name].mean()) / self.count
        return totals


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """Switch modules to evaluation, and every part of them back at the end."""
    modes = [(part, part.training) for module in modules for part in module.modules()]
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
