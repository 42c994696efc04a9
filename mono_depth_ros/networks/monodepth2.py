"""Monodepth2: a ResNet U-Net, the field's baseline (Godard et al., ICCV 2019)."""

import torch
from torch import Tensor, nn

from mono_depth_ros.networks.base import DepthNetwork, DepthOutput
from mono_depth_ros.networks.encoders import Encoder, resnet_encoder
from mono_depth_ros.networks.layers.blocks import ConvBlock, DisparityHead, upsample
from mono_depth_ros.networks.registry import register_network

WIDTHS = (16, 32, 64, 128, 256)


class Monodepth2(DepthNetwork):
    """One decoder step per level: reduce, double, join the encoder's feature, mix."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        skips = (0, *encoder.channels[:-1])
        inputs = (*WIDTHS[1:], encoder.channels[-1])
        self.reduce = nn.ModuleList(map(ConvBlock, inputs, WIDTHS))
        self.mix = nn.ModuleList(
            ConvBlock(width + skip, width) for width, skip in zip(WIDTHS, skips)
        )
        self.heads = nn.ModuleList(DisparityHead(width) for width in WIDTHS[:4])

    def decode(self, features: list[Tensor]) -> DepthOutput:
        """Return four disparities (fewer once deployed) and the five decoder features."""
        x = features[-1]
        decoded: list[Tensor] = []
        for level in (4, 3, 2, 1, 0):
            x = upsample(self.reduce[level](x))
            if level > 0:
                x = torch.cat([x, features[level - 1]], dim=1)
            x = self.mix[level](x)
            decoded.insert(0, x)
        return DepthOutput([head(x) for head, x in zip(self.heads, decoded)], decoded)


PAPER = (
    'Godard et al., "Digging Into Self-Supervised Monocular Depth Estimation", '
    'ICCV 2019, arXiv:1806.01260'
)


@register_network(paper=PAPER, input_size=(192, 640))
def monodepth2_resnet18() -> Monodepth2:
    """ResNet18 encoder, 14.33 M parameters."""
    return Monodepth2(resnet_encoder(18))


@register_network(paper=PAPER, input_size=(192, 640))
def monodepth2_resnet34() -> Monodepth2:
    """ResNet34 encoder, 24.44 M parameters."""
    return Monodepth2(resnet_encoder(34))


@register_network(paper=PAPER, input_size=(192, 640))
def monodepth2_resnet50() -> Monodepth2:
    """ResNet50 encoder, 32.52 M parameters."""
    return Monodepth2(resnet_encoder(50))
