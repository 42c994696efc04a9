"""The numeric gate: an engine serves only if its depth is that of PyTorch in float32."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mono_depth_ros.geometry.disparity import disparity_to_depth
from mono_depth_ros.inference.backends.base import BackendError, Engine
from mono_depth_ros.inference.backends.precision import DisparityOfBytes
from mono_depth_ros.inference.preprocessing import resize_into
from mono_depth_ros.networks import DepthNetwork
from mono_depth_ros.types import Image, Size

# Two frames of the ray-cast street, see datasets/street/raycast.py.
_IMAGES = ('street_0.jpg', 'street_1.jpg')

FULL_MAX = 1e-3
HALF_P99, HALF_MEDIAN = 2e-2, 3e-3


class GateErrors(NamedTuple):
    """Relative depth errors |d / d_reference - 1| over all pixels of the gate's images."""

    maximum: float
    p99: float
    median: float

    def __str__(self) -> str:
        return f'max {self.maximum:.1e}, p99 {self.p99:.1e}, median {self.median:.1e}'

    def problem(self, precision: str) -> str:
        """Return what is not good enough for a precision, or ''; NaN is never good enough."""
        if precision == 'float32':
            limits = {'max': (self.maximum, FULL_MAX)}
        else:
            limits = {'p99': (self.p99, HALF_P99), 'median': (self.median, HALF_MEDIAN)}
        over = [
            f'{name} {value:.1e} (limit {limit:.0e})'
            for name, (value, limit) in limits.items()
            if not value <= limit
        ]
        return f'depth error {", ".join(over)}' if over else ''


@lru_cache
def gate_images() -> tuple[Image, ...]:
    """Return the images that come with the package, (H, W, 3) uint8 RGB."""
    return tuple(_read(Path(__file__).with_name(name)) for name in _IMAGES)


def calibration_images() -> list[Image]:
    """Return images to set an untrained network's batch norms by: the gate's, as eight views."""
    views = []
    for image in gate_images():
        middle = image.shape[1] // 2
        views += [image, image[:, ::-1], image[:, :middle], image[:, middle:]]
    return [np.ascontiguousarray(view) for view in views]


def _read(path: Path) -> Image:
    bgr = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None, f'{path} is damaged: install the package again'
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def gate_batch(size: Size) -> NDArray[np.uint8]:
    """Return the gate's images (B, height, width, 3) at a network's size."""
    batch = np.empty((len(_IMAGES), *size, 3), np.uint8)
    for image, place in zip(gate_images(), batch):
        resize_into(image, place)
    return batch


@torch.inference_mode()
def reference_disparity(network: DepthNetwork, size: Size) -> Tensor:
    """Return what PyTorch makes of the gate's images in float32 on the CPU: (B, h, w)."""
    images = torch.from_numpy(gate_batch(size))
    disparity: Tensor = DisparityOfBytes(network, torch.float32)(images)
    return disparity


@torch.inference_mode()
def measure(engine: Engine, reference: Tensor, depth_range: tuple[float, float]) -> GateErrors:
    """Compare an engine's depth with the reference on every image, in every place of its batch.

    Args:
        engine: built for any batch.
        reference: (B, h, w) disparity of the gate's images.
        depth_range: depth at disparity 1 and at disparity 0.
    """
    batch, *size, _ = engine.images.shape
    images = torch.from_numpy(gate_batch((size[0], size[1])))
    errors = []
    for start in range(len(images)):
        order = [(start + place) % len(images) for place in range(batch)]
        engine.images.copy_(images[order])
        found = engine.run().cpu()
        if found.shape != reference[order].shape:
            raise BackendError(
                f'disparity of shape {tuple(found.shape)} instead of '
                f'{tuple(reference[order].shape)}'
            )
        errors.append(_relative(found, reference[order], depth_range))
    return gate_errors(torch.cat(errors))


def _relative(found: Tensor, expected: Tensor, depth_range: tuple[float, float]) -> Tensor:
    depths = (
        disparity_to_depth(disparity.double(), *depth_range) for disparity in (found, expected)
    )
    errors = (next(depths) / next(depths) - 1).abs()
    # An infinite disparity would be a depth of 0, which is no more than 100 % off.
    return torch.where(found.isfinite(), errors, torch.nan).flatten()


def gate_errors(errors: Tensor) -> GateErrors:
    """Return maximum, 99th percentile and median; NaN for all if any error is NaN."""
    if not torch.isfinite(errors).all():
        return GateErrors(float('nan'), float('nan'), float('nan'))
    p99, median = np.quantile(errors.numpy(), (0.99, 0.5))
    return GateErrors(float(errors.max()), float(p99), float(median))


def checked(error: GateErrors, precision: str) -> GateErrors:
    """Return the error, or raise a BackendError that says what is not good enough."""
    problem = error.problem(precision)
    if problem:
        raise BackendError(f'{problem} against PyTorch in float32 on the gate images')
    return error


def worst(errors: Sequence[GateErrors]) -> GateErrors:
    """Return the largest of each error."""
    return GateErrors(*(max(values) for values in zip(*errors)))
