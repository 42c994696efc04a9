"""Vary a sample: zoom, flip and colours, a function of the given generator and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from mono_depth_ros.datasets.sample import Source, TrainingSample
from mono_depth_ros.geometry.camera import crop_intrinsics, flip_intrinsics, resize_intrinsics
from mono_depth_ros.training.config.checks import check_zoom
from mono_depth_ros.training.config.schema import AugmentationConfig
from mono_depth_ros.types import Image, Matrix, Size

Mask = NDArray[np.bool_]
Pixels = TypeVar('Pixels', bound=np.generic)

# cv2 turns the colour circle into this many steps of a byte.
_HUES = 180
# What is less than this share of another depth is clearly nearer, whatever stereo matching errs.
_NEARER = 0.85
# A blended sample shows mostly the first one.
_SHARE_OF_THE_FIRST = 0.5, 0.9
_MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])


class Window(NamedTuple):
    """A part of an image [px]."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class AugmentedSample:
    """A sample at network size, and its images again with the colours that the networks see.

    Attributes:
        sample: target, sources, K and hint at network size, colours as they were.
        target_colors: (H, W, 3) uint8 RGB target for the networks.
        source_colors: the same for every source.
        invalid: (H, W) bool, where another scene is shown; None: nowhere.
    """

    sample: TrainingSample
    target_colors: Image
    source_colors: tuple[Image, ...]
    invalid: Mask | None = None


Recolor = Callable[[TrainingSample], AugmentedSample]


def augment(
    sample: TrainingSample, size: Size, options: AugmentationConfig, random: np.random.Generator
) -> AugmentedSample:
    """Mirror, enlarge and recolour a sample by chance.

    Args:
        sample: at the data's own size.
        size: (height, width) of the result.
        options: how much of each.
        random: the only source of chance.
    """
    sample = random_mirror(sample, options, random)
    recolor = random_colors(sample, options, random)
    return recolor(cut(sample, _random_window(sample, options, random), size))


def resize(sample: TrainingSample, size: Size) -> TrainingSample:
    """Bring a sample to a (height, width), K with it."""
    return cut(sample, Window(0, 0, *sample.target.shape[:2]), size)


def random_mirror(
    sample: TrainingSample, options: AugmentationConfig, random: np.random.Generator
) -> TrainingSample:
    """Mirror a sample, or do not."""
    return mirror(sample) if random.random() < options.flip else sample


def random_colors(
    sample: TrainingSample, options: AugmentationConfig, random: np.random.Generator
) -> Recolor:
    """Choose a change of colours for all images of a sample, or none."""
    mean = float(sample.target[::4, ::4].mean())
    changes = random.random() < options.jitter
    change = _color_change(options, mean, random) if changes else _unchanged

    def recolor(sample: TrainingSample) -> AugmentedSample:
        return AugmentedSample(
            sample, change(sample.target), tuple(change(source.image) for source in sample.sources)
        )

    return recolor


def mirror(sample: TrainingSample) -> TrainingSample:
    """Mirror the scene left-right: images, K, hint, labels and known poses."""
    sources = tuple(
        Source(
            _flipped(source.image),
            source.offset,
            _mirrored_pose(source.source_from_target),
            source.distance,
        )
        for source in sample.sources
    )
    K = flip_intrinsics(torch.from_numpy(sample.K), sample.target.shape[1]).numpy()
    hint = None if sample.depth_hint is None else _flipped(sample.depth_hint)
    labels = None if sample.labels is None else _flipped(sample.labels)
    return TrainingSample(_flipped(sample.target), sources, K, sample.name, hint, labels)


def mix(
    sample: AugmentedSample, other: AugmentedSample, random: np.random.Generator
) -> AugmentedSample:
    """Show another sample, of the same size, in a strip of a fifth to three fifths of the columns.

    See `_show`.
    """
    height, width = sample.sample.target.shape[:2]
    columns = round(width * random.uniform(0.2, 0.6))
    left = int(random.integers(width - columns + 1))
    strip = np.zeros((height, width), bool)
    strip[:, left : left + columns] = True
    return _show(sample, other, strip, 'a strip')


