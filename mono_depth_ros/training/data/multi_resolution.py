"""Train at three resolutions of each image at once, and let them agree (RA-Depth, He et al. 2022).

High is a window of the image, enlarged; middle the image; low the image made smaller, in the
corner of a picture of the same size. The three share one motion per source, found on the middle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mono_depth_ros.datasets.sample import Source, TrainingSample
from mono_depth_ros.training.config.schema import AugmentationConfig
from mono_depth_ros.training.data.augmentation import (
    AugmentedSample,
    Window,
    cut,
    random_colors,
    random_mirror,
)
from mono_depth_ros.types import Image, Size

ENLARGED = (1.1, 2.0)
REDUCED = (0.7, 0.9)


class Resolution(NamedTuple):
    """A sample at another resolution.

    Attributes:
        augmented: the images and their K.
        shows: top, left, height and width of what is shown, in the middle image [px].
        within: the window of this resolution's image in which it is shown.
    """

    augmented: AugmentedSample
    shows: tuple[float, ...]
    within: Window


@dataclass(frozen=True)
class ThreeResolutions:
    """One sample, three times."""

    middle: AugmentedSample
    high: Resolution
    low: Resolution


def augment_resolutions(
    sample: TrainingSample, size: Size, options: AugmentationConfig, random: np.random.Generator
) -> ThreeResolutions:
    """Mirror and recolour a sample by chance, and show it at three resolutions.

    Args:
        sample: at the data's own size; detail beyond `size` is what high shows.
        size: (height, width) of all three.
        options: how much of each; zoom is high's affair here and is not used.
        random: the only source of chance.
    """
    sample = random_mirror(sample, options, random)
    recolor = random_colors(sample, options, random)
    height, width = sample.target.shape[:2]
    whole = Window(0, 0, *size)
    part = _random_part((height, width), random.uniform(*ENLARGED), random)
    per_pixel = size[0] / height, size[1] / width
    shows = tuple(extent * per_pixel[i % 2] for i, extent in enumerate(part))
    factor = random.uniform(*REDUCED)
    within = Window(0, 0, round(size[0] * factor), round(size[1] * factor))
    everything = Window(0, 0, height, width)
    middle = cut(sample, everything, size)
    low = cut(sample, everything, (within.height, within.width))
    return ThreeResolutions(
        recolor(middle),
        Resolution(recolor(cut(sample, part, size)), shows, whole),
        Resolution(recolor(_on_picture(low, middle)), whole, within),
    )


def _random_part(size: Size, factor: float, random: np.random.Generator) -> Window:
    height, width = round(size[0] / factor), round(size[1] / factor)
    return Window(
        int(random.integers(size[0] - height + 1)),
        int(random.integers(size[1] - width + 1)),
        height,
        width,
    )


def _on_picture(low: TrainingSample, middle: TrainingSample) -> TrainingSample:
    """Put a small sample into the corner of the middle one's right and lower strips.

    K holds for the small sample: losses must not look at the strips.
    """

    def placed(small: Image, large: Image) -> Image:
        picture: Image = large.copy()
        picture[: small.shape[0], : small.shape[1]] = small
        return picture

    sources = tuple(
        Source(
            placed(small.image, large.image),
            small.offset,
            small.source_from_target,
            small.distance,
        )
        for small, large in zip(low.sources, middle.sources)
    )
    return TrainingSample(placed(low.target, middle.target), sources, low.K, low.name)
