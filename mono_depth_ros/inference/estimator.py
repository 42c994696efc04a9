"""Depth in the camera's own image, with the honest name of its unit."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch

from mono_depth_ros.deprecation import old_keywords
from mono_depth_ros.geometry.disparity import inverse_depth_line
from mono_depth_ros.inference import cpu_io, gpu_io
from mono_depth_ros.inference.backends.base import PRECISIONS, BackendError, EngineSpec
from mono_depth_ros.inference.backends.cache import cache_folder, fingerprint
from mono_depth_ros.inference.backends.gate import calibration_images as package_images
from mono_depth_ros.inference.backends.select import Served, candidates, serve
from mono_depth_ros.inference.cards.checkpoint import load_network
from mono_depth_ros.inference.cards.model_card import ModelCard
from mono_depth_ros.inference.preprocessing import legal_size
from mono_depth_ros.inference.units import DepthScaling, depth_scaling
from mono_depth_ros.types import Depth, Image, Intrinsics, Size


class ScaledDepth(NamedTuple):
    """The depth of one image, and how it got its unit.

    Attributes:
        depth: (H, W) float32 along the optical axis, of the image's size [m unless relative].
        scaling: factor, kind and warning.
    """

    depth: Depth
    scaling: DepthScaling


# Network sizes that keep their engines: cameras have one each, and few robots more cameras.
MAX_SIZES = 8


class DepthEstimator:
    """A model card's network, ready to run on one device.

    Args:
        card: the model card.
        device: 'cpu', 'cuda' or 'cuda:N'; another one never takes its place.
        precision: 'float32', 'bfloat16', or 'float16' (CUDA only).
        backend: a name in BACKENDS, or 'auto' for the first that works and proves its numbers.
        cameras: how many images usually come at once; engines exist for one and for so many.
        threads: CPU threads for the whole process; None leaves them alone.
        resize_mode: how images are brought to the network's size, see legal_size.
        calibration_images: RGB images that set the batch norms of an untrained card; None
            takes those that come with the package.
        report: receives progress messages, and which backend serves.

    Raises:
        FileNotFoundError: the weights file does not exist.
        ValueError: a choice that does not exist or is not available here, or wrong weights.
    """

    @old_keywords(fit='resize_mode')
    def __init__(
        self,
        card: ModelCard,
        *,
        device: str = 'cpu',
        precision: str = 'float32',
        backend: str = 'auto',
        cameras: int = 1,
        threads: int | None = None,
        resize_mode: str = 'keep_aspect',
        calibration_images: Sequence[Image] | None = None,
        report: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.card = card
        self.device = checked_device(device)
        self._precision = _checked_precision(precision, self.device)
        self._backends = candidates(backend, self.device, precision, report)
        self._resize_mode = resize_mode
        self.network_size(card.input_size)  # refuses a wrong mode before the weights load
        if threads is not None:
            _set_threads(threads)
        self._batches = 1, cameras
        if calibration_images is None and not card.is_trained:
            calibration_images = package_images()
        self._network = load_network(card, calibration_images).deploy()
        self._fingerprint = fingerprint(self._network)
        self._report = report
        self._served: dict[Size, Served] = {}
        self._refused: dict[Size, BackendError] = {}
        self._frames = cpu_io if self.device.type == 'cpu' else gpu_io

    def network_size(self, image_size: Size) -> Size:
        """Return the (height, width) at which the network sees images of a size."""
        return legal_size(image_size, self.card.input_size, self._resize_mode)

    def scaling(
        self, K: Intrinsics | None, image_size: Size, depth_scale: float | None = None
    ) -> DepthScaling:
        """Return what unit a camera's depth has and how it gets it, see depth_scaling."""
        network_size = self.network_size(image_size)
        return depth_scaling(self.card, K, image_size, network_size, depth_scale)

    def warm_up(self, image_sizes: Sequence[Size]) -> None:
        """Build and run the engines of image sizes, so that the first real image finds all set up.

        Raises:
            ValueError: no backend that may serve can.
        """
        for size in image_sizes:
            images = [np.zeros((*size, 3), np.uint8)]
            for count in self._batches:
                self._depths(images * count, [(0.0, 1.0)] * count, self.network_size(size))

    def served(self, size: Size | None = None) -> Served | None:
        """Return what serves a network size, or the one used last; None before the first image."""
        newest = next(reversed(self._served.values()), None)
        return newest if size is None else self._served.get(size)

    def estimate(
        self,
        images: Sequence[Image],
        Ks: Sequence[Intrinsics | None] | None = None,
        depth_scale: float | None = None,
    ) -> list[Depth]:
        """Return only the depth of estimate_scaled, which takes the same arguments."""
        return [found.depth for found in self.estimate_scaled(images, Ks, depth_scale)]

    def estimate_scaled(
        self,
        images: Sequence[Image],
        Ks: Sequence[Intrinsics | None] | None = None,
        depth_scale: float | None = None,
    ) -> list[ScaledDepth]:
        """Estimate the depth of images; those of equal network size run as one batch.

        Args:
            images: (H, W, 3) uint8 RGB images, sizes may differ.
            Ks: (3, 3) intrinsics of each image [px]; only metric cards need them.
            depth_scale: metres per unit of the network's depth; wins over the card's.

        Returns:
            Depth and scaling per image, in their order.

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
        lines = [self._inverse_depth_line(scaling.factor) for scaling in scalings]
        by_size: dict[Size, list[int]] = defaultdict(list)
        for index, image in enumerate(images):
            by_size[self.network_size(_size(image))].append(index)
        depths: dict[int, Depth] = {}
        for size, indices in by_size.items():
            found = self._depths([images[i] for i in indices], [lines[i] for i in indices], size)
            depths.update(zip(indices, found))
        return [ScaledDepth(depths[index], scaling) for index, scaling in enumerate(scalings)]

    def _inverse_depth_line(self, factor: float) -> tuple[float, float]:
        """Return offset and slope of 1 / (depth x factor) over disparity."""
        offset, slope = inverse_depth_line(self.card.min_depth, self.card.max_depth)
        return offset / factor, slope / factor

    @torch.inference_mode()
    def _depths(
        self, images: Sequence[Image], lines: Sequence[tuple[float, float]], size: Size
    ) -> list[Depth]:
        """Run images of one network size, in as many runs as their number needs."""
        depths: list[Depth] = []
        for engine, count in self._serving(size).runs(len(images)):
            part = slice(len(depths), len(depths) + count)
            self._frames.load(images[part], engine.images)
            sizes = [_size(image) for image in images[part]]
            depths += self._frames.unload(engine.run(), sizes, lines[part])
        return depths

    def _serving(self, size: Size) -> Served:
        """Return what serves a size, built when its first image comes; the last used is last."""
        if size in self._refused:
            raise self._refused[size]
        if size in self._served:
            self._served[size] = self._served.pop(size)
        else:
            _forget_oldest(self._served)
            _forget_oldest(self._refused)
            job = EngineSpec(
                self._network,
                self._fingerprint,
                size,
                1,
                self.device,
                self._precision,
                torch.get_num_threads(),
                cache_folder(),
                self._report,
            )
            depth_range = self.card.min_depth, self.card.max_depth
            try:
                self._served[size] = serve(self._backends, job, self._batches, depth_range)
            except BackendError as error:  # not to be tried again with every image
                self._refused[size] = error
                raise
        return self._served[size]


def _forget_oldest(by_size: dict[Size, Any]) -> None:
    """Make room for one more size, so that a camera of ever new sizes does not fill the memory."""
    while len(by_size) >= MAX_SIZES:
        del by_size[next(iter(by_size))]


def _size(image: Image) -> Size:
    return image.shape[0], image.shape[1]


def _check_image(image: Image) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise ValueError(
            f'Image has shape {image.shape} and type {image.dtype}; expected (H, W, 3) uint8 '
            'in RGB order.'
        )


def checked_device(name: str) -> torch.device:
    """Return the device of a name, or raise a ValueError that says why it is not available."""
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


def _checked_precision(name: str, device: torch.device) -> str:
    if name not in PRECISIONS:
        raise ValueError(f"precision is '{name}'; expected {', '.join(PRECISIONS)}.")
    if name == 'float16' and device.type == 'cpu':
        raise ValueError(
            'precision float16 needs a CUDA device; on the CPU take float32 or bfloat16.'
        )
    return name


def _set_threads(threads: int) -> None:
    if threads < 1:
        raise ValueError(f'threads is {threads}; expected 1 or more, or None.')
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
