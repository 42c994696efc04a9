"""How well sources explain their targets: the reprojection error of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mono_depth_ros.training.config.schema import LossConfig, TrainConfig
from mono_depth_ros.training.data.batch import Batch
from mono_depth_ros.training.losses.base import (
    Loss,
    LossContext,
    LossOutput,
    Need,
    ReprojectionOutput,
)
from mono_depth_ros.training.losses.resizing import enlarged
from mono_depth_ros.training.losses.terms import ReprojectionError
from mono_depth_ros.training.losses.view_synthesis import warp_to_target

# Auto-masking breaks ties by chance (Monodepth2).
_TIE_BREAK = 1e-5


class PhotometricLoss(Loss):
    """The least reprojection error over a target's sources, with auto-masking (Monodepth2)."""

    name = 'photometric'
    needs = Need.MOTION

    @staticmethod
    def weight_in(config: TrainConfig) -> float:
        """Return loss.photometric, unless both directions are compared."""
        return 0.0 if config.loss.bidirectional else config.loss.photometric

    def forward(self, context: LossContext) -> LossOutput:
        """Return the error, and what was seen on the way."""
        error, reprojection = reproject(context, context.config.loss)
        return LossOutput(self.weight * error, {self.name: error}, reprojection)


def reproject(context: LossContext, options: LossConfig) -> tuple[Tensor, ReprojectionOutput]:
    """Return the reprojection loss (B,) of what the networks found; see reprojection_loss."""
    batch = context.batch
    return reprojection_loss(
        batch,
        [context.depth(enlarged(found, batch.target)) for found in context.disparities],
        context.motion,
        context.within,
        options,
        masks=context.progress >= options.auto_mask_from,
    )


def reprojection_loss(
    batch: Batch,
    depths: Sequence[Tensor],
    motion: Tensor,
    within: Tensor,
    options: LossConfig,
    *,
    masks: bool = True,
) -> tuple[Tensor, ReprojectionOutput]:
    """Return the least error over a target's sources (B,), mean over levels and pixels.

    Args:
        batch: B samples with N sources.
        depths: per level (B, 1, H, W) at the batch's size, finest first, in units.
        motion: (N, 4, 4) source_from_target in units.
        within: (B, 1, H, W), 1 where a target can be explained by its sources.
        options: share of structural similarity, auto-masking.
        masks: False while auto-masking has not begun: standing still is then looked at alone.
    """
    compare = ReprojectionError(batch.target, options.ssim).select(batch.sample_of)
    still = _unmoved(batch, compare) if options.auto_mask else None
    K = batch.K[batch.sample_of]
    losses: list[Tensor] = []
    for depth in depths:
        of_source = depth[:, 0].index_select(0, batch.sample_of)
        warped = warp_to_target(batch.source, of_source, K, motion)
        moved = _by_target(compare(warped), batch)
        if not losses:
            output = _reprojection_output(warped, moved, still, within, masks=masks)
        losses.append(mean_within(_Least.apply(moved, still if masks else None), within))
    return torch.stack(losses).mean(0), output


def mean_within(errors: Tensor, within: Tensor) -> Tensor:
    """Return the mean (B,) of errors (B, 1, H, W) over the pixels within a mask; 0 of none."""
    return (errors * within).sum((1, 2, 3)) / within.sum((1, 2, 3)).clamp(min=1)


@torch.no_grad()
def _unmoved(batch: Batch, compare: ReprojectionError) -> Tensor:
    """Return the least error (B, 1, H, W) of the sources as they are."""
    still = _by_target(compare(batch.source), batch).amin(1, keepdim=True)
    noise = [
        torch.randn(still.shape[1:], generator=torch.Generator().manual_seed(seed))
        for seed in batch.seed.tolist()
    ]
    return still + torch.stack(noise).to(still) * _TIE_BREAK


def _by_target(errors: Tensor, batch: Batch) -> Tensor:
    """Put errors of sources (N, 1, H, W) beside each other (B, S, H, W); infinite for none."""
    slots = int(batch.slot_of.max()) + 1
    if len(errors) == slots * len(batch.target):  # one sample's after the other's
        return errors.reshape(-1, slots, *errors.shape[2:])
    table = errors.new_full((len(batch.target), slots, *errors.shape[2:]), torch.inf)
    return table.index_put((batch.sample_of, batch.slot_of), errors[:, 0])


class _Least(torch.autograd.Function):
    """The least of errors (B, S, H, W) and one (B, 1, H, W) without gradient: (B, 1, H, W).

    The gradient goes to the least error, and to equal ones in equal shares. Autograd's of amin and
    minimum takes four times as long on a CPU.
    """

    @staticmethod
    def forward(ctx: Any, errors: Tensor, other: Tensor | None) -> Tensor:
        least = errors.amin(1, keepdim=True)
        if other is not None:
            least = torch.minimum(least, other)
        ctx.save_for_backward(errors, least)
        return least

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        errors, least = ctx.saved_tensors
        shares = (errors == least).to(errors.dtype)
        shares /= shares.sum(1, keepdim=True).clamp_(min=1)
        return shares.mul_(gradients[0]), None


@torch.no_grad()
def _reprojection_output(
    warped: Tensor, moved: Tensor, still: Tensor | None, within: Tensor, *, masks: bool
) -> ReprojectionOutput:
    nearest = moved.amin(1, keepdim=True)
    errors = {'reprojection': mean_within(nearest, within)}
    mask = within.expand_as(nearest)
    if still is not None:
        errors['identity'] = mean_within(still, within)
        mask = (nearest < still) * within if masks else mask
    return ReprojectionOutput(warped[0], mask, errors)
