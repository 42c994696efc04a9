"""The network on bytes, in the precision that was asked for."""

from copy import deepcopy

import torch
from torch import Tensor, nn

from mono_depth_ros.networks import DepthNetwork
from mono_depth_ros.networks.layers.dynamic_conv import AttendedConv2d

_HEAVY = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, AttendedConv2d)


class DisparityOfBytes(nn.Module):
    """Take images as they lie in memory, give the finest disparity.

    Args:
        network: deployed; kept as it is in float32, copied in half precision.
        dtype: of the convolutions. Autocast keeps in float32 what half precision would spoil.
        layout: of feature maps in memory; the weights' is the network's own affair.
    """

    def __init__(
        self,
        network: DepthNetwork,
        dtype: torch.dtype,
        layout: torch.memory_format = torch.channels_last,
    ) -> None:
        super().__init__()
        self.layout = layout
        self.is_half = dtype != torch.float32
        self.dtype = dtype
        self.network: nn.Module = _halved(network, dtype) if self.is_half else network
        self.eval()  # the exporter gives modules back in the mode that it found them in

    def forward(self, images: Tensor) -> Tensor:
        """Return (B, H, W) float32 disparity of (B, H, W, 3) uint8 RGB images."""
        image = images.permute(0, 3, 1, 2).float() / 255  # channels last, as the bytes are
        image = image.contiguous(memory_format=self.layout)
        if not self.is_half:
            disparity: Tensor = self.network(image)
            return disparity[:, 0]
        with torch.autocast(images.device.type, self.dtype, cache_enabled=False):
            disparity = self.network(image)
        return disparity[:, 0].float()


class FullPrecision(nn.Module):
    """Run a module in float32 inside autocast."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        """Return what the module makes of x, in float32."""
        with torch.autocast(x.device.type, enabled=False):
            result: Tensor = self.module(x.float())
        return result


def _halved(network: DepthNetwork, dtype: torch.dtype) -> DepthNetwork:
    """Return a copy whose weights autocast need not convert anew for every image.

    The head stays in float32: a disparity near 0 is a large depth, which half precision would
    quantise.
    """
    copy = deepcopy(network)
    head = copy.heads[0]
    for module in copy.modules():
        if isinstance(module, _HEAVY):
            module.to(dtype)
    copy.heads[0] = FullPrecision(head.float())
    return copy
