"""Depth in the camera's own image, with the honest name of its unit."""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from mono_depth_ros.geometry.disparity import disparity_to_depth
from mono_depth_ros.inference.checkpoint import load_network
from mono_depth_ros.inference.model_card import ModelCard
from mono_depth_ros.inference.preprocessing import Image, Size, legal_size, to_network_input
from mono_depth_ros.inference.units import DepthScaling, depth_scaling

Depth = NDArray[np.float32]
Intrinsics = NDArray[np.float64]

PRECISIONS = {
    'float32': torch.float32,
    'float16': torch.float16,
    'bfloat16': torch.bfloat16,
}


class DepthEstimator:
    """A model card's network, ready to run on one device.

    Args:
        card: the model card.
        device: 'cpu', 'cuda' or 'cuda:N'; another one never takes its place.
        precision: 'float32', 'bfloat16', or 'float16' (CUDA only).
        threads: CPU threads of PyTorch, for the whole process; None leaves them alone.
        fit: how images are brought to the network's size, see legal_size.
        calibration_images: RGB images for the batch norms of an untrained card.

    Raises:
        FileNotFoundError: the weights file does not exist.
        ValueError: a choice that does not exist or is not available here, or wrong weights.
    """

    def __init__(
        self,
        card: ModelCard,
        *,
        device: str = 'cpu',
        precision: str = 'float32',
        threads: int | None = None,
        fit: str = 'keep_aspect',
        calibration_images: Sequence[Image] | None = None,
    ) -> None:
        self.card = card
        self.device = checked_device(device)
        self._dtype = _checked_precision(precision, self.device)
        self._fit = fit
        self.network_size(card.input_size)  # refuses a wrong fit before the weights load
        if threads is not None:
            _set_threads(threads)
        network = load_network(card, calibration_images).deploy()
        self._network = network.to(self.device)

    def network_size(self, image_size: Size) -> Size:
        """Return the (height, width) at which the network sees images of a size."""
        return legal_size(image_size, self.card.input_size, self._fit)

    def scaling(
        self, K: Intrinsics | None, image_size: Size, depth_scale: float | None = None
    ) -> DepthScaling:
        """Return what unit a camera's depth has and how it gets it, see depth_scaling."""
        network_size = self.network_size(image_size)
        return depth_scaling(self.card, K, image_size, network_size, depth_scale)

    def warm_up(self, image_sizes: Sequence[Size]) -> None:
        """Run once per image size, so that the first real image finds all set up."""
        for size in image_sizes:
            self._disparities([np.zeros((*size, 3), np.uint8)], self.network_size(size))

    def estimate(
        self,
        images: Sequence[Image],
        Ks: Sequence[Intrinsics | None] | None = None,
        depth_scale: float | None = None,
    ) -> list[Depth]:
        """Estimate the depth of images; those of equal network size run as one batch.

        Args:
            images: (H, W, 3) uint8 RGB images, sizes may differ.
            Ks: (3, 3) intrinsics of each image [px]; only metric cards need them.
            depth_scale: metres per unit of the network's depth; wins over the card's.

        Returns:
            (H, W) float32 depth along the optical axis per image, of its size and in their
            order; which unit it has says scaling() [m unless relative].

        Raises:
            ValueError: an image is of another kind, or the unit cannot be found.
        """
        intrinsics = [None] * len(images) if Ks is None else Ks
        if len(intrinsics) != len(images):
            raise ValueError(f'{len(images)} images, but {len(intrinsics)} Ks; give one for each.')
        for image in images:
            _check_image(image)
        scalings = [
            self.scaling(K, _size(image), depth_scale) for image, K in zip(images, intrinsics)
        ]
        return [
            self._depth(disparity, _size(image), scaling.factor)
            for image, disparity, scaling in zip(images, self._in_batches(images), scalings)
        ]

    def _in_batches(self, images: Sequence[Image]) -> list[Depth]:
        """Return every image's disparity (h, w) at its network size, in the images' order."""
        batches: dict[Size, list[int]] = defaultdict(list)
        for index, image in enumerate(images):
            batches[self.network_size(_size(image))].append(index)
        disparities: dict[int, Depth] = {}
        for size, indices in batches.items():
            batch = self._disparities([images[index] for index in indices], size)
            disparities.update(zip(indices, batch))
        return [disparities[index] for index in range(len(images))]

    @torch.inference_mode()
    def _disparities(self, images: Sequence[Image], size: Size) -> Depth:
        """Run the network: (B, height, width) disparity."""
        batch = to_network_input(images, size).to(self.device)
        # Autocast keeps in float32 what half precision would spoil, such as sampling grids.
        is_half = self._dtype != torch.float32
        with torch.autocast(self.device.type, self._dtype, enabled=is_half):
            disparity = self._network(batch)
        result: Depth = disparity[:, 0].float().cpu().numpy()
        return result

    def _depth(self, disparity: Depth, size: Size, factor: float) -> Depth:
        """Resize disparity and only then invert it: inverse depth is linear on a plane.

        NumPy, because PyTorch's threads wait for each other longer than this takes when the
        cores are busy.
        """
        resized: NDArray[Any] = cv2.resize(disparity, size[::-1], interpolation=cv2.INTER_LINEAR)
        depth = disparity_to_depth(resized, self.card.min_depth, self.card.max_depth)
        result: Depth = np.multiply(depth, np.float32(factor), out=depth)
        return result


def _size(image: Image) -> Size:
    return image.shape[0], image.shape[1]


def _check_image(image: Image) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise ValueError(
            f'Image has shape {image.shape} and type {image.dtype}; expected (H, W, 3) uint8 '
            'in RGB order.'
        )


def checked_device(name: str) -> torch.device:
    """Return the device of a name, or raise a ValueError that says why it is not to be had."""
    if not re.fullmatch(r'cpu|cuda(:\d+)?', name):
        raise ValueError(f"device is '{name}'; expected cpu, cuda or cuda:N (N counts from 0).")
    device = torch.device(name)
    if device.type == 'cpu':
        return device
    if not torch.cuda.is_available():
        raise ValueError(
            f"device is '{name}', but PyTorch {torch.__version__} finds no CUDA GPU. Check "
            'nvidia-smi and that PyTorch is a CUDA build, or ask for device cpu.'
        )
    if (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device is '{name}', but there are {torch.cuda.device_count()} CUDA GPUs and N "
            'counts from 0.'
        )
    return device


def _checked_precision(name: str, device: torch.device) -> torch.dtype:
    if name not in PRECISIONS:
        raise ValueError(f"precision is '{name}'; expected {', '.join(PRECISIONS)}.")
    if name == 'float16' and device.type == 'cpu':
        raise ValueError(
            'precision float16 needs a CUDA device; on the CPU take float32 or bfloat16.'
        )
    return PRECISIONS[name]


def _set_threads(threads: int) -> None:
    if threads < 1:
        raise ValueError(f'threads is {threads}; expected 1 or more, or None.')
    torch.set_num_threads(threads)
