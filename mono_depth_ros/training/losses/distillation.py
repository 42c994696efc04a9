"""Match a teacher: its disparity, and by FitNets' hints what its encoder sees.

FitNets (Romero et al. 2015, Eq. 3) have a linear map per stage.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from mono_depth_ros.geometry.disparity import disparity_to_depth
from mono_depth_ros.networks import DepthNetwork
from mono_depth_ros.training.config.schema import TrainConfig
from mono_depth_ros.training.losses.apx import pair_stages
from mono_depth_ros.training.losses.base import Loss, LossContext, Need, Networks
from mono_depth_ros.training.losses.resizing import averaged_down, resized
from mono_depth_ros.training.losses.teacher import TeacherOutput

# Stages of an encoder are compared from this reduction on; an image of this side shows which [px].
_FINEST, _PROBE = 8, 64


class DistillationLoss(Loss):
    """How far the student's disparities (or log depths) are from its teacher's."""

    name = 'distillation'
    needs = Need.TEACHER

    @staticmethod
    def weight_in(config: TrainConfig) -> float:
        """Return loss.distillation."""
        return config.loss.distillation

    def compute(self, context: LossContext) -> Tensor:
        """Return the absolute difference (B,), mean over pixels and levels."""
        assert context.teacher is not None
        taught = resized(context.teacher.disparities[0], context.batch.target.shape[-2:])
        target = _compared(taught, context.config)
        losses = [
            (_compared(found, context.config) - averaged_down(target, found)).abs().mean((1, 2, 3))
            for found in context.disparities
        ]
        return torch.stack(losses).mean(0)


class FeatureLoss(Loss):
    """How far the teacher's encoder features are from linear maps of the student's."""

    name = 'features'
    needs = Need.ENCODED | Need.TEACHER

    def __init__(self, config: TrainConfig, networks: Networks) -> None:
        super().__init__(config, networks)
        assert networks.teacher is not None
        self.imitation = Imitation(networks.depth, networks.teacher.network)

    @staticmethod
    def weight_in(config: TrainConfig) -> float:
        """Return loss.features."""
        return config.loss.features

    def compute(self, context: LossContext) -> Tensor:
        """Return the smooth L1 distance (B,), summed over the stages."""
        distance: Tensor = self.imitation(context.output.encoded, context.teacher, context.height)
        return distance


class Imitation(nn.Module):
    """Say by a linear map per stage what a teacher's encoder sees, from what the student's sees.

    Compared is every stage that both have from an eighth of the image on: finer ones know edges.
    Each of the teacher's channels counts alike, whatever its scale.

    Args:
        student: its encoder's stages give the maps their inputs.
        teacher: its stages give their outputs.
    """

    def __init__(self, student: DepthNetwork, teacher: DepthNetwork) -> None:
        super().__init__()
        pairs = _pairs(_stages(student), _stages(teacher), _PROBE, _PROBE)
        self.maps = nn.ModuleList(
            nn.Conv2d(own.shape[1], other.shape[1], 1) for own, other in pairs
        )

    def forward(self, encoded: Sequence[Tensor], taught: TeacherOutput, height: int) -> Tensor:
        """Return the smooth L1 distance (B,), summed over the stages.

        Args:
            encoded: the student's encoder features.
            taught: what the teacher showed of the same images.
            height: of the images that the student saw [px].
        """
        pairs = _pairs(encoded, taught.encoded, height, taught.height)
        losses = []
        for mapped, (own, other) in zip(self.maps, pairs):
            aim = F.batch_norm(resized(other, own.shape[-2:]), None, None, training=True)
            losses.append(
                F.smooth_l1_loss(mapped(own).float(), aim, reduction='none').mean((1, 2, 3))
            )
        return torch.stack(losses).sum(0)


def _compared(disparity: Tensor, config: TrainConfig) -> Tensor:
    """Return what student and teacher are compared in."""
    if config.loss.distillation_of == 'disparity':
        return disparity
    return disparity_to_depth(disparity, config.min_depth, config.max_depth).log()


def _pairs(
    student: Sequence[Tensor], teacher: Sequence[Tensor], student_height: int, teacher_height: int
) -> list[tuple[Tensor, Tensor]]:
    coarse = [stage for stage in student if stage.shape[-2] * _FINEST <= student_height]
    return pair_stages(coarse, teacher, student_height, teacher_height)


@torch.no_grad()
def _stages(network: DepthNetwork) -> list[Tensor]:
    training = network.training
    stages = network.eval().encode(torch.zeros(1, 3, _PROBE, _PROBE))
    network.train(training)
    return stages
