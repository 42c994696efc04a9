"""The building blocks that several papers share."""

import torch
import torch.nn.functional as F  # noqa: N812
from timm.layers.drop import drop_path
from torch import Tensor, nn


def reflect_conv(in_channels: int, out_channels: int) -> nn.Conv2d:
    """Build a 3x3 convolution with bias whose border mirrors the image."""
    return nn.Conv2d(in_channels, out_channels, 3, padding=1, padding_mode='reflect')


def check_drop_rate(rate: float) -> None:
    """Raise a ValueError unless some of what may be dropped is left."""
    if not 0.0 <= rate < 1.0:
        raise ValueError(f'Drop rate is {rate}; expected 0 to below 1, for example 0.5.')


class TrainingDrop(nn.Module):
    """A share of something that is set to zero at random while training.

    Nothing is dropped before training tells its progress (`set_training_progress`).

    Args:
        highest_rate: the largest share that is ever dropped.
    """

    def __init__(self, highest_rate: float) -> None:
        super().__init__()
        check_drop_rate(highest_rate)
        self.highest_rate = highest_rate
        self.progress: float | None = None


class GrowingDrop(TrainingDrop):
    """Drop whole samples at a rate that grows linearly with training (FA-Depth, Eqs. 4 and 5).

    The samples that are kept are scaled so that the mean stays.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, ...) with whole samples set to zero."""
        rate = self.highest_rate * (self.progress or 0.0)
        if not self.training or rate == 0.0:
            return x
        kept = x.new_empty(x.shape[0], *[1] * (x.ndim - 1)).bernoulli_(1 - rate)
        return x * kept / (1 - rate)


class ElementDrop(TrainingDrop):
    """Set single elements to zero at a constant rate; the rest is scaled to keep the mean."""

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        is_on = self.training and self.progress is not None
        return F.dropout(x, self.highest_rate, training=is_on)


class SampleDrop(TrainingDrop):
    """Set whole samples to zero at a constant rate; the rest is scaled to keep the mean."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, ...)."""
        is_on = self.training and self.progress is not None
        dropped: Tensor = drop_path(x, self.highest_rate, training=is_on)
        return dropped


def upsample(x: Tensor, factor: int = 2) -> Tensor:
    """Multiply the height and width of (B, C, H, W) by repeating pixels."""
    return F.interpolate(x, scale_factor=factor, mode='nearest')


def upsample_bilinear(x: Tensor) -> Tensor:
    """Double the height and width of (B, C, H, W) bilinearly, pixel centres aligned as areas."""
    return F.interpolate(x, scale_factor=2, mode='bilinear', align_corners=False)


class OffsetUpsample(nn.Module):
    """Double height and width, each new pixel sampled at a learned offset (LKA-Depth).

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


class ConvBlock(nn.Module):
    """Mirrored 3x3 convolution and ELU, the unit of Monodepth2's decoder."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = reflect_conv(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, H, W)."""
        return F.elu(self.conv(x), inplace=True)


class PointwiseBlock(nn.Module):
    """1x1 convolution with bias and ELU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, H, W)."""
        return F.elu(self.conv(x), inplace=True)


class ChannelAttention(nn.Module):
    """Weigh channels by squeeze-and-excitation of their means, without biases.

    Sixteen channels share a hidden unit in the public code of every paper that has this block.
    """

    REDUCTION = 16

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = channels // self.REDUCTION
        self.squeeze = nn.Conv2d(channels, hidden, 1, bias=False)
        self.excite = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, channels, H, W), each channel times a number in (0, 1)."""
        squeezed = self.squeeze(x.mean((2, 3), keepdim=True)).relu()
        return x * torch.sigmoid(self.excite(squeezed))


class DisparityHead(nn.Module):
    """Mirrored 3x3 convolution to one channel and a sigmoid."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = reflect_conv(in_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, 1, H, W) in (0, 1)."""
        return torch.sigmoid(self.conv(x))
