"""OE-Depth: DIFFNet with dynamic convolutions (Zhang and Yu; no public code, see docs)."""

import re
from typing import Annotated

from torch import nn

from mono_depth_ros.networks.diffnet import DIFFNet
from mono_depth_ros.networks.encoders import hrnet18_internal_encoder
from mono_depth_ros.networks.layers.dynamic_conv import KernelAttention, ODConv2d
from mono_depth_ros.networks.layers.fold_bn import replace_module
from mono_depth_ros.networks.registry import register_network

_BLOCKS = r'\.\d\.branches\.\d\.\d\.conv'
# Which of the encoder's convolutions are dynamic; the paper does not say.
PLACES = {
    'none': r'(?!)',
    'layer1_3x3': r'layer1\.\d\.conv2',
    'layer1': r'layer1\.\d\.conv\d',
    'block_starts': rf'stage[234]{_BLOCKS}1',
    'blocks': rf'stage[234]{_BLOCKS}\d',
    'stage4': rf'stage4{_BLOCKS}\d',
    'all': r'(?!conv1$).+',
}

HOTTEST = 30.0
# of training, after which the temperature is 1: 10 of the paper's 20 epochs
COOLED_AT = 0.5


class OEDepth(DIFFNet):
    """DIFFNet, some of whose encoder's convolutions weigh their kernels by the image.

    Args:
        where: a key of PLACES.
        kernels: how many kernels each of these convolutions has.
    """

    def __init__(self, where: str, kernels: int) -> None:
        encoder = hrnet18_internal_encoder()
        super().__init__(encoder)
        if where not in PLACES:
            raise ValueError(
                f"Dynamic convolutions are wanted in '{where}'; expected one of "
                f'{", ".join(PLACES)}.'
            )
        for name, module in list(encoder.trunk.named_modules()):
            if isinstance(module, nn.Conv2d) and re.fullmatch(PLACES[where], name):
                replace_module(encoder.trunk, name, _dynamic(module, kernels))

    def set_training_progress(self, progress: float) -> None:
        """Cool the attentions from 30 to 1 in the first half of training; uncalled, they are at 1.

        At first all kernels are weighed nearly alike, and so all of them learn.
        """
        super().set_training_progress(progress)
        warmth = max(0.0, 1 - progress / COOLED_AT)
        for module in self.modules():
            if isinstance(module, KernelAttention):
                module.temperature.fill_(1 + (HOTTEST - 1) * warmth)


def _dynamic(conv: nn.Conv2d, kernels: int) -> ODConv2d:
    return ODConv2d(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size[0],
        stride=conv.stride[0],
        padding=int(conv.padding[0]),
        kernels=kernels,
    )


@register_network(
    paper='Zhang and Yu, "Monocular depth estimation using multi-dimensional dynamic '
    'convolution" (OE-Depth), on DIFFNet',
    input_size=(192, 640),
)
def oe_depth(
    where: Annotated[
        str, "which of the encoder's convolutions are dynamic: " + ', '.join(PLACES)
    ] = 'layer1_3x3',
    kernels: Annotated[int, 'how many kernels a dynamic convolution weighs'] = 4,
) -> OEDepth:
    """HRNet18 encoder with dynamic convolutions, 11.33 M parameters with the defaults."""
    return OEDepth(where, kernels)
