"""From a batch to what is minimised: the networks run, then every loss sees what they found."""

from __future__ import annotations

from dataclasses import replace
from functools import partial, reduce
from operator import or_

import torch
from torch import Tensor, nn

from mono_depth_ros.networks import DepthNetwork
from mono_depth_ros.networks.base import DepthOutput
from mono_depth_ros.networks.pose import PoseNetwork
from mono_depth_ros.training.config.schema import TrainConfig
from mono_depth_ros.training.data.batch import Batch
from mono_depth_ros.training.losses.apx import ApxLoss
from mono_depth_ros.training.losses.base import (
    Loss,
    LossContext,
    LossOutput,
    Need,
    NetworkOutput,
    Networks,
    ReprojectionOutput,
    add_terms,
)
from mono_depth_ros.training.losses.bidirectional import BidirectionalLoss
from mono_depth_ros.training.losses.distillation import DistillationLoss, FeatureLoss
from mono_depth_ros.training.losses.multi_resolution import MultiResolutionLoss
from mono_depth_ros.training.losses.photometric import PhotometricLoss, reproject
from mono_depth_ros.training.losses.pyramid import PyramidLevel, at_size, derive
from mono_depth_ros.training.losses.run_networks import batch_motion, run_depth_network
from mono_depth_ros.training.losses.step_result import StepImages, StepResult
from mono_depth_ros.training.losses.teacher import Teachers
from mono_depth_ros.training.losses.terms import HintLoss, SmoothnessLoss, VelocityLoss
from mono_depth_ros.training.losses.triplet import TripletLoss

# In this order they are computed and recorded; a loss sees the reprojection of those before it.
LOSSES: tuple[type[Loss], ...] = (
    PhotometricLoss,
    BidirectionalLoss,
    SmoothnessLoss,
    HintLoss,
    VelocityLoss,
    TripletLoss,
    DistillationLoss,
    ApxLoss,
    FeatureLoss,
    MultiResolutionLoss,
)


class Objective(nn.Module):
    """Depth network, pose network and the losses between them, as one module.

    Args:
        depth: the network to train.
        pose: finds motion that is not known; None where all of it is.
        config: weights and options of the losses, and how depth counts.
        training_focal: fy of the training camera at network size [px].
        teacher: frozen networks to distil from; no part of this module's state.
    """

    def __init__(
        self,
        depth: DepthNetwork,
        pose: PoseNetwork | None,
        config: TrainConfig,
        training_focal: float,
        teacher: Teachers | None = None,
    ) -> None:
        super().__init__()
        self.depth, self.pose, self.teacher = depth, pose, teacher
        self.config, self.training_focal = config, training_focal
        self.progress = 1.0
        networks = Networks(depth, teacher)
        losses = [kind(config, networks) for kind in LOSSES if kind.weight_in(config) > 0]
        self.losses = nn.ModuleDict({loss.name: loss for loss in losses})
        self.needs = reduce(or_, (loss.needs for loss in losses), Need.NOTHING)
        self.levels = [PyramidLevel(config, networks, level) for level in config.pyramid.levels]

    @property
    def passes(self) -> int:
        """How many passes a batch takes: one as it is, and one in each other form."""
        return 1 + len(self.levels)

    def set_training_progress(self, progress: float) -> None:
        """Set what depends on how far training is, 0 to 1: drops, and when masking begins."""
        self.depth.set_training_progress(progress)
        self.progress = progress

    def train(self, mode: bool = True) -> Objective:
        """Switch to training; frozen batch norms stay in evaluation."""
        super().train(mode)
        if self.config.freeze_batch_norm:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def forward(self, batch: Batch, before: StepResult | None = None) -> StepResult:
        """Work out the loss of one pass over a batch, whose gradients add up.

        Args:
            batch: as it is, whatever the pass; with supervision T at the size of the teacher's
                images, if that is larger: the student sees it smaller.
            before: the result of the passes before; None in the first one.
        """
        pyramid, sharp = self.config.pyramid, batch.target
        if self.config.supervision == 'T':
            batch = at_size(batch, self.config.input_size)
        if before is None:
            weight = pyramid.current if self.levels else 1.0
            return self._result(self._look(batch, sharp), weight)
        level = self.levels[before.passes - 1]
        batch = derive(batch, level.level, pyramid, self.config.augmentation)
        context = replace(self._look(batch, batch.target), reference=before.reference)
        result, agreement = self._result(context, level.weights.loss), level(context)
        return result._replace(loss=result.loss + agreement.loss, terms=_means(agreement.terms))

    def reprojection_errors(self, batch: Batch, network: DepthNetwork) -> dict[str, Tensor]:
        """Return how well sources explain their targets, whatever is minimised.

        Args:
            batch: B samples with sources.
            network: finds depth, in evaluation mode; this module finds motion.

        Returns:
            (B,) 'reprojection' and 'identity' errors.
        """
        output = run_depth_network(network, batch, Need.NOTHING, levels=1)
        context = self._context(batch, output, batch_motion(self.pose, batch, self.config))
        _, reprojection = reproject(context, replace(self.config.loss, auto_mask=True))
        return reprojection.errors

    def _result(self, context: LossContext, weight: float) -> StepResult:
        total = LossOutput(context.batch.target.new_zeros(len(context.batch.target)), {})
        for loss in self.losses.values():
            output: LossOutput = loss(context)
            terms = add_terms(total.terms, output.terms)
            total = LossOutput(total.loss + output.loss, terms)
            context = replace(context, reprojection=output.reprojection or context.reprojection)
        target, disparity = context.batch.target[0], context.disparities[0][0].detach()
        warped, mask, errors = context.reprojection
        return StepResult(
            weight * total.loss,
            _means(total.terms | errors),
            StepImages(target, warped.detach(), disparity, mask[0]),
            self._reference(context),
        )

    def _look(self, batch: Batch, sharp: Tensor) -> LossContext:
        """Run the networks as far as a loss needs them; the teacher sees the sharp images."""
        run = partial(
            run_depth_network, self.depth, needs=self.needs, levels=self.config.loss.levels
        )
        output, motion, taught = run(batch), batch.pose, None
        if Need.MOTION in self.needs:
            motion = batch_motion(self.pose, batch, self.config)
        if self.teacher is not None:
            # It sees colours as they are: the student learns not to mind their change.
            taught = self.teacher.output(sharp, batch.K, batch.target.shape[-2])
        return replace(self._context(batch, output, motion), teacher=taught, run_network=run)

    def _context(self, batch: Batch, output: NetworkOutput, motion: Tensor) -> LossContext:
        mask = torch.ones_like(output.target.disparities[0])
        return LossContext(
            config=self.config,
            training_focal=self.training_focal,
            progress=self.progress,
            batch=batch,
            within=(~batch.invalid).float(),
            output=output,
            motion=motion,
            reprojection=ReprojectionOutput(batch.target[0], mask, {}),
        )

    def _reference(self, context: LossContext) -> DepthOutput:
        if not self.levels:
            return DepthOutput([], [])
        found = context.scene_output()
        return DepthOutput(*([tensor.detach() for tensor in part] for part in found))


def _means(terms: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: term.mean().detach() for name, term in terms.items()}
