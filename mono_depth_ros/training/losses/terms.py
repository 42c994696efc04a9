"""Short losses: smoothness, depth hints and measured distances; and how images are compared."""

from __future__ import annotations

import torch
from torch import Tensor

from mono_depth_ros.training.config.schema import TrainConfig
from mono_depth_ros.training.losses.base import Loss, LossContext, Need
from mono_depth_ros.training.losses.per_sample import per_sample
from mono_depth_ros.training.losses.resizing import averaged_down
from mono_depth_ros.training.losses.ssim import (
    WindowStatistics,
    structural_dissimilarity,
    window_statistics,
)


class ReprojectionError:
    """Compare images with one target, whose own statistics are worked out once.

    0.85 (1 - SSIM) / 2 + 0.15 L1 (Godard et al. 2019, Eq. 2), SSIM over 3x3 windows.

    Args:
        target: (N, 3, H, W) images in [0, 1].
        ssim: share of the structural part.
    """

    statistics: tuple[Tensor, ...]

    def __init__(self, target: Tensor, ssim: float = 0.85) -> None:
        self.target, self.ssim = target, ssim
        self.statistics = window_statistics(target) if ssim > 0 else ()

    def __call__(self, image: Tensor) -> Tensor:
        """Return the error (N, 1, H, W) of images (N, 3, H, W) against the target."""
        return per_sample(self._error, image, self.target, *self.statistics)

    def _error(self, image: Tensor, target: Tensor, *statistics: Tensor) -> Tensor:
        difference = (image - target).abs().mean(1, keepdim=True)
        if self.ssim == 0:
            return difference
        dissimilarity = structural_dissimilarity(image, target, WindowStatistics(*statistics))
        return self.ssim * dissimilarity + (1 - self.ssim) * difference

    def select(self, samples: Tensor) -> ReprojectionError:
        """Return the comparison with a choice (indices) of the targets."""
        chosen = ReprojectionError(self.target[samples], 0.0)
        chosen.ssim = self.ssim
        chosen.statistics = tuple(part[samples] for part in self.statistics)
        return chosen


class SmoothnessLoss(Loss):
    """How far disparities change where the image does not; halved from level to level."""

    name = 'smoothness'

    @staticmethod
    def weight_in(config: TrainConfig) -> float:
        """Return loss.smoothness."""
        return config.loss.smoothness

    def compute(self, context: LossContext) -> Tensor:
        """Return the mean (B,) over pixels and levels."""
        losses = [
            smoothness(disparity, averaged_down(context.batch.target, disparity)) / 2**level
            for level, disparity in enumerate(context.disparities)
        ]
        return torch.stack(losses).mean(0)


class HintLoss(Loss):
    """How far depth is from hints of stereo matching."""

    name = 'hints'

    @staticmethod
    def weight_in(config: TrainConfig) -> float:
        """Return loss.hints."""
        return config.loss.hints

    def compute(self, context: LossContext) -> Tensor:
        """Return the error (B,) of log depth."""
        hint = context.batch.hint / context.config.depth_scale
        return hint_error(context.depth(context.disparities[0]), hint)


class VelocityLoss(Loss):
    """How far distances found are from distances measured [units] (PackNet-SfM)."""

    name = 'velocity'
    needs = Need.MOTION

    @staticmethod
    def weight_in(config: TrainConfig) -> float:
        """Return loss.velocity."""
        return config.loss.velocity

    def compute(self, context: LossContext) -> Tensor:
        """Return |found - measured| (B,), summed over a sample's sources."""
        batch = context.batch
        length = torch.linalg.vector_norm(context.motion[:, :3, 3] + 1e-8, dim=1)
        measured = batch.distance / context.config.depth_scale
        known = measured.isfinite()
        error = (length - torch.where(known, measured, 0.0)).abs() * known
        total: Tensor = error.new_zeros(len(batch.target)).index_add(0, batch.sample_of, error)
        return total


def smoothness(disparity: Tensor, image: Tensor) -> Tensor:
    """Return how far disparity changes where the image does not (Godard et al. 2019, Eq. 3).

    Args:
        disparity: (B, 1, H, W); only its ratio to its own mean counts.
        image: (B, 3, H, W) of the same size, in [0, 1].

    Returns:
        (B,) mean over the pixels.
    """
    disparity = disparity / (disparity.mean((2, 3), keepdim=True) + 1e-7)
    total = disparity.new_zeros(len(disparity))
    for axis in (2, 3):
        edge = image.diff(dim=axis).abs().mean(1, keepdim=True)
        change = disparity.diff(dim=axis).abs() * torch.exp(-edge)
        total = total + change.mean((1, 2, 3))
    return total


def hint_error(depth: Tensor, hint: Tensor, shared: float = 0.85) -> Tensor:
    """Return shared |e - mean(e)| + (1 - shared) |e|, e = log depth - log hint, pixels' mean.

    An error that all pixels share moves with every weight of a decoder's end, and its gradient
    would drown all others (Eigen et al. 2014, Eq. 4, balances the same with its lambda).

    Args:
        depth: (B, 1, H, W) in the unit of the hint.
        hint: (B, 1, H, W), NaN where unknown.
        shared: how much of an image's common error is forgiven, 0 to below 1.

    Returns:
        (B,), 0 for samples without any hint.
    """
    known = hint.isfinite()
    count = known.sum((1, 2, 3)).clamp(min=1)
    error = (depth.log() - torch.where(known, hint, 1.0).log()) * known
    common = (error.sum((1, 2, 3)) / count)[:, None, None, None]
    own = (error - common).abs() * known
    return (shared * own + (1 - shared) * error.abs()).sum((1, 2, 3)) / count
