"""Train on one batch in several forms at once: FA-Depth's pyramid loss (III-C, Eqs. 20 to 22).

Beside the batch as it is (cr) there are four levels: smaller (lr), larger (hr), mirrored (flip)
and in other colours (color) images. Each has the whole loss at its own size, and its features and
disparities have to agree with those of the batch as it is: for lr and hr in their distributions,
for flip and color in their values. Gradients are found level by level and summed, so that one
level's intermediate results are in memory at a time. All this is stated. Not stated, and our
reading, are: the factors of lr and hr, how the distributions are normalised and at which size
they are compared, that the batch as it is gets no gradient from an agreement, and which of a
table's unnamed columns is which coefficient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from mono_depth_ros.geometry.camera import flip_intrinsics, resize_intrinsics
from mono_depth_ros.networks.base import DepthOutput, nearest_multiple
from mono_depth_ros.training.config.schema import (
    AugmentationConfig,
    Level,
    PyramidConfig,
    TrainConfig,
)
from mono_depth_ros.training.data.batch import Batch
from mono_depth_ros.training.losses.apx import distribution_difference
from mono_depth_ros.training.losses.base import Loss, LossContext, LossOutput, Networks
from mono_depth_ros.training.losses.resizing import resized
from mono_depth_ros.training.losses.view_synthesis import full_precision
from mono_depth_ros.types import SIZE_MULTIPLE

# Keeps these random numbers apart from others that start from a sample's seed.
_COLORS = 1
_MIN = 1e-6


class PyramidLevel(Loss):
    """A further form of every batch, and its agreement with the batch as it is.

    Args:
        config: of the training.
        networks: that it is a loss of.
        level: which form.
    """

    def __init__(self, config: TrainConfig, networks: Networks, level: Level) -> None:
        super().__init__(config, networks)
        self.level: Level = level
        self.weights = config.pyramid.weights_of(level)

    @staticmethod
    def weight_in(config: TrainConfig) -> float:
        """Return 1: its parts have weights of their own."""
        return 1.0

    def forward(self, context: LossContext) -> LossOutput:
        """Return how far features and disparities are from the reference's."""
        assert context.reference is not None
        features, disparity = consistency(self.level, context.scene_output(), context.reference)
        return LossOutput(
            self.weights.features * features + self.weights.disparity * disparity,
            {f'{self.level}_features': features, f'{self.level}_disparity': disparity},
        )


class Agreement(NamedTuple):
    """How far a level is from the current one.

    Attributes:
        features: (B,) mean over the decoder's stages.
        disparity: (B,) mean over the disparities' levels.
    """

    features: Tensor
    disparity: Tensor


def derive(
    batch: Batch, level: Level, pyramid: PyramidConfig, colors: AugmentationConfig
) -> Batch:
    """Return a batch in the form of a level.

    Args:
        batch: the current level, images in [0, 1], on any device.
        level: which one.
        pyramid: says how much smaller or larger images get.
        colors: says how far colours change.
    """
    if level == 'flip':
        return mirrored(batch)
    if level == 'color':
        return recolored(batch, colors)
    return scaled(batch, pyramid.lr_factor if level == 'lr' else pyramid.hr_factor)


def scaled(batch: Batch, factor: float, multiple: int = SIZE_MULTIPLE) -> Batch:
    """Return a batch at another size; see at_size.

    Args:
        batch: images in [0, 1].
        factor: height and width of the result over the batch's; they are then rounded, each for
            itself, to the nearest size that networks take.
        multiple: of which height and width have to be.

    Raises:
        ValueError: the factor is not above 0.
    """
    if not factor > 0:
        raise ValueError(
            f'A batch cannot be scaled by {factor}; expected a factor above 0, e.g. 0.5 or 2.0.'
        )
    height, width = batch.target.shape[-2:]
    return at_size(
        batch,
        (nearest_multiple(height * factor, multiple), nearest_multiple(width * factor, multiple)),
    )


def at_size(batch: Batch, size: tuple[int, int]) -> Batch:
    """Return a batch at a (height, width), K with it; hints and labels are never blended."""
    height, width = batch.target.shape[-2:]
    if (height, width) == size:
        return batch

    def pick(values: Tensor) -> Tensor:
        return F.interpolate(values.float(), size, mode='nearest-exact').to(values.dtype)

    with full_precision(batch.K):
        K = resize_intrinsics(batch.K, (height, width), size)
    return replace(
        _with_images(batch, partial(resized, size=size)),
        K=K,
        hint=pick(batch.hint),
        labels=pick(batch.labels),
        invalid=pick(batch.invalid),
    )


def mirrored(batch: Batch) -> Batch:
    """Return a batch of the scene mirrored left-right: images, K, poses, hints and labels."""
    width = batch.target.shape[-1]
    signs = batch.pose.new_tensor([-1, 1, 1, 1])
    return replace(
        _with_images(batch, _flipped),
        K=flip_intrinsics(batch.K, width),
        pose=batch.pose * signs[:, None] * signs,
        hint=_flipped(batch.hint),
        labels=_flipped(batch.labels),
        invalid=_flipped(batch.invalid),
    )


