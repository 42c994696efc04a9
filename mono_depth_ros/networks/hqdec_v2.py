"""HQDecv2: the large network that teaches SmallDepth (FA-Depth, III-D; no public code).

Its parts first: weighing maps, relating pixels, changing resolution.

Nothing is learned for a place in the image, so that any size will do. Batch norm stands directly
behind convolutions only, so that it folds into them. Level l is at 1 / 2^(l+1) of the image.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from timm.layers.norm import LayerNorm2d
from torch import Tensor, nn

from mono_depth_ros.networks.base import DepthNetwork, DepthOutput
from mono_depth_ros.networks.encoders import Encoder, efficientnet_v2_encoder
from mono_depth_ros.networks.layers.blocks import (
    ChannelAttention,
    ConvBlock,
    PointwiseBlock,
    reflect_conv,
    upsample_bilinear,
)
from mono_depth_ros.networks.registry import register_network
from mono_depth_ros.networks.small_depth import PAPER

TOKEN_LEVEL = 4  # tokens are at 1/32 of the image
# Per level: how much narrower context is worked out (r), and heads; HQDec's.
REDUCTIONS = (2, 4, 4, 8, 8)
HEADS = (2, 4, 4, 8, 8)
HEAD_WIDTH = 20  # ours: meets the paper's parameters
NORM_GROUPS = 8


class AdaptiveSum(nn.Module):
    """Add n maps of one shape, each as much as every pixel wants of it (AdaCoeff, Eq. 23)."""

    EXPANSION = 2  # ours: meets the paper's multiply-accumulates

    def __init__(self, maps: int) -> None:
        super().__init__()
        wide = self.EXPANSION * maps
        self.expand = ConvBlock(maps, wide)
        self.relate = ConvBlock(wide, wide)
        self.squeeze = reflect_conv(wide, maps)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Return (B, C, H, W); at every pixel the maps' shares sum to 1."""
        means = torch.cat([x.mean(1, keepdim=True) for x in maps], dim=1)
        shares = self.squeeze(self.relate(self.expand(means))).softmax(1)
        return torch.stack([shares[:, i, None] * x for i, x in enumerate(maps)]).sum(0)


class NeighbourAttention(nn.Module):
    """Weigh each channel by its own mean and those of its two neighbours (ECA)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, H, W), each channel times a number in (0, 1)."""
        weights = torch.sigmoid(self.conv(x.mean((2, 3))[:, None]))
        return x * weights[:, 0, :, None, None]


