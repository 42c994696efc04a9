"""HR-Depth and Lite-HR-Depth: a triangle of skip connections (Lyu et al., AAAI 2021).

Node (r, c) lives at resolution 1 / 2^(r+1). Column 0 is the encoder; every other node joins its
doubled lower neighbour (r + 1, c - 1) with all nodes to its left. The last diagonal fuses them
with squeeze-and-excitation, the others with a convolution.
"""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor, nn

from mono_depth_ros.networks.base import DepthNetwork, DepthOutput
from mono_depth_ros.networks.encoders import (
    Encoder,
    efficientnet_lite0_encoder,
    mobilenet_v3_encoder,
    resnet_encoder,
)
from mono_depth_ros.networks.layers.blocks import (
    ChannelAttention,
    ConvBlock,
    DisparityHead,
    upsample,
)
from mono_depth_ros.networks.registry import register_network

PAPER = 'Lyu et al., "HR-Depth", AAAI 2021, arXiv:2012.07356'
HR_WIDTHS = (16, 32, 64, 128, 256)
LITE_WIDTHS = (4, 12, 20, 40, 80)


class SqueezeFuse(ChannelAttention):
    """Weigh channels by squeeze-and-excitation, then fuse them with a 1x1 convolution.

    The paper prints a reduction of 4; only 16 gives the parameters it prints, and the public
    code has 16.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels)
        self.fuse = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, H, W)."""
        return torch.relu(self.fuse(super().forward(x)))


class TriangleNode(nn.Module):
    """Reduce and double the lower neighbour, join the nodes to the left, fuse."""

    def __init__(self, reduce: nn.Module, fuse: nn.Module) -> None:
        super().__init__()
        self.reduce = reduce
        self.fuse = fuse

    def forward(self, lower: Tensor, left: list[Tensor]) -> Tensor:
        """Return the node's feature at the resolution of `left`."""
        joined = torch.cat([upsample(self.reduce(lower)), *left], dim=1)
        fused: Tensor = self.fuse(joined)
        return fused


class HRDepth(DepthNetwork):
    """The triangle decoder on any encoder with five feature maps.

    Args:
        encoder: gives features at 1/2 to 1/32.
        widths: width of a reduced neighbour per resolution 1/1 to 1/16; nodes have twice that.
        squeeze_before_mixing: pass joins of three or more maps through a 1x1 convolution to
            twice the node's width before they are mixed.
        dense_skips: build the whole triangle; else its last diagonal alone, a plain U-Net.
        fse: fuse the last diagonal with squeeze-and-excitation; else like the other nodes.
    """

    def __init__(
        self,
        encoder: Encoder,
        widths: tuple[int, ...],
        *,
        squeeze_before_mixing: bool,
        dense_skips: bool,
        fse: bool,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.nodes = nn.ModuleDict()
        for row, column in _nodes(dense_skips):
            below = encoder.channels[row + 1] if column == 1 else 2 * widths[row + 1]
            between = column - 1 if dense_skips else 0
            joined = widths[row + 1] + encoder.channels[row] + between * 2 * widths[row]
            if fse and row + column == 4:
                fuse: nn.Module = SqueezeFuse(joined, 2 * widths[row])
            elif between and squeeze_before_mixing:
                fuse = _squeeze_and_mix(joined, 2 * widths[row])
            else:
                fuse = ConvBlock(joined, 2 * widths[row])
            reduce = ConvBlock(below, widths[row + 1])
            self.nodes[f'{row}{column}'] = TriangleNode(reduce, fuse)
        self.before_doubling = ConvBlock(2 * widths[0], widths[0])
        self.after_doubling = ConvBlock(widths[0], widths[0])
        self.heads = nn.ModuleList(
            DisparityHead(width)
            for width in (widths[0], 2 * widths[0], 2 * widths[1], 2 * widths[2])
        )

    def decode(self, features: list[Tensor]) -> DepthOutput:
        """Return four disparities (fewer once deployed) and their four features."""
        rows = [[feature] for feature in features]
        for place, node in self.nodes.items():
            row = int(place[0])
            rows[row].append(node(rows[row + 1][-1], rows[row]))
        half, quarter, eighth = (row[-1] for row in rows[:3])
        finest = self.after_doubling(upsample(self.before_doubling(half)))
        decoded = [finest, half, quarter, eighth]
        return DepthOutput([head(x) for head, x in zip(self.heads, decoded)], decoded)


def _nodes(dense_skips: bool) -> Iterator[tuple[int, int]]:
    """Give (row, column) of the nodes, each after its lower neighbour and those to its left."""
    for column in range(1, 5):
        for row in range(5 - column) if dense_skips else [4 - column]:
            yield row, column


def _squeeze_and_mix(in_channels: int, width: int) -> nn.Sequential:
    squeeze = nn.Conv2d(in_channels, 2 * width, 1, bias=False)
    return nn.Sequential(squeeze, ConvBlock(2 * width, width))


DenseSkips = Annotated[bool, "join every node with all to its left; else with the encoder's"]
FSE = Annotated[bool, 'fuse by squeeze-and-excitation (fSE) on the last diagonal']


@register_network(paper=PAPER, input_size=(192, 640))
def hr_depth(dense_skips: DenseSkips = True, fse: FSE = True) -> HRDepth:
    """ResNet18 encoder, 14.07 M parameters."""
    return _on_resnet(18, dense_skips=dense_skips, fse=fse)


@register_network(paper=PAPER, input_size=(192, 640))
def hr_depth_resnet34(dense_skips: DenseSkips = True, fse: FSE = True) -> HRDepth:
    """ResNet34 encoder, 24.18 M parameters."""
    return _on_resnet(34, dense_skips=dense_skips, fse=fse)


@register_network(paper=PAPER, input_size=(192, 640))
def hr_depth_resnet50(dense_skips: DenseSkips = True, fse: FSE = True) -> HRDepth:
    """ResNet50 encoder; the public decoder cannot run on it, so there are no weights."""
    return _on_resnet(50, dense_skips=dense_skips, fse=fse)


def _on_resnet(layers: int, *, dense_skips: bool, fse: bool) -> HRDepth:
    return HRDepth(
        resnet_encoder(layers),
        HR_WIDTHS,
        squeeze_before_mixing=True,
        dense_skips=dense_skips,
        fse=fse,
    )


@register_network(paper=PAPER, input_size=(192, 640))
def lite_hr_depth(
    se_before_activation: Annotated[
        bool,
        'squeeze-and-excitation before the activation, as the weights published with the paper '
        'expect; ImageNet weights from timm expect it after',
    ] = False,
    dense_skips: DenseSkips = True,
    fse: FSE = True,
) -> HRDepth:
    """MobileNetV3-Large encoder, 3.11 M parameters (Table 3)."""
    encoder = mobilenet_v3_encoder(se_before_activation=se_before_activation)
    return _lite(encoder, dense_skips=dense_skips, fse=fse)


@register_network(
    paper=f'{PAPER}, on EfficientNet-Lite0 after Tan and Le, ICML 2019, arXiv:1905.11946',
    input_size=(192, 640),
)
def lite_hr_depth_lite0() -> HRDepth:
    """Lite-HR-Depth's decoder on an EfficientNet-Lite0 encoder; not a network of the paper."""
    return _lite(efficientnet_lite0_encoder(), dense_skips=True, fse=True)


def _lite(encoder: Encoder, *, dense_skips: bool, fse: bool) -> HRDepth:
    return HRDepth(
        encoder, LITE_WIDTHS, squeeze_before_mixing=False, dense_skips=dense_skips, fse=fse
    )
