"""HQDecv2: the large network that teaches SmallDepth (FA-Depth, III-D; no public code)."""

from torch import Tensor, nn

from mono_depth_ros.networks.base import DepthNetwork, DepthOutput
from mono_depth_ros.networks.encoders import Encoder, efficientnet_v2_encoder
from mono_depth_ros.networks.hqdec_parts import (
    AdaptiveSum,
    AxialDownsample,
    GatedHead,
    MultiScaleUpsample,
    NormedConvBlock,
    Refinement,
)
from mono_depth_ros.networks.registry import register_network
from mono_depth_ros.networks.small_depth import PAPER

# Widths that maps at 1/2 to 1/16 are fused at, as in the public code of the first HQDec.
WIDTHS = (24, 48, 64, 160)
# Widths that the fused maps are reduced to: that of the next finer one; the finest is ours.
REDUCED_WIDTHS = (12, *WIDTHS[:3])


class Fusion(nn.Module):
    """Join a lateral map with all finer ones and the doubled coarser one, refine and double."""

    def __init__(self, level: int) -> None:
        super().__init__()
        width, reduced = WIDTHS[level], REDUCED_WIDTHS[level]
        self.down = nn.ModuleList(
            AxialDownsample(WIDTHS[finer], width, 2 ** (level - finer)) for finer in range(level)
        )
        self.join = AdaptiveSum(level + 2)
        self.reduce = NormedConvBlock(width, reduced)
        self.refine = Refinement(reduced, level)
        self.upsample = MultiScaleUpsample(reduced, level)

    def forward(self, laterals: list[Tensor], below: Tensor) -> tuple[Tensor, Tensor]:
        """Return the fused map at the size of the last lateral one, and doubled."""
        brought = [down(finer) for down, finer in zip(self.down, laterals)]
        fused = self.refine(self.reduce(self.join([*brought, laterals[-1], below])))
        return fused, self.upsample(fused)


class HQDecV2(DepthNetwork):
    """Every encoder map reaches every coarser fusion; disparities at 1, 1/2 and 1/4."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        widths = (*WIDTHS, WIDTHS[-1])
        self.laterals = nn.ModuleList(
            nn.Sequential(NormedConvBlock(channels, width), Refinement(width, level))
            for level, (channels, width) in enumerate(zip(encoder.channels, widths))
        )
        self.upsample = MultiScaleUpsample(widths[-1], len(WIDTHS))
        self.fusions = nn.ModuleList(map(Fusion, range(len(WIDTHS))))
        head_widths = (REDUCED_WIDTHS[0], *REDUCED_WIDTHS[:2])
        self.heads = nn.ModuleList(
            GatedHead(width, level) for level, width in enumerate(head_widths, start=-1)
        )

    def decode(self, features: list[Tensor]) -> DepthOutput:
        """Return three disparities (one once deployed) and the five decoder features."""
        laterals = [lateral(feature) for lateral, feature in zip(self.laterals, features)]
        doubled = self.upsample(laterals[4])
        decoded: list[Tensor] = []
        for level in (3, 2, 1, 0):
            fused, doubled = self.fusions[level](laterals[: level + 1], doubled)
            decoded.insert(0, fused)
        decoded.insert(0, doubled)
        return DepthOutput([head(x) for head, x in zip(self.heads, decoded)], decoded)


@register_network(paper=PAPER, input_size=(128, 416))
def hqdec_v2() -> HQDecV2:
    """EfficientNetV2-S encoder, 24.65 M parameters and 3.90 GFLOPs (Table I)."""
    return HQDecV2(efficientnet_v2_encoder())
