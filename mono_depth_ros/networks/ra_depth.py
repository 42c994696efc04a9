"""RA-Depth: HRNet18 and a decoder that keeps exchanging resolutions (He et al., ECCV 2022)."""

from torch import Tensor, nn

from mono_depth_ros.networks.base import DepthNetwork, DepthOutput
from mono_depth_ros.networks.encoders import Encoder, hrnet18_encoder
from mono_depth_ros.networks.layers.blocks import (
    ConvBlock,
    DisparityHead,
    OffsetUpsample,
    PointwiseBlock,
)
from mono_depth_ros.networks.registry import register_network


class Lift(PointwiseBlock):
    """Enlarge a map, then bring it to the width of a finer one.

    Args:
        in_channels: of the map.
        out_channels: of the finer one.
        factor: of height and width.
        offset_upsampling: double at learned offsets; larger factors always repeat pixels.
    """

    def __init__(
        self, in_channels: int, out_channels: int, factor: int, *, offset_upsampling: bool
    ) -> None:
        super().__init__(in_channels, out_channels)
        self.upsample = _upsampler(in_channels, factor, offset_upsampling=offset_upsampling)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, factor * H, factor * W)."""
        return super().forward(self.upsample(x))


class ExchangeColumn(nn.Module):
    """Refine every map, then add to each but the coarsest what all coarser ones say.

    Args:
        widths: of the maps, each half the size of the one before.
        offset_upsampling: see `Lift`.
    """

    def __init__(self, widths: tuple[int, ...], *, offset_upsampling: bool = False) -> None:
        super().__init__()
        self.refine = nn.ModuleList(ConvBlock(width, width) for width in widths)
        self.lift = nn.ModuleList(
            nn.ModuleList(
                Lift(coarser, width, 2**halvings, offset_upsampling=offset_upsampling)
                for halvings, coarser in enumerate(widths[level + 1 :], start=1)
            )
            for level, width in enumerate(widths[:-1])
        )

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Return the maps without the coarsest."""
        refined = [conv(x) for conv, x in zip(self.refine, maps)]
        return [_sum_with_coarser(lifts, refined[level:]) for level, lifts in enumerate(self.lift)]


class RADepth(DepthNetwork):
    """Columns of exchange until one map is left, joined with the stem's; one disparity.

    Args:
        encoder: gives features at 1/2 to 1/32.
        offset_upsampling: double at learned offsets, as LKA-Depth tries without its attention.
    """

    def __init__(self, encoder: Encoder, *, offset_upsampling: bool = False) -> None:
        super().__init__()
        self.encoder = encoder
        stem, *widths = encoder.channels
        self.columns = nn.ModuleList(
            ExchangeColumn(tuple(widths[:count]), offset_upsampling=offset_upsampling)
            for count in (4, 3, 2)
        )
        self.stem = ConvBlock(stem, stem)
        self.last = ConvBlock(widths[0], widths[0])
        self.lift = Lift(widths[0], stem, 2, offset_upsampling=offset_upsampling)
        self.before_doubling = ConvBlock(stem, 32)
        self.upsample = _upsampler(32, 2, offset_upsampling=offset_upsampling)
        self.after_doubling = ConvBlock(32, 16)
        self.heads = nn.ModuleList([DisparityHead(16)])

    def decode(self, features: list[Tensor]) -> DepthOutput:
        """Return one disparity and the features it went through, at 1/1, 1/2 and 1/4."""
        stem, *maps = features
        for column in self.columns:
            maps = column(maps)
        last = self.last(maps[0])
        joined = self.stem(stem) + self.lift(last)
        finest = self.after_doubling(self.upsample(self.before_doubling(joined)))
        return DepthOutput([self.heads[0](finest)], [finest, joined, last])


def _sum_with_coarser(lifts: nn.Module, maps: list[Tensor]) -> Tensor:
    total, *coarser = maps
    for lift, x in zip(lifts.children(), coarser):
        total = total + lift(x)
    return total


def _upsampler(channels: int, factor: int, *, offset_upsampling: bool) -> nn.Module:
    if offset_upsampling and factor == 2:
        return OffsetUpsample(channels)
    return nn.Upsample(scale_factor=factor)


@register_network(
    paper='He et al., "RA-Depth: Resolution Adaptive Self-Supervised Monocular Depth '
    'Estimation", ECCV 2022, arXiv:2207.11984',
    input_size=(192, 640),
)
def ra_depth() -> RADepth:
    """HRNet18 encoder, 9.98 M parameters; the baseline of LKA-Depth."""
    return RADepth(hrnet18_encoder())
