"""From a batch to a loss: depth and motion are found, sources warped, errors compared."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from mono_depth_ros.geometry.disparity import disparity_to_depth
from mono_depth_ros.networks import DepthNetwork
from mono_depth_ros.networks.pose import PoseNetwork
from mono_depth_ros.training.batch import Batch
from mono_depth_ros.training.config import TrainConfig
from mono_depth_ros.training.losses import ReprojectionError, hint_error, smoothness
from mono_depth_ros.training.view_synthesis import find_motion, warp_to_target

# Auto-masking breaks ties by chance (Monodepth2).
_TIE_BREAK = 1e-5


class Panels(NamedTuple):
    """What a person wants to see of a step's first sample.

    Attributes:
        target: (3, H, W) in [0, 1].
        warped: (3, H, W) its first source, seen from the target.
        disparity: (1, H, W).
        mask: (1, H, W), 1 where the pixel is trained on.
    """

    target: Tensor
    warped: Tensor
    disparity: Tensor
    mask: Tensor


class StepResult(NamedTuple):
    """What one batch gives.

    Attributes:
        loss: (B,) per sample; its mean is minimised.
        terms: means of the loss's parts, for the record.
        panels: pictures of the first sample.
    """

    loss: Tensor
    terms: dict[str, Tensor]
    panels: Panels


class Objective(nn.Module):
    """Depth network, pose network and the loss between them, as one module.

    Args:
        depth: the network to train.
        pose: finds motion that is not known; None where all of it is.
        config: weights of the terms and how depth counts.
        training_focal: fy of the training camera at network size [px].
        teacher: a frozen network to distil from.
    """

    def __init__(self, depth: DepthNetwork, pose: PoseNetwork | None, config: TrainConfig,
                 training_focal: float, teacher: DepthNetwork | None = None) -> None:
        super().__init__()
        self.depth, self.pose, self.teacher = depth, pose, teacher
        self.config, self.training_focal = config, training_focal

    def train(self, mode: bool = True) -> Objective:
        """Switch to training; the teacher and frozen batch norms stay in evaluation."""
        super().train(mode)
        if self.teacher is not None:
            self.teacher.eval()
        if self.config.freeze_batch_norm:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def forward(self, batch: Batch) -> StepResult:
        """Work out the loss of a batch."""
        options = self.config.loss
        output = self.depth(batch.target_colours)
        disparities = [d.float() for d in output.disparities[:options.levels]]
        motion = self._motion(batch)
        terms: dict[str, Tensor] = {}
        panels = None
        if options.photometric > 0:
            terms['reprojection'], panels = self._photometric(batch, disparities, motion)
        terms['smoothness'] = self._smoothness(batch, disparities)
        finest_depth = self._depth(disparities[0], batch)
        if options.hints > 0:
            hint = batch.hint / self.config.depth_scale
            terms['hints'] = hint_error(finest_depth, hint)
        if options.velocity > 0:
            terms['velocity'] = self._velocity(batch, motion)
        if options.distillation > 0:
            terms['distillation'] = self._distillation(batch, disparities)
        weights = {'reprojection': options.photometric, 'smoothness': options.smoothness,
                   'hints': options.hints, 'velocity': options.velocity,
                   'distillation': options.distillation}
        loss = torch.stack([weights[name] * term for name, term in terms.items()]).sum(0)
        if panels is None:
            plain = torch.ones_like(disparities[0][0])
            panels = Panels(batch.target[0], batch.target[0], disparities[0][0].detach(), plain)
        return StepResult(loss, {name: term.mean().detach() for name, term in terms.items()},
                          panels)

    def _depth(self, disparity: Tensor, batch: Batch) -> Tensor:
        """Return depth in units, at the focal length of each sample."""
        depth = disparity_to_depth(disparity, self.config.min_depth, self.config.max_depth)
        if self.config.canonical_focal:
            depth = depth * (batch.K[:, 1, 1] / self.training_focal)[:, None, None, None]
        return depth

    def _motion(self, batch: Batch) -> Tensor:
        """Return source_from_target (N, 4, 4) in units: known ones as they are, others found."""
        motion = batch.pose.clone()
        motion[:, :3, 3] /= self.config.depth_scale
        unknown = batch.pose[:, 0, 0].isnan().nonzero()[:, 0]
        if len(unknown) == 0:
            return motion
        if self.pose is None:
            raise ValueError(
                f"'{batch.names[int(batch.sample_of[unknown[0]])]}' has a source of unknown pose: "
                "give a pose_network, or supervision 'S' for stereo pairs alone."
            )
        target = batch.target_colours[batch.sample_of[unknown]]
        source = batch.source_colours[unknown]
        if self.config.pose_reduction > 1:
            target, source = (F.avg_pool2d(x, self.config.pose_reduction) for x in (target, source))
        found = find_motion(self.pose, target, source, batch.offset[unknown])
        return motion.index_put((unknown,), found)

    def _photometric(self, batch: Batch, disparities: list[Tensor],
                     motion: Tensor) -> tuple[Tensor, Panels]:
        options = self.config.loss
        compare = ReprojectionError(batch.target, options.ssim).select(batch.sample_of)
        still = self._unmoved(batch, compare) if options.auto_mask else None
        K = batch.K[batch.sample_of]
        losses = []
        for level, disparity in enumerate(disparities):
            full = disparity if level == 0 else F.interpolate(
                disparity, batch.target.shape[-2:], mode='bilinear', align_corners=False)
            depth = self._depth(full, batch)[batch.sample_of, 0]
            warped = warp_to_target(batch.source, depth, K, motion)
            moved = _nearest_source(compare(warped), batch)
            least = moved if still is None else torch.minimum(moved, still)
            losses.append(least.mean((1, 2, 3)))
            if level == 0:
                mask = torch.ones_like(moved[0]) if still is None else (moved < still)[0].float()
                panels = Panels(batch.target[0], warped[0].detach(), disparity[0].detach(), mask)
        return torch.stack(losses).mean(0), panels

    @torch.no_grad()
    def _unmoved(self, batch: Batch, compare: ReprojectionError) -> Tensor:
        """Return the least error (B, 1, H, W) of the sources as they are."""
        still = _nearest_source(compare(batch.source), batch)
        noise = [torch.randn(still.shape[1:], generator=torch.Generator().manual_seed(seed))
                 for seed in batch.seed.tolist()]
        return still + torch.stack(noise).to(still) * _TIE_BREAK

    def _smoothness(self, batch: Batch, disparities: list[Tensor]) -> Tensor:
        losses = []
        for level, disparity in enumerate(disparities):
            image = F.adaptive_avg_pool2d(batch.target, disparity.shape[-2:])
            losses.append(smoothness(disparity, image) / 2**level)
        return torch.stack(losses).mean(0)

    def _velocity(self, batch: Batch, motion: Tensor) -> Tensor:
        """Return |distance found - distance measured| summed over a sample's sources (B,)."""
        length = torch.linalg.vector_norm(motion[:, :3, 3] + 1e-8, dim=1)
        measured = batch.distance / self.config.depth_scale
        known = measured.isfinite()
        error = (length - torch.where(known, measured, 0.0)).abs() * known
        return error.new_zeros(len(batch.target)).index_add(0, batch.sample_of, error)

    def _distillation(self, batch: Batch, disparities: list[Tensor]) -> Tensor:
        assert self.teacher is not None
        with torch.no_grad():
            taught = self.teacher(batch.target_colours).float()
        losses = [(disparity - F.adaptive_avg_pool2d(taught, disparity.shape[-2:])).abs()
                  .mean((1, 2, 3)) for disparity in disparities]
        return torch.stack(losses).mean(0)


def _nearest_source(errors: Tensor, batch: Batch) -> Tensor:
    """Return each target's least error over its sources: (N, 1, H, W) to (B, 1, H, W)."""
    slots = int(batch.slot_of.max()) + 1
    table = errors.new_full((len(batch.target), slots, *errors.shape[2:]), torch.inf)
    table = table.index_put((batch.sample_of, batch.slot_of), errors[:, 0])
    return table.min(1, keepdim=True).values
