"""Let the resolutions of an image agree (RA-Depth, He et al. 2022)."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from mono_depth_ros.training.data.augmentation import Size
from mono_depth_ros.training.losses.terms import ReprojectionError


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
    for number, window in enumerate(within.long().tolist()):
        sample = slice(number, number + 1)
        top, left, height, width = window
        grid = _grid(shows[number], (height, width), middle.shape[-2:])
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
