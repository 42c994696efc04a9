"""DIFFNet: an HRNet that shows all it computes, joined with attention (Zhou et al., BMVC 2021)."""

import torch
from torch import Tensor, nn

from mono_depth_ros.networks.base import DepthNetwork, DepthOutput
from mono_depth_ros.networks.encoders import Encoder, hrnet18_internal_encoder
from mono_depth_ros.networks.layers.blocks import (
    ChannelAttention,
    ConvBlock,
    DisparityHead,
    upsample,
)
from mono_depth_ros.networks.registry import register_network

STEP_WIDTHS = (32, 64, 128, 256)  # at 1/2 to 1/16
FINEST_WIDTH = 16


class FeatureFusion(nn.Module):
    """Double the deeper map, join the encoder's, weigh their channels, mix them."""

    def __init__(self, deeper: int, lateral: int, out: int) -> None:
        super().__init__()
        self.attention = ChannelAttention(deeper + lateral)
        self.mix = nn.Conv2d(deeper + lateral, out, 3, padding=1)

    def forward(self, deeper: Tensor, lateral: Tensor) -> Tensor:
        """Return (B, out, H, W) at the resolution of `lateral`."""
        joined = torch.cat([upsample(deeper), lateral], dim=1)
        return torch.relu(self.mix(self.attention(joined)))


class DIFFNet(DepthNetwork):
    """One fusion per resolution, four disparities."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        deeper = (*STEP_WIDTHS[1:], encoder.channels[-1])
        self.steps = nn.ModuleList(map(FeatureFusion, deeper, encoder.channels, STEP_WIDTHS))
        self.before_doubling = ConvBlock(STEP_WIDTHS[0], FINEST_WIDTH)
        self.after_doubling = ConvBlock(FINEST_WIDTH, FINEST_WIDTH)
        self.heads = nn.ModuleList(map(DisparityHead, (FINEST_WIDTH, *STEP_WIDTHS[:3])))

    def decode(self, features: list[Tensor]) -> DepthOutput:
        """Return four disparities (one once deployed) and five features, at 1/1 to 1/16."""
        decoded = [features[-1]]
        for level in (3, 2, 1, 0):
            decoded.insert(0, self.steps[level](decoded[0], features[level]))
        finest = self.after_doubling(upsample(self.before_doubling(decoded[0])))
        decoded = [finest, *decoded[:-1]]
        return DepthOutput([head(x) for head, x in zip(self.heads, decoded)], decoded)


@register_network(
    paper='Zhou et al., "Self-Supervised Monocular Depth Estimation with Internal Feature '
    'Fusion", BMVC 2021, arXiv:2110.09482',
    input_size=(192, 640),
)
def diffnet() -> DIFFNet:
    """HRNet18 encoder with its inner features, 10.87 M parameters."""
    return DIFFNet(hrnet18_internal_encoder())
