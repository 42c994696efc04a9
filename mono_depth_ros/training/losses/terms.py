"""The terms that training minimises; every one is a map or a number per sample."""

from __future__ import annotations

import torch
from torch import Tensor

from mono_depth_ros.training.losses.per_sample import per_sample
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
