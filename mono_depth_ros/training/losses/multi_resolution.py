"""Train on an image's other resolutions too, and let them agree (RA-Depth, He et al. 2022)."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from mono_depth_ros.training.config.schema import TrainConfig
from mono_depth_ros.training.losses.base import Loss, LossContext, LossOutput, Networks, add_terms
from mono_depth_ros.training.losses.photometric import PhotometricLoss
from mono_depth_ros.training.losses.terms import HintLoss, ReprojectionError, SmoothnessLoss
from mono_depth_ros.types import Size


class MultiResolutionLoss(Loss):
    """The losses of a batch's other resolutions, and their agreement with the middle one.

    What its parts need, the same losses of the batch itself ask for.
    """

    name = 'consistency'

    def __init__(self, config: TrainConfig, networks: Networks) -> None:
        super().__init__(config, networks)
        self.parts = [
            kind(config, networks)
            for kind in (PhotometricLoss, SmoothnessLoss, HintLoss)
            if kind.weight_in(config) > 0
        ]

    @staticmethod
    def weight_in(config: TrainConfig) -> float:
        """Return 1 where batches have other resolutions: its parts have weights of their own."""
        return float(config.multi_resolution)

    def forward(self, context: LossContext) -> LossOutput:
        """Return the other resolutions' losses, added to terms of the same names."""
        options = context.config.loss
        assert context.run_network is not None
        loss = context.batch.target.new_zeros(len(context.batch.target))
        terms: dict[str, Tensor] = {}
        for other in context.batch.others:
            here = replace(
                context,
                batch=other.batch,
                within=_inside(other.within, context.batch.target),
                output=context.run_network(other.batch),
            )
            for part in self.parts:
                output: LossOutput = part(here)
                loss, terms = loss + output.loss, add_terms(terms, output.terms)
            agreement = consistency(
                here.scene_disparity(here.disparities[0]),
                context.scene_disparity(context.disparities[0]),
                context.reprojection.mask,
                other.shows,
                other.within,
                options.ssim,
            )
            loss = loss + options.consistency * agreement
            terms = add_terms(terms, {self.name: agreement})
        return LossOutput(loss, terms)


def consistency(
    disparity: Tensor, middle: Tensor, mask: Tensor, shows: Tensor, within: Tensor, ssim: float
) -> Tensor:
    """Return how far a resolution's disparity is from the middle's, as images are compared.

    Args:
        disparity: (B, 1, H, W) of the resolution.
        middle: (B, 1, H, W) of the middle image.
        mask: (B, 1, H, W), 1 where the middle image's pixels count.
        shows: (B, 4) windows of the middle image.
        within: (B, 4) windows of the resolution's image that show them.
        ssim: share of the structural part.

    Returns:
        (B,) mean over the middle's pixels that count.
    """
    errors = []
    for index, window in enumerate(within.long().tolist()):
        sample = slice(index, index + 1)
        top, left, height, width = window
        grid = _grid(shows[index], (height, width), middle.shape[-2:])
        expected = F.grid_sample(middle[sample], grid, padding_mode='border', align_corners=False)
        counts = F.grid_sample(
            mask[sample], grid, mode='nearest', padding_mode='border', align_corners=False
        )
        seen = disparity[sample, :, top : top + height, left : left + width]
        error = ReprojectionError(expected, ssim)(seen)
        errors.append((error * counts).sum() / counts.sum().clamp(min=1))
    return torch.stack(errors)


def _grid(window: Tensor, size: Size, image_size: torch.Size) -> Tensor:
    """Return where a window's pixels of a size lie in an image, for grid_sample (1, h, w, 2)."""
    top, left, height, width = window.tolist()
    rows = top + (torch.arange(size[0], device=window.device) + 0.5) * height / size[0]
    columns = left + (torch.arange(size[1], device=window.device) + 0.5) * width / size[1]
    y, x = torch.meshgrid(
        2 * rows / image_size[0] - 1, 2 * columns / image_size[1] - 1, indexing='ij'
    )
    return torch.stack((x, y), dim=-1)[None]


def _inside(windows: Tensor, image: Tensor) -> Tensor:
    """Return (B, 1, H, W), 1 within each sample's window (top, left, height, width)."""
    rows = torch.arange(image.shape[-2], device=image.device)[None, :, None]
    columns = torch.arange(image.shape[-1], device=image.device)[None, None]
    top, left, height, width = (extent[:, None, None] for extent in windows.unbind(1))
    inside = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
    return inside[:, None].float()
