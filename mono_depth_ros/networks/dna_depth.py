"""DNA-Depth: EfficientNet and a triangle that joins adjacent resolutions (Wang et al.).

Node (r, c) lives at resolution 1 / 2^(r+1). Column 0 is the encoder at one width; every other
node fuses three nodes of the column before it: its lower neighbour, itself and the finer one.
"""

from typing import Annotated

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from mono_depth_ros.networks.base import DepthNetwork, DepthOutput
from mono_depth_ros.networks.encoders import Encoder, efficientnet_encoder
from mono_depth_ros.networks.layers.blocks import (
    ChannelAttention,
    ElementDrop,
    reflect_conv,
    upsample,
)
from mono_depth_ros.networks.registry import register_network

PAPER = (
    'Wang et al., "Deep Neighbor Layer Aggregation for Lightweight Self-supervised Monocular '
    'Depth Estimation", 2023, arXiv:2309.09272'
)
WIDTH = 64
FINEST_WIDTH = WIDTH // 2
DEEPEST_TAPS = 2  # whose values are dropped while training
Dropout = Annotated[
    float, 'share of the two deepest encoder features that training sets to zero at random'
]
DropConnect = Annotated[
    float, "rate that training's leaving out of encoder blocks approaches towards the deepest"
]


class SeparableConv(nn.Module):
    """3x3 depthwise convolution among zeros, then a 1x1 with bias; no activation.

    With stride 2 the border is below and to the right only, as TensorFlow pads an even size.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.pad = nn.ZeroPad2d((0, 1, 0, 1) if stride == 2 else 1)
        self.depthwise = nn.Conv2d(
            in_channels, in_channels, 3, stride, groups=in_channels, bias=False
        )
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, H, W), halved by stride 2."""
        mixed: Tensor = self.pointwise(self.depthwise(self.pad(x)))
        return mixed


class FusionNode(nn.Module):
    """Fuse a map with its neighbours at half and, but for the finest, at double its size (Eq. 9).

    The paper merges with "a convolution and an activation"; the public code has a separable
    convolution before it.
    """

    def __init__(self, *, has_finer: bool) -> None:
        super().__init__()
        half = WIDTH // 2
        self.lower = SeparableConv(WIDTH, half)
        self.same = SeparableConv(WIDTH, half)
        self.finer = nn.ModuleList([SeparableConv(WIDTH, half, stride=2)] if has_finer else [])
        self.merge = SeparableConv(half * (2 + len(self.finer)), WIDTH)
        self.fuse = reflect_conv(WIDTH, WIDTH)

    def forward(self, lower: Tensor, same: Tensor, finer: list[Tensor]) -> Tensor:
        """Return (B, WIDTH, H, W) at the size of `same`; `finer` is empty at the finest."""
        parts = [self.lower(upsample(lower)), self.same(same)]
        parts += [halve(x) for halve, x in zip(self.finer, finer, strict=True)]
        return F.silu(self.fuse(self.merge(torch.cat(parts, dim=1))))


class FusionColumn(nn.Module):
    """A node for every map of the column before but its deepest, finest first."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.nodes = nn.ModuleList(FusionNode(has_finer=row > 0) for row in range(rows))

    def forward(self, before: list[Tensor]) -> list[Tensor]:
        """Return one map fewer than `before`, each of (B, WIDTH, H, W)."""
        return [
            node(before[row + 1], before[row], before[max(row - 1, 0) : row])
            for row, node in enumerate(self.nodes)
        ]


class AttentiveHead(nn.Module):
    """Channel attention, a separable convolution to one channel and a sigmoid (Eq. 10)."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.attention = ChannelAttention(in_channels)
        self.conv = SeparableConv(in_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, 1, H, W) in (0, 1)."""
        return torch.sigmoid(self.conv(self.attention(x)))


class DNADepth(DepthNetwork):
    """The triangle of adjacent resolutions on any encoder with five feature maps.

    Args:
        encoder: gives features at 1/2 to 1/32.
        dropout: share of the two deepest features that is set to zero while training.
    """

    def __init__(self, encoder: Encoder, *, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = ElementDrop(dropout)
        self.unify = nn.ModuleList(SeparableConv(width, WIDTH) for width in encoder.channels)
        self.columns = nn.ModuleList(map(FusionColumn, (4, 3, 2, 1)))
        self.finest = nn.Sequential(
            SeparableConv(WIDTH, FINEST_WIDTH),
            reflect_conv(FINEST_WIDTH, FINEST_WIDTH),
            nn.SiLU(),
            SeparableConv(FINEST_WIDTH, FINEST_WIDTH),
        )
        self.heads = nn.ModuleList(map(AttentiveHead, (FINEST_WIDTH, WIDTH, WIDTH, WIDTH)))
        for part in (self.unify, self.columns, self.finest, self.heads):
            _keep_spread(part)

    def decode(self, features: list[Tensor]) -> DepthOutput:
        """Return four disparities (one once deployed) and their four features."""
        deepest = [self.dropout(feature) for feature in features[-DEEPEST_TAPS:]]
        taps = [*features[:-DEEPEST_TAPS], *deepest]
        column = [unify(tap) for unify, tap in zip(self.unify, taps)]
        decoded: list[Tensor] = []
        for fuse in self.columns:
            column = fuse(column)
            decoded.insert(0, column[-1])
        decoded = [self.finest(upsample(decoded[0])), *decoded[:3]]
        return DepthOutput([head(x) for head, x in zip(self.heads, decoded)], decoded)


def _keep_spread(part: nn.Module) -> None:
    """Give convolutions first weights that neither raise nor lower the spread of their input.

    PyTorch's own lower it to 0.6; twenty convolutions later nothing would be left of the image.
    """
    for module in part.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity='linear')


@register_network(paper=PAPER, input_size=(192, 640))
def dna_depth_b0(dropout: Dropout = 0.5, drop_connect: DropConnect = 0.2) -> DNADepth:
    """EfficientNet-B0 encoder, 4.15 M parameters (Table 1)."""
    return DNADepth(efficientnet_encoder('b0', drop_connect), dropout=dropout)


@register_network(paper=PAPER, input_size=(192, 640))
def dna_depth_b1(dropout: Dropout = 0.5, drop_connect: DropConnect = 0.2) -> DNADepth:
    """EfficientNet-B1 encoder, 6.66 M parameters (Table 1)."""
    return DNADepth(efficientnet_encoder('b1', drop_connect), dropout=dropout)
