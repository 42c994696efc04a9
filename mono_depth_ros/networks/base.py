"""What every depth network is, whatever its paper."""

from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mono_depth_ros.networks.layers.blocks import TrainingDrop
from mono_depth_ros.networks.layers.fold_bn import fold_batch_norm
from mono_depth_ros.networks.layers.reparam import merge_branches
from mono_depth_ros.types import SIZE_MULTIPLE


class DepthOutput(NamedTuple):
    """What a decoder returns.

    Attributes:
        disparities: level s is (B, 1, H / 2^s, W / 2^s) in (0, 1), finest first.
        features: the decoder's feature maps, finest first, for losses that need them.
    """

    disparities: list[Tensor]
    features: list[Tensor]


class DepthNetwork(nn.Module):
    """An encoder, a decoder and one disparity head per level.

    A subclass builds `encoder` and `heads` (finest level first) and implements `decode`.
    The image is normalised inside the encoder, because papers differ in it.
    """

    encoder: nn.Module
    heads: nn.ModuleList

    def encode(self, image: Tensor) -> list[Tensor]:
        """Return the encoder's feature maps of a (B, 3, H, W) image in [0, 1], finest first."""
        features: list[Tensor] = self.encoder(image)
        return features

    def decode(self, features: list[Tensor]) -> DepthOutput:
        """Turn the encoder's feature maps into disparities, one per remaining head."""
        raise NotImplementedError

    def forward(self, image: Tensor) -> DepthOutput | Tensor:
        """Predict disparity in (0, 1).

        Args:
            image: (B, 3, H, W) RGB in [0, 1]; H and W are multiples of `SIZE_MULTIPLE`.

        Returns:
            All levels while training; (B, 1, H, W), the finest one, in eval mode.
        """
        self._check_image(image)
        output = self.decode(self.encode(image))
        return output if self.training else output.disparities[0]

    def set_training_progress(self, progress: float) -> None:
        """Set what depends on how far training is: from now on drops drop.

        Args:
            progress: 0 to 1, the share of the steps that are done.
        """
        if not 0.0 <= progress <= 1.0:
            raise ValueError(
                f'Training progress is {progress}; expected 0 to 1. Pass step / total steps.'
            )
        for module in self.modules():
            if isinstance(module, TrainingDrop):
                module.progress = progress

    def deploy(self) -> 'DepthNetwork':
        """Return a copy for inference: same disparity, less work.

        The copy is in eval mode, keeps the finest head only and carries the branches of its
        kernels and its batch norms inside its convolutions. It can no longer be trained.
        """
        network = deepcopy(self).eval().requires_grad_(False)
        network.heads = network.heads[:1]
        merge_branches(network)
        fold_batch_norm(network)
        # up to twice as fast on CPUs: depthwise convolutions like their channels together
        return network.to(memory_format=torch.channels_last)

    def check_input_size(self, height: int, width: int) -> None:
        """Raise a ValueError that names the nearest legal size if this one is not."""
        legal = tuple(nearest_multiple(extent, SIZE_MULTIPLE) for extent in (height, width))
        if legal != (height, width):
            raise ValueError(
                f'Input size {height}x{width} (height x width) is not a multiple of '
                f'{SIZE_MULTIPLE}. Resize the image; the nearest legal size is '
                f'{legal[0]}x{legal[1]}.'
            )

    def _check_image(self, image: Tensor) -> None:
        if image.ndim != 4 or image.shape[1] != 3:
            raise ValueError(
                f'Image has shape {tuple(image.shape)}; expected (B, 3, H, W) in RGB order. '
                'Add the batch axis, or drop the alpha channel.'
            )
        if not image.is_floating_point():
            raise ValueError(
                f'Image has dtype {image.dtype}; expected a floating point image in [0, 1]. '
                'Divide a uint8 image by 255.'
            )
        self.check_input_size(image.shape[2], image.shape[3])


def nearest_multiple(extent: float, multiple: int) -> int:
    """Return the nearest multiple above 0 of a number of pixels."""
    return max(1, int(extent / multiple + 0.5)) * multiple
