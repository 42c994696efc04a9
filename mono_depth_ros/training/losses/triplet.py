"""Features that end where objects end: OE-Depth's semantic triplet loss (Eqs. 7 and 8)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from mono_depth_ros.training.config.schema import TrainConfig
from mono_depth_ros.training.data.batch import NO_LABEL
from mono_depth_ros.training.losses.base import Loss, LossContext

# Below this a distance has no gradient: the anchor's to itself.
_MIN_SQUARE = 1e-9
_OUTSIDE = -1  # label of what lies beyond the image's edge


class TripletLoss(Loss):
    """The triplet loss over the chosen levels of the decoder's features."""

    name = 'triplet'

    @staticmethod
    def weight_in(config: TrainConfig) -> float:
        """Return loss.triplet."""
        return config.loss.triplet

    def compute(self, context: LossContext) -> Tensor:
        """Return the sum (B,) over the levels, 0 for samples without labels."""
        options, batch = context.config.triplet, context.batch
        labelled = (batch.labels != NO_LABEL).flatten(1).any(1)
        total = batch.target.new_zeros(len(batch.target))
        for level in options.levels if labelled.any() else ():
            height = context.height >> level
            features = [f for f in context.output.target.features if f.shape[-2] == height]
            if not features:
                raise ValueError(
                    f'triplet.levels has {level}, but {context.config.network} decodes no '
                    f'features at 1/{2**level} of the image; leave that level out.'
                )
            loss = triplet_loss(features[0], batch.labels, options.patch, options.margin)
            total = total + loss / 2**level
        return total * labelled


def triplet_loss(features: Tensor, labels: Tensor, patch: int, margin: float) -> Tensor:
    """Pull a pixel's feature to its own class's, push it from the nearest of another class.

    Only pixels at boundaries count: those with at least patch - 1 neighbours of their own class
    (they are one of them) and as many of others. For each of them the mean distance to its own
    class, plus what the margin exceeds the least distance to another class by. Distances are those
    of unit vectors.

    Args:
        features: (B, C, H, W).
        labels: (B, 1, h, w) class numbers of any integer type; the nearest one is taken.
        patch: height and width of the neighbourhood [px of the features].
        margin: how far other classes should be, at most 2.

    Returns:
        (B,) mean over a sample's boundary pixels, 0 where it has none.
    """
    classes = F.interpolate(labels.float(), features.shape[-2:], mode='nearest-exact')
    unit = F.normalize(features.float(), dim=1)
    reach = patch // 2
    around = F.pad(unit, [reach] * 4)  # 0 outside: at a distance of sqrt(2) from everything
    classes_around = F.pad(classes, [reach] * 4, value=_OUTSIDE)
    cosines = torch.stack([(unit * shifted).sum(1) for shifted in _shifts(around, patch)], 1)
    same = torch.cat([shifted == classes for shifted in _shifts(classes_around, patch)], 1)
    distance = (2 - 2 * cosines).clamp(min=_MIN_SQUARE).sqrt()
    own = same.sum(1)
    at_boundary = (own >= patch - 1) & (patch**2 - own >= patch - 1)
    to_own = (distance * same).sum(1) / own
    to_others = distance.masked_fill(same, torch.inf).min(1).values
    loss = (to_own + F.relu(margin - to_others)) * at_boundary
    return loss.sum((1, 2)) / at_boundary.sum((1, 2)).clamp(min=1)


def _shifts(padded: Tensor, patch: int) -> Iterator[Tensor]:
    """Give every shift of a map within the patch, as views of the padded one."""
    height, width = (extent - patch + 1 for extent in padded.shape[-2:])
    for top in range(patch):
        for left in range(patch):
            yield padded[..., top : top + height, left : left + width]
