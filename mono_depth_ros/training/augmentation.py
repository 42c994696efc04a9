"""Vary a sample: zoom, flip and colours, a function of the given generator and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from mono_depth_ros.datasets.sample import Image, Matrix, Source, TrainingSample
from mono_depth_ros.geometry.camera import crop_intrinsics, flip_intrinsics, resize_intrinsics
from mono_depth_ros.training.config import AugmentationConfig

Size = tuple[int, int]

# cv2 turns the colour circle into this many steps of a byte.
_HUES = 180
_MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])


@dataclass(frozen=True)
class AugmentedSample:
    """A sample at network size, and its frames again with the colours that the networks see.

    Attributes:
        sample: target, sources, K and hint at network size, colours as they were.
        target_colours: (H, W, 3) uint8 RGB target for the networks.
        source_colours: the same for every source.
    """

    sample: TrainingSample
    target_colours: Image
    source_colours: tuple[Image, ...]


def augment(sample: TrainingSample, size: Size, options: AugmentationConfig,
            random: np.random.Generator) -> AugmentedSample:
    """Zoom, flip and recolour a sample.

    Args:
        sample: at the data's own size.
        size: (height, width) of the result.
        options: how much of each.
        random: the only source of chance.
    """
    sample = _zoom(sample, size, random.uniform(*options.zoom), random)
    if random.random() < options.flip:
        sample = mirror(sample)
    change = _colour_change(options, random) if random.random() < options.jitter else None
    if change is None:
        return AugmentedSample(sample, sample.target, tuple(s.image for s in sample.sources))
    mean = float(sample.target.mean())
    return AugmentedSample(
        sample, change.apply(sample.target, mean),
        tuple(change.apply(source.image, mean) for source in sample.sources))


def resize(sample: TrainingSample, size: Size) -> TrainingSample:
    """Bring a sample to a (height, width), K with it."""
    height, width = sample.target.shape[:2]
    return _cut(sample, (0, 0, height, width), size)


def mirror(sample: TrainingSample) -> TrainingSample:
    """Mirror the scene left-right: images, K, hint and known poses."""
    sources = tuple(
        Source(_flipped(source.image), source.offset, _mirrored_pose(source.source_from_target),
               source.distance) for source in sample.sources)
    K = flip_intrinsics(torch.from_numpy(sample.K), sample.target.shape[1]).numpy()
    hint = None if sample.depth_hint is None else _flipped(sample.depth_hint)
    return TrainingSample(_flipped(sample.target), sources, K, sample.name, hint)


def _zoom(sample: TrainingSample, size: Size, zoom: float,
          random: np.random.Generator) -> TrainingSample:
    if zoom < 1:
        raise ValueError(f'zoom is {zoom}; an image can only be enlarged: expected 1 or more.')
    height, width = sample.target.shape[:2]
    window_height, window_width = round(height / zoom), round(width / zoom)
    top = int(random.integers(height - window_height + 1))
    left = int(random.integers(width - window_width + 1))
    return _cut(sample, (top, left, window_height, window_width), size)


def _cut(sample: TrainingSample, window: tuple[int, int, int, int], size: Size) -> TrainingSample:
    """Resample a window (top, left, height, width) of a sample to a size."""
    top, left, height, width = window
    rows, columns = slice(top, top + height), slice(left, left + width)
    shrinks = size[0] < height
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR

    def resample(image: Image) -> Image:
        part = image[rows, columns]
        return np.asarray(cv2.resize(part, size[::-1], interpolation=method), np.uint8)

    K = crop_intrinsics(torch.from_numpy(sample.K), top, left)
    K = resize_intrinsics(K, (height, width), size)
    sources = tuple(Source(resample(source.image), source.offset, source.source_from_target,
                           source.distance) for source in sample.sources)
    hint = sample.depth_hint
    if hint is not None:  # never blend depths across an edge
        hint = cv2.resize(hint[rows, columns], size[::-1], interpolation=cv2.INTER_NEAREST)
    return TrainingSample(resample(sample.target), sources, K.numpy(), sample.name, hint)


def _flipped(image: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.ascontiguousarray(image[:, ::-1])


def _mirrored_pose(pose: Matrix | None) -> Matrix | None:
    return None if pose is None else _MIRROR @ pose @ _MIRROR


@dataclass(frozen=True)
class _ColourChange:
    brightness: float
    contrast: float
    saturation: float
    hue: float

    def apply(self, image: Image, mean: float) -> Image:
        """Recolour (H, W, 3) uint8 RGB; mean is the sample's, so that its frames stay alike."""
        levels = np.arange(256) * self.brightness
        levels = (levels - mean * self.brightness) * self.contrast + mean * self.brightness
        recoloured = cv2.LUT(image, np.clip(levels, 0, 255).astype(np.uint8))
        hsv = cv2.cvtColor(recoloured, cv2.COLOR_RGB2HSV)
        tables = np.tile(np.arange(256, dtype=np.float64)[:, None], (1, 3))
        tables[:, 0] = (tables[:, 0] + self.hue * _HUES) % _HUES
        tables[:, 1] = np.clip(tables[:, 1] * self.saturation, 0, 255)
        hsv = cv2.LUT(hsv, np.rint(tables).astype(np.uint8)[:, None])
        return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)


def _colour_change(options: AugmentationConfig, random: np.random.Generator) -> _ColourChange:
    def factor(largest: float) -> float:
        return float(random.uniform(1 - largest, 1 + largest))

    return _ColourChange(factor(options.brightness), factor(options.contrast),
                         factor(options.saturation), float(random.uniform(-1, 1)) * options.hue)