def recolored(batch: Batch, options: AugmentationConfig) -> Batch:
    """Return a batch in other colours, by its seeds: every sample its own, its images alike.

    Brightness, contrast, saturation and hue change as in augmentation, but of every sample and
    without rounding to bytes. The losses see these colours too: the paper's level measures the
    photometric difference of the colour-enhanced images.

    Args:
        batch: images in [0, 1].
        options: the largest changes.
    """
    changes = [_random_change(options, seed) for seed in batch.seed.tolist()]
    change, mean = batch.target.new_tensor(changes), batch.target.mean((1, 2, 3))
    target = _recolor(batch.target, change, mean)
    source = _recolor(batch.source, change[batch.sample_of], mean[batch.sample_of])
    return replace(
        batch,
        target=target,
        target_colors=target,
        source=source,
        source_colors=source,
        others=[],
    )


def consistency(level: Level, found: DepthOutput, current: DepthOutput) -> Agreement:
    """Return how far a level's features and disparities are from the current level's.

    Smaller and larger images are compared in their distributions along height and width, both
    averaged down to the smaller of the two sizes: what only one of them can show is not asked of
    the other. Mirrored ones are mirrored back. The current level gets no gradient.

    Args:
        level: which one.
        found: its output; disparities have to mean the same depth at both levels, whatever the
            focal lengths are.
        current: the output of the batch as it is. Without features in both there is no
            agreement of features: it is 0.
    """
    compare = _COMPARISONS[level]
    return Agreement(
        _mean_over_stages(compare, found.features, current.features, found),
        _mean_over_stages(compare, found.disparities, current.disparities, found),
    )


def _mean_over_stages(
    compare: Callable[[Tensor, Tensor], Tensor],
    found: list[Tensor],
    current: list[Tensor],
    output: DepthOutput,
) -> Tensor:
    if not found:
        return output.disparities[0].new_zeros(len(output.disparities[0]))
    return torch.stack(
        [
            compare(stage.float(), reference.detach().float()).mean((1, 2, 3))
            for stage, reference in zip(found, current, strict=True)
        ]
    ).mean(0)


def _distributed(found: Tensor, current: Tensor) -> Tensor:
    height, width = (min(a, b) for a, b in zip(found.shape[-2:], current.shape[-2:]))
    return distribution_difference(
        F.adaptive_avg_pool2d(found, (height, width)),
        F.adaptive_avg_pool2d(current, (height, width)),
    )


def _mirrored_values(found: Tensor, current: Tensor) -> Tensor:
    return (_flipped(found) - current).abs()


def _values(found: Tensor, current: Tensor) -> Tensor:
    return (found - current).abs()


_COMPARISONS: dict[Level, Callable[[Tensor, Tensor], Tensor]] = {
    'lr': _distributed,
    'hr': _distributed,
    'flip': _mirrored_values,
    'color': _values,
}


def _with_images(batch: Batch, change: Callable[[Tensor], Tensor]) -> Batch:
    return replace(
        batch,
        target=change(batch.target),
        source=change(batch.source),
        target_colors=change(batch.target_colors),
        source_colors=change(batch.source_colors),
        others=[],
    )


def _flipped(values: Tensor) -> Tensor:
    return values.flip(-1)


def _random_change(options: AugmentationConfig, seed: int) -> list[float]:
    """Return factors of brightness, contrast and saturation, and what is added to the hue."""
    random = np.random.default_rng((seed, _COLORS))
    factors = [
        float(random.uniform(1 - largest, 1 + largest))
        for largest in (options.brightness, options.contrast, options.saturation)
    ]
    return [*factors, float(random.uniform(-1, 1)) * options.hue]


def _recolor(images: Tensor, change: Tensor, mean: Tensor) -> Tensor:
    """Change the colours of images (n, 3, H, W) by (n, 4) factors and hues around (n,) means."""
    brightness, contrast, saturation, hue = change[:, :, None, None, None].unbind(1)
    mean = mean[:, None, None, None] * brightness
    images = ((images * brightness - mean) * contrast + mean).clamp(0, 1)
    value = images.amax(1, keepdim=True)
    chroma = value - images.amin(1, keepdim=True)
    turned = _hue(images, value, chroma) + 6 * hue
    chroma = torch.minimum(chroma * saturation, value)  # saturation is at most 1
    offsets = images.new_tensor([5, 3, 1])[:, None, None]
    along = (turned + offsets) % 6
    return value - chroma * torch.minimum(along, 4 - along).clamp(0, 1)


def _hue(images: Tensor, value: Tensor, chroma: Tensor) -> Tensor:
    """Return the position on the colour circle (n, 1, H, W) in sixths; 0 without colour."""
    red, green, blue = images[:, :, None].unbind(1)
    safe = chroma.clamp(min=_MIN)
    return torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