class TransformerBlock(nn.Module):
    """Multi-head attention and a two-layer perceptron over the pixels of a small map."""

    EXPANSION = 2

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = LayerNorm2d(width)
        self.ask = nn.Conv2d(width, 3 * width, 1)  # queries, keys and values
        self.answer = nn.Conv2d(width, width, 1)
        self.perceptron = nn.Sequential(
            LayerNorm2d(width),
            nn.Conv2d(width, self.EXPANSION * width, 1),
            nn.GELU(),
            nn.Conv2d(self.EXPANSION * width, width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, width, H, W)."""
        x = x + self._attend(self.attention_norm(x))
        refined: Tensor = x + self.perceptron(x)
        return refined

    def _attend(self, x: Tensor) -> Tensor:
        batch, width = x.shape[:2]
        asked = self.ask(x).reshape(batch, 3, self.heads, width // self.heads, -1)
        query, key, value = asked.transpose(3, 4).unbind(1)
        seen = F.scaled_dot_product_attention(query, key, value)  # (B, heads, H W, head width)
        attended: Tensor = self.answer(seen.transpose(2, 3).reshape(x.shape))
        return attended


class GlobalContext(nn.Module):
    """Relate all of a map to all of it, through tokens at 1/32 of the image (Eqs. 25 and 26).

    Tokens overlap, because each halving's filter is wider than its stride. The way back is
    bilinear, adds what the same resolution was on the way down, and refines the sum: nothing of
    it has a grid.

    Args:
        channels: of the map.
        level: of the map; -1 is the image's own resolution.
    """

    BLOCKS = 2

    def __init__(self, channels: int, level: int) -> None:
        super().__init__()
        halvings, heads = TOKEN_LEVEL - level, HEADS[max(level, 0)]
        width = heads * HEAD_WIDTH
        self.halve = nn.ModuleList(_depthwise(channels, stride=2) for _ in range(halvings))
        self.embed = nn.Conv2d(channels, width, 1)
        self.relate = nn.Sequential(
            *(TransformerBlock(width, heads) for _ in range(self.BLOCKS)), LayerNorm2d(width)
        )
        self.recover = nn.Conv2d(width, channels, 1)
        self.refine = nn.ModuleList(_depthwise(channels) for _ in range(halvings))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, channels, H, W)."""
        sampled = [x]
        for halve in self.halve:
            sampled.append(halve(sampled[-1]))
        recovered: Tensor = self.recover(self.relate(self.embed(sampled[-1]))) + sampled.pop()
        for refine in self.refine:
            recovered = refine(upsample_bilinear(recovered) + sampled.pop())
        return recovered


class NormedConvBlock(nn.Module):
    """Mirrored 3x3 convolution, batch norm and ELU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out_channels, 3, padding=1, padding_mode='reflect', bias=False
        )
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, H, W)."""
        return F.elu(self.norm(self.conv(x)))


class Refinement(nn.Module):
    """Merge a map with its local and its global context (AdaRMv2, Eqs. 24 and 25)."""

    def __init__(self, channels: int, level: int) -> None:
        super().__init__()
        reduced = channels // REDUCTIONS[level]
        self.reduce = PointwiseBlock(channels, reduced)
        self.near = nn.Sequential(
            ConvBlock(reduced, reduced), *_pointwise_norm(reduced, channels), NeighbourAttention()
        )
        self.far = nn.Sequential(
            GlobalContext(reduced, level),
            *_pointwise_norm(reduced, channels),
            NeighbourAttention(),
        )
        self.merge = AdaptiveSum(3)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, channels, H, W)."""
        reduced = self.reduce(x)
        return F.elu(self.merge([x, self.near(reduced), self.far(reduced)]))


class ChannelMixing(nn.Module):
    """Let channels see their surroundings, then each other (as in HQDec's AdaAxialNPCAS)."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.surroundings = _depthwise(channels)
        self.norm = nn.GroupNorm(NORM_GROUPS, channels)
        self.attention = ChannelAttention(channels)
        self.mix = nn.Sequential(*_pointwise_norm(channels, out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, H, W)."""
        mixed: Tensor = self.mix(self.attention(self.norm(F.elu(self.surroundings(x)))))
        return mixed


class AxialDownsample(nn.Module):
    """Shrink by folding rows, then columns, into channels, beside pooling (AdaAxialNPCAS).

    Args:
        in_channels: of the larger map.
        out_channels: of the smaller one.
        factor: that height and width are divided by.
    """

    def __init__(self, in_channels: int, out_channels: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.rows = ChannelMixing(factor * in_channels, in_channels)
        self.columns = ChannelMixing(factor * in_channels, out_channels)
        self.pool = nn.Sequential(
            nn.MaxPool2d(factor), *_pointwise_norm(in_channels, out_channels)
        )
        self.merge = AdaptiveSum(2)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, H / factor, W / factor)."""
        rows = self.rows(fold(x, 2, self.factor))
        columns = self.columns(fold(rows, 3, self.factor))
        return F.elu(self.merge([self.pool(x), columns]))


class MultiScaleUpsample(nn.Module):
    """Double height and width from four maps of ever farther context (DAdaNRSUv2, Eq. 27)."""

    def __init__(self, channels: int, level: int) -> None:
        super().__init__()
        self.near = _depthwise(channels)
        self.wider = _depthwise(channels, kernel=5)
        self.far = Refinement(channels, level)
        self.mix = ChannelMixing(4 * channels, 4 * channels)
        self.merge = AdaptiveSum(2)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, channels, 2H, 2W)."""
        scales = torch.cat([x, F.elu(self.near(x)), F.elu(self.wider(x)), self.far(x)], dim=1)
        rearranged = F.pixel_shuffle(self.mix(scales), 2)
        merged: Tensor = self.merge([upsample_bilinear(x), rearranged])
        return merged


class GatedHead(nn.Module):
    """A convolution to one channel, times a gate that knows the whole map (AttDispv2)."""

    def __init__(self, channels: int, level: int) -> None:
        super().__init__()
        self.attention = NeighbourAttention()
        self.logit = reflect_conv(channels, 1)
        self.context = GlobalContext(channels, level)
        self.gate = nn.Conv2d(channels, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, 1, H, W) in (0, 1)."""
        attended = self.attention(x)
        gate = torch.sigmoid(self.gate(self.context(attended)))
        return torch.sigmoid(self.logit(attended) * gate)


def fold(x: Tensor, axis: int, factor: int) -> Tensor:
    """Make `factor` channels out of every `factor` rows (axis 2) or columns (axis 3)."""
    return torch.unflatten(x, axis, (-1, factor)).movedim(axis + 1, 2).flatten(1, 2)


def _depthwise(channels: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels)


def _pointwise_norm(in_channels: int, out_channels: int) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    return nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels)


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
