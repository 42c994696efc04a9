"""Bring images and maps to another size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from mono_depth_ros.training.losses.view_synthesis import full_precision


def resized(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Resample bilinearly, without aliases where maps shrink.

    Never in half precision, which the CPU's filter does not know.

    Args:
        maps: (N, C, H, W).
        size: (height, width).

    Returns:
        (N, C, height, width), float32 or finer; the maps themselves where they have that size.
    """
    height, width = size
    if maps.shape[-2:] == (height, width):
        return maps
    with full_precision(maps):
        precise = maps.to(torch.promote_types(maps.dtype, torch.float32))
        return F.interpolate(
            precise, (height, width), mode='bilinear', align_corners=False, antialias=True
        )


def enlarged(disparity: Tensor, image: Tensor) -> Tensor:
    """Return a disparity (B, 1, h, w) at the size of an image (B, 3, H, W)."""
    if disparity.shape[-2:] == image.shape[-2:]:
        return disparity
    return F.interpolate(disparity, image.shape[-2:], mode='bilinear', align_corners=False)


def averaged_down(image: Tensor, like: Tensor) -> Tensor:
    """Return an image (B, C, H, W) averaged down to the size of a map (B, ., h, w)."""
    factor = image.shape[-2] // like.shape[-2]
    if image.shape[-2:] == (like.shape[-2] * factor, like.shape[-1] * factor):
        return image if factor == 1 else F.avg_pool2d(image, factor)
    return F.adaptive_avg_pool2d(image, (like.shape[-2], like.shape[-1]))
