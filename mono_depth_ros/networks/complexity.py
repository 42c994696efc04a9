"""Count what a network costs."""

from copy import deepcopy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(module: nn.Module) -> int:
    """Return the number of weights, without batch norm statistics."""
    return sum(parameter.numel() for parameter in module.parameters())


def count_conv_macs(network: nn.Module, size: tuple[int, int]) -> int:
    """Return the multiply-accumulates of all convolutions for one image, in eval mode.

    Nothing is computed: the network runs on torch's meta device.

    Args:
        network: takes a (1, 3, H, W) image.
        size: (height, width) of the image.
    """
    network = deepcopy(network).to('meta').eval().requires_grad_(False)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        network(torch.empty(1, 3, *size, device='meta'))
    operations = counter.get_flop_counts()['Global']
    return sum(flops for op, flops in operations.items() if 'convolution' in str(op)) // 2
