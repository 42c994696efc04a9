"""How well images that were not trained on are explained: a validation without ground truth."""

from __future__ import annotations

from dataclasses import replace

import torch

from mono_depth_ros.networks import DepthNetwork
from mono_depth_ros.training.build import open_data
from mono_depth_ros.training.config.schema import AugmentationConfig, LossConfig, TrainConfig
from mono_depth_ros.training.data.batch import AugmentedData, Draw, collate
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
        loss = LossConfig(levels=1, ssim=config.loss.ssim, smoothness=0.0)
        self.config = replace(config, split=config.held_out, stereo_split='', also=[], loss=loss)
        data = open_data(self.config)
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
        judge = Objective(network, objective.pose, self.config, objective.training_focal)
        modes = [(module, module.training) for module in judge.modules()]
        judge.eval()
        totals = {'reprojection': 0.0, 'identity': 0.0}
        for number in range(self.count):
            batch = collate([self.data[Draw(0, number, number)]]).to(device)
            terms = judge(batch).terms
            for name in totals:
                totals[name] += float(terms[name]) / self.count
        for module, training in modes:
            module.training = training
        return totals
