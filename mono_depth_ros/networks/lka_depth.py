"""LKA-Depth: HRNet18 and large-kernel attention (no public code; see docs/networks.md)."""

from typing import Annotated

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from mono_depth_ros.networks.base import DepthNetwork, DepthOutput
from mono_depth_ros.networks.blocks import (
    ConvBlock,
    DisparityHead,
    PointwiseBlock,
    upsample_bilinear,
)
from mono_depth_ros.networks.encoders import Encoder, hrnet18_encoder
from mono_depth_ros.networks.registry import register_network

# Width of a decoder step's output at 1/2, 1/4, 1/8, 1/16; our reading, the paper prints none.
STEP_WIDTHS = (32, 18, 36, 72)


class LargeKernelAttention(nn.Module):
    """Weigh x by what a decomposed 21x21 depthwise kernel sees around it (Eqs. 2 and 3)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.near = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.far = nn.Conv2d(channels, channels, 7, padding=9, dilation=3, groups=channels)
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, H, W) of the same shape."""
        attended: Tensor = x * self.mix(self.far(self.near(x)))
        return attended


class BilinearUpsample(nn.Module):
    """Double height and width bilinearly, pixel centres aligned as areas."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, 2H, 2W)."""
        return upsample_bilinear(x)


class OffsetUpsample(nn.Module):
    """Double height and width, each new pixel sampled at a learned offset.

    A pointwise convolution predicts four horizontal, then four vertical offsets per pixel, one
    for each pixel of its 2x2 block. With zero offsets this is plain bilinear up-sampling.
    """

    REACH = 0.25  # [source pixels] per unit that the convolution predicts

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.offset = nn.Conv2d(channels, 8, 1)
        for parameter, std in zip(self.offset.parameters(), (1e-3, 0.0)):
            nn.init.normal_(parameter, std=std)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, 2H, 2W)."""
        height, width = x.shape[-2:]
        offsets = F.pixel_shuffle(self.REACH * self.offset(x), 2)
        columns = (torch.arange(2 * width, device=x.device, dtype=x.dtype) + 0.5) / 2
        rows = (torch.arange(2 * height, device=x.device, dtype=x.dtype) + 0.5) / 2
        grid_x = 2 * (columns + offsets[:, 0]) / width - 1
        grid_y = 2 * (rows[:, None] + offsets[:, 1]) / height - 1
        grid = torch.stack([grid_x, grid_y], dim=-1)
        return F.grid_sample(x, grid, padding_mode='border', align_corners=False)


class DecoderStep(nn.Module):
    """Double the deeper map, join the lateral one, attend, fuse."""

    def __init__(self, below: int, lateral: int, out: int, *, offset_upsampling: bool) -> None:
        super().__init__()
        self.upsample = _upsampler(below, offset_upsampling=offset_upsampling)
        self.reduce = PointwiseBlock(below, lateral)
        self.attention = LargeKernelAttention(2 * lateral)
        self.fuse = PointwiseBlock(2 * lateral, out)

    def forward(self, below: Tensor, lateral: Tensor) -> Tensor:
        """Return (B, out, H, W) at the resolution of `lateral`."""
        joined = torch.cat([lateral, self.reduce(self.upsample(below))], dim=1)
        fused: Tensor = self.fuse(self.attention(joined))
        return fused


class LKADepth(DepthNetwork):
    """A decoder with attention and an offset up-sampler in every step, one disparity."""

    def __init__(self, encoder: Encoder, *, offset_upsampling: bool) -> None:
        super().__init__()
        self.encoder = encoder
        channels = encoder.channels
        self.lateral = nn.ModuleList(
            [nn.Identity(), *(ConvBlock(width, width) for width in channels[1:])]
        )
        below = (*STEP_WIDTHS[1:], channels[-1])
        self.steps = nn.ModuleList(
            DecoderStep(*widths, offset_upsampling=offset_upsampling)
            for widths in zip(below, channels, STEP_WIDTHS)
        )
        self.before_doubling = ConvBlock(STEP_WIDTHS[0], STEP_WIDTHS[0])
        self.upsample = _upsampler(STEP_WIDTHS[0], offset_upsampling=offset_upsampling)
        self.after_doubling = ConvBlock(STEP_WIDTHS[0], 16)
        self.heads = nn.ModuleList([DisparityHead(16)])

    def decode(self, features: list[Tensor]) -> DepthOutput:
        """Return one disparity and the five decoder features."""
        laterals = [conv(feature) for conv, feature in zip(self.lateral, features)]
        decoded = [laterals[-1]]
        for level in (3, 2, 1, 0):
            decoded.insert(0, self.steps[level](decoded[0], laterals[level]))
        finest = self.after_doubling(self.upsample(self.before_doubling(decoded[0])))
        return DepthOutput([self.heads[0](finest)], [finest, *decoded[:-1]])


def _upsampler(channels: int, *, offset_upsampling: bool) -> nn.Module:
    return OffsetUpsample(channels) if offset_upsampling else BilinearUpsample()


@register_network(
    paper='Xiang et al., "Self-supervised Monocular Depth Estimation with Large Kernel '
    'Attention", 2024, arXiv:2409.17895',
    input_size=(192, 640),
)
def lka_depth(
    offset_upsampling: Annotated[
        bool, "sample at learned offsets when doubling (the paper's full network)"
    ] = True,
) -> LKADepth:
    """HRNet18 encoder, 9.93 M parameters with either up-sampling."""
    return LKADepth(hrnet18_encoder(), offset_upsampling=offset_upsampling)