def overlay(
    sample: AugmentedSample, other: AugmentedSample, random: np.random.Generator
) -> AugmentedSample:
    """Put in front of a sample what is clearly nearer in another, of the same size.

    The other one is first moved sideways by up to a quarter of the width: the ground stays where
    it is, and cars of one street drive in another (DepthMix, Hoyer et al. 2021). See `_show`.
    """
    width = sample.sample.target.shape[1]
    columns = int(random.integers(-(width // 4), width // 4 + 1))
    moved, outside = _moved_sideways(other, columns)
    first, second = sample.sample, moved.sample
    nearer = _hint_at(second, first.K) < _NEARER * hint_of(first)  # unknown depth is not nearer
    solid = cv2.morphologyEx(nearer.astype(np.uint8), cv2.MORPH_OPEN, _square(3))
    solid = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, _square(9))
    return _show(sample, moved, solid.astype(bool) & ~outside, 'what is nearer')


def blend(
    sample: AugmentedSample, other: AugmentedSample, random: np.random.Generator
) -> AugmentedSample:
    """Take the weighted mean of two samples' images (mixup, Zhang et al. 2018).

    Every pixel shows two scenes: all of it is invalid, and there are neither hints nor labels.
    """
    share = random.uniform(*_SHARE_OF_THE_FIRST)

    def both(first: Image, second: Image) -> Image:
        return np.asarray(cv2.addWeighted(first, share, second, 1 - share, 0), np.uint8)

    first, second = sample.sample, other.sample
    blended = replace(
        first,
        target=both(first.target, second.target),
        depth_hint=None,
        labels=None,
        name=f'{first.name} blended with {second.name}',
    )
    return replace(
        sample,
        sample=blended,
        target_colors=both(sample.target_colors, other.target_colors),
        invalid=np.ones(first.target.shape[:2], bool),
    )


def _square(side: int) -> Image:
    return np.ones((side, side), np.uint8)


def _show(
    sample: AugmentedSample, other: AugmentedSample, shown: Mask, what: str
) -> AugmentedSample:
    """Show another sample where a mask says so.

    Its hint counts at the sample's focal length. Sources stay those of the sample: they explain
    what is outside the mask, a hint or a teacher what is in it.
    """
    first, second = sample.sample, other.sample
    labels = None
    if first.labels is not None and second.labels is not None:
        labels = np.where(shown, second.labels, first.labels)
    hint = np.where(shown, _hint_at(second, first.K), hint_of(first))
    mixed = replace(
        first,
        target=np.where(shown[..., None], second.target, first.target),
        depth_hint=hint,
        labels=labels,
        name=f'{first.name} with {what} of {second.name}',
    )
    colors = np.where(shown[..., None], other.target_colors, sample.target_colors)
    return replace(sample, sample=mixed, target_colors=colors, invalid=shown)


def _moved_sideways(augmented: AugmentedSample, columns: int) -> tuple[AugmentedSample, Mask]:
    """Move target, hint and labels; and say which pixels (H, W) came in from the other side."""
    sample = augmented.sample

    def move(values: NDArray[Pixels]) -> NDArray[Pixels]:
        return np.roll(values, columns, axis=1)

    outside = np.zeros(sample.target.shape[:2], bool)
    outside[:, slice(0, columns) if columns >= 0 else slice(columns, None)] = True
    labels = None if sample.labels is None else move(sample.labels)
    moved = replace(
        sample, target=move(sample.target), depth_hint=move(hint_of(sample)), labels=labels
    )
    colors = move(augmented.target_colors)
    return replace(augmented, sample=moved, target_colors=colors), outside


def _hint_at(sample: TrainingSample, K: Matrix) -> NDArray[np.float32]:
    """Return a sample's hint as a camera of another focal length would have it."""
    hint = hint_of(sample) * np.float32(K[1, 1] / sample.K[1, 1])
    return np.asarray(hint, np.float32)


def hint_of(sample: TrainingSample) -> NDArray[np.float32]:
    """Return a sample's depth hints (H, W) [m], NaN where unknown."""
    if sample.depth_hint is None:
        return np.full(sample.target.shape[:2], np.nan, np.float32)
    return sample.depth_hint


def _random_window(
    sample: TrainingSample, options: AugmentationConfig, random: np.random.Generator
) -> Window:
    check_zoom(options.zoom)
    zoom = random.uniform(*options.zoom)
    height, width = sample.target.shape[:2]
    part_height, part_width = round(height / zoom), round(width / zoom)
    return Window(
        int(random.integers(height - part_height + 1)),
        int(random.integers(width - part_width + 1)),
        part_height,
        part_width,
    )


def cut(sample: TrainingSample, window: Window, size: Size) -> TrainingSample:
    """Resample a window of a sample to a size, K with it; hints, labels are never blended."""
    top, left, height, width = window
    rows, columns = slice(top, top + height), slice(left, left + width)
    shrinks = size[0] < height
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR

    def resample(image: Image) -> Image:
        part = image[rows, columns]
        return np.asarray(cv2.resize(part, size[::-1], interpolation=method), np.uint8)

    K = crop_intrinsics(torch.from_numpy(sample.K), top, left)
    K = resize_intrinsics(K, (height, width), size)
    sources = tuple(
        Source(resample(source.image), source.offset, source.source_from_target, source.distance)
        for source in sample.sources
    )

    def pick(values: NDArray[Any]) -> NDArray[Any]:
        # INTER_NEAREST would take the upper left of the pixels that the new one covers.
        picked = cv2.resize(
            values[rows, columns], size[::-1], interpolation=cv2.INTER_NEAREST_EXACT
        )
        return np.asarray(picked, values.dtype)

    hint = None if sample.depth_hint is None else pick(sample.depth_hint)
    labels = None if sample.labels is None else pick(sample.labels)
    return TrainingSample(resample(sample.target), sources, K.numpy(), sample.name, hint, labels)


def _flipped(image: NDArray[Pixels]) -> NDArray[Pixels]:
    pixels: NDArray[Any] = image
    return np.asarray(cv2.flip(pixels, 1), image.dtype)  # a tenth of what slicing takes


def _mirrored_pose(pose: Matrix | None) -> Matrix | None:
    return None if pose is None else _MIRROR @ pose @ _MIRROR


def _unchanged(image: Image) -> Image:
    return image


def _color_change(
    options: AugmentationConfig, mean: float, random: np.random.Generator
) -> Callable[[Image], Image]:
    """Return a random change of colours; mean is the sample's, so that its images stay alike."""
    brightness, contrast, saturation = (
        float(random.uniform(1 - largest, 1 + largest))
        for largest in (options.brightness, options.contrast, options.saturation)
    )
    hue = float(random.uniform(-1, 1)) * options.hue
    levels = (np.arange(256) - mean) * brightness * contrast + mean * brightness
    levels = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    channels = np.tile(np.arange(256, dtype=np.float64)[:, None], (1, 3))
    channels[:, 0] = (channels[:, 0] + hue * _HUES) % _HUES
    channels[:, 1] = np.clip(channels[:, 1] * saturation, 0, 255)
    table = np.rint(channels).astype(np.uint8)[:, None]
    table[:, :, 0] %= _HUES

    def change(image: Image) -> Image:
        hsv = cv2.cvtColor(cv2.LUT(image, levels), cv2.COLOR_RGB2HSV)
        return np.asarray(cv2.cvtColor(cv2.LUT(hsv, table), cv2.COLOR_HSV2RGB), np.uint8)

    return change
