"""SmallDepth: sparse convolutions throughout (FA-Depth; no public code, see docs/networks.md).

Sparse means that no filter is wide in space and dense in channels at once: pointwise
convolutions mix channels, depthwise ones gather context, and a step sums or chains the two.
"""

from math import gcd
from typing import Annotated

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from mono_depth_ros.networks.base import DepthNetwork, DepthOutput
from mono_depth_ros.networks.layers.blocks import GrowingDrop, upsample_bilinear
from mono_depth_ros.networks.registry import register_network

PAPER = (
    'Wang et al., "FA-Depth: Toward Fast and Accurate Self-supervised Monocular Depth '
    'Estimation", 2024, arXiv:2405.10885'
)
# Widths and blocks per stage at 1/2 to 1/32. The paper prints totals only; these reproduce its
# parameters and its memory traffic within 3 %.
WIDTHS = (32, 64, 128, 256, 512)
BLOCKS = (0, 0, 2, 1, 3)
FINEST_WIDTH = 16


class SparseDownsample(nn.Module):
    """Halve height and width: channels and context encoded apart, then summed (Eq. 2).

    Samples lose the context branch at a rate that grows while training (Eqs. 4 and 5).
    """

    def __init__(self, in_channels: int, out_channels: int, drop_rate: float) -> None:
        super().__init__()
        groups = gcd(in_channels, out_channels)
        self.channel = _conv_norm(in_channels, out_channels, 1, stride=2)
        self.context = _conv_norm(in_channels, out_channels, 5, stride=2, groups=groups)
        self.drop = GrowingDrop(drop_rate)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, H / 2, W / 2)."""
        return F.hardswish(self.channel(x) + self.drop(self.context(x)))


class DoubleScaleResidual(nn.Module):
    """Add context of two scales, near and dilated, to a pointwise residual block (Eq. 3)."""

    def __init__(self, channels: int, drop_rate: float) -> None:
        super().__init__()
        self.lift = _conv_norm(channels, channels, 1)
        self.near = _conv_norm(channels, channels, 5, groups=channels)
        self.far = _conv_norm(channels, channels, 5, groups=channels, dilation=2)
        self.project = _conv_norm(channels, channels, 1)
        self.drop = GrowingDrop(drop_rate)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, channels, H, W)."""
        lifted = torch.relu(self.lift(x))
        context = self.drop(self.near(lifted)) + self.drop(self.far(lifted))
        return torch.relu(x + self.project(lifted + context))


class SparseUpsample(nn.Module):
    """Double height and width; pointwise then depthwise on either side (Eqs. 6 and 7)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.before = _pointwise_depthwise(in_channels, out_channels, 3)
        self.after = _pointwise_depthwise(out_channels, out_channels, 5)
        self.mixes_early = False

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, 2H, 2W)."""
        x = self.before(x)
        if not self.mixes_early:
            return torch.relu(self.after(upsample_bilinear(x)))
        mix, *context = self.after
        x = upsample_bilinear(mix(x))  # the same: mixing channels and up-sampling commute
        for module in context:
            x = module(x)
        return torch.relu(x)


class DilatedHead(nn.Module):
    """Dilated 3x3 convolution to one channel and a sigmoid."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 1, 3, padding=2, dilation=2)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, 1, H, W) in (0, 1)."""
        return torch.sigmoid(self.conv(x))


class SparseEncoder(nn.Module):
    """Five stages, each a sparse down-sampling and some double-scale blocks."""

    MEAN, STD = 0.45, 0.225

    def __init__(self, block_drop: float, down_drop: float) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Sequential(
                SparseDownsample(below, width, down_drop),
                *(DoubleScaleResidual(width, block_drop) for _ in range(blocks)),
            )
            for below, width, blocks in zip((3, *WIDTHS), WIDTHS, BLOCKS)
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return five feature maps of a (B, 3, H, W) image in [0, 1]."""
        features = [(image - self.MEAN) / self.STD]
        for stage in self.stages:
            features.append(stage(features[-1]))
        return features[1:]


class SmallDepth(DepthNetwork):
    """Sparse encoder and decoder; skips are sums; disparities at 1, 1/2 and 1/4.

    Args:
        block_drop: highest rate at which a block loses its context branches.
        down_drop: the same for down-sampling steps.
    """

    def __init__(self, block_drop: float, down_drop: float) -> None:
        super().__init__()
        self.encoder = SparseEncoder(block_drop, down_drop)
        self.steps = nn.ModuleList(map(SparseUpsample, WIDTHS, (FINEST_WIDTH, *WIDTHS)))
        self.heads = nn.ModuleList(DilatedHead(width) for width in (FINEST_WIDTH, *WIDTHS[:2]))

    def decode(self, features: list[Tensor]) -> DepthOutput:
        """Return three disparities (one once deployed) and the five decoder features."""
        decoded = [self.steps[4](features[4])]
        for level in (3, 2, 1, 0):
            decoded.insert(0, self.steps[level](decoded[0] + features[level]))
        return DepthOutput([head(x) for head, x in zip(self.heads, decoded)], decoded)

    def deploy(self) -> DepthNetwork:
        """Return a copy for inference that mixes channels where there are a quarter of the pixels.

        See DepthNetwork.deploy.
        """
        network = super().deploy()
        for module in network.modules():
            if isinstance(module, SparseUpsample):
                module.mixes_early = True
        return network


def _conv_norm(
    in_channels: int,
    out_channels: int,
    kernel: int,
    *,
    stride: int = 1,
    groups: int = 1,
    dilation: int = 1,
) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    conv = nn.Conv2d(
        in_channels, out_channels, kernel, stride, padding, dilation, groups, bias=False
    )
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels))


def _pointwise_depthwise(in_channels: int, out_channels: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        *_conv_norm(in_channels, out_channels, 1),
        *_conv_norm(out_channels, out_channels, kernel, groups=out_channels),
    )


@register_network(paper=PAPER, input_size=(128, 416))
def small_depth(
    block_drop: Annotated[float, 'highest rate at which a block drops its context'] = 0.9,
    down_drop: Annotated[float, 'highest rate at which a down-sampling drops its context'] = 0.0,
) -> SmallDepth:
    """Train-time form; 2.35 M parameters once deployed (Table IV)."""
    return SmallDepth(block_drop, down_drop)
