"""LKA-Depth: HRNet18 and large-kernel attention (no public code; see docs/networks.md)."""

from typing import Annotated

import torch
from torch import Tensor, nn

from mono_depth_ros.networks.base import DepthNetwork, DepthOutput
from mono_depth_ros.networks.encoders import Encoder, hrnet18_encoder
from mono_depth_ros.networks.layers.blocks import (
    ConvBlock,
    DisparityHead,
    OffsetUpsample,
    PointwiseBlock,
)
from mono_depth_ros.networks.ra_depth import RADepth
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
    if offset_upsampling:
        return OffsetUpsample(channels)
    return nn.Upsample(scale_factor=2, mode='bilinear')


@register_network(
    paper='Xiang et al., "Self-supervised Monocular Depth Estimation with Large Kernel '
    'Attention", 2024, arXiv:2409.17895',
    input_size=(192, 640),
)
def lka_depth(
    attention: Annotated[
        bool, "large-kernel attention in the decoder; without it, the decoder is RA-Depth's"
    ] = True,
    offset_upsampling: Annotated[
        bool, "sample at learned offsets when doubling (the paper's full network)"
    ] = True,
) -> DepthNetwork:
    """HRNet18 encoder, 9.93 M parameters; without attention 9.98 M (the rows of Table II)."""
    encoder = hrnet18_encoder()
    if attention:
        return LKADepth(encoder, offset_upsampling=offset_upsampling)
    return RADepth(encoder, offset_upsampling=offset_upsampling)
