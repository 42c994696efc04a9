"""Distribute a small network's maps like a large one's: FA-Depth's APX (III-E, Eq. 28).

Stated: what is compared are distributions, by softmax along the height and along the width, of
encoder features, decoder features (weight 0.01 each) and disparities (weight 1); a position mask
leaves out what is far away, and the holes that moving objects leave. The formulas themselves are
missing from the text at hand: L1 between distributions, the mean of absolute features over their
channels, the pairing of stages and the mask's rules are our reading.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mono_depth_ros.geometry.disparity import disparity_to_depth
from mono_depth_ros.training.config.schema import TrainConfig
from mono_depth_ros.training.losses.base import Loss, LossContext, Need
from mono_depth_ros.training.losses.resizing import resized

# A row's depth, for its holes: three quarters of its pixels are nearer.
_ROW_SHARE = 0.75


class ApxLoss(Loss):
    """How far features and disparities are from a teacher's, as distributions."""

    name = 'apx'
    needs = Need.ENCODED | Need.TEACHER

    @staticmethod
    def weight_in(config: TrainConfig) -> float:
        """Return loss.apx."""
        return config.loss.apx

    def compute(self, context: LossContext) -> Tensor:
        """Return the weighted sum (B,) over the stages that student and teacher share."""
        config, options, taught = context.config, context.config.apx, context.teacher
        assert taught is not None
        mask = position_mask(
            taught.disparities[0],
            config.min_depth,
            config.max_depth,
            options.farthest,
            options.hole or None,
        )
        student = context.output.target
        total = context.batch.target.new_zeros(len(context.batch.target))
        for weight, own, others in (
            (options.encoder, context.output.encoded, taught.encoded),
            (options.decoder, student.features, taught.features),
            (options.disparity, student.disparities, taught.disparities),
        ):
            if weight > 0:
                pairs = pair_stages(own, others, context.height, taught.height)
                total = total + weight * sum(apx_loss(*pair, mask) for pair in pairs)
        return total


def apx_loss(student: Tensor, teacher: Tensor, mask: Tensor | None) -> Tensor:
    """Compare two maps by their distributions along the columns and along the rows.

    Features (more than one channel) are replaced by the mean of their absolute values over the
    channels, because channels of two networks do not correspond; disparities are compared as they
    are. Call it once per stage and per disparity level and sum; `pair_stages` says which maps
    belong together.

    Args:
        student: (B, C, H, W) learns.
        teacher: (B, C', H', W') is taken as it is, without gradient, at the student's size.
        mask: (B, 1, H", W") weights of the teacher's pixels, resized too; None for all alike.

    Returns:
        (B,) sum of |difference| over a column's distribution, mean over the columns, plus the
        same of the rows: 0 to 4. What the mask leaves out counts as equal.
    """
    student = _one_channel(student)
    taught = resized(_one_channel(teacher.detach()), student.shape[-2:])
    difference = distribution_difference(student, taught)
    if mask is not None:
        difference = difference * resized(mask, student.shape[-2:])
    return difference.mean((1, 2, 3))


def distribution_difference(first: Tensor, second: Tensor) -> Tensor:
    """Return how far two maps' distributions are apart, as a map whose mean is the L1 distance.

    Args:
        first: (B, C, H, W).
        second: (B, C, H, W).

    Returns:
        (B, C, H, W): H |P_h - P_h'| + W |P_w - P_w'|, P_h the softmax of each column along the
        height, P_w that of each row along the width. Adding a constant to a map changes neither.
    """
    total = torch.zeros_like(first)
    for axis in (-2, -1):
        change = torch.softmax(first, axis) - torch.softmax(second, axis)
        total = total + first.shape[axis] * change.abs()
    return total


def pair_stages(
    student: Sequence[Tensor], teacher: Sequence[Tensor], student_height: int, teacher_height: int
) -> list[tuple[Tensor, Tensor]]:
    """Pair the stages that have the same resolution, as a share of their images'.

    Args:
        student: (B, C, H, W) maps, at most one per resolution.
        teacher: maps of the same kind: encoder features, decoder features or disparities.
        student_height: of the images that the student saw [px].
        teacher_height: of those that the teacher saw [px].

    Returns:
        Pairs of a student's and a teacher's map; stages that only one of them has are left out.

    Raises:
        ValueError: no resolution is common to both.
    """
    taught = {_reduction(stage, teacher_height): stage for stage in teacher}
    found = {_reduction(stage, student_height): stage for stage in student}
    common = [reduction for reduction in found if reduction in taught]
    if not common:
        raise ValueError(
            f'The student has maps at 1/{sorted(found)} of its images, the teacher at '
            f'1/{sorted(taught)}: none to compare. Give these maps weight 0, or take a teacher '
            'that has a stage in common with the student.'
        )
    return [(found[reduction], taught[reduction]) for reduction in common]


def position_mask(
    teacher_disparity: Tensor,
    min_depth: float,
    max_depth: float,
    farthest: float = 80.0,
    hole: float | None = None,
) -> Tensor:
    """Tell where a teacher is to be believed: neither far away nor in a hole.

    A self-supervised network maps what moves along with the camera to infinity, and far depth is
    less exact than near. Stated are these two kinds of pixels, not how they are found. A hole is
    here a pixel in the lower half of the image, where the ground bounds what can be seen, that is
    more than `hole` times as far as three quarters of its row.

    Args:
        teacher_disparity: (B, 1, H, W) in (0, 1).
        min_depth: depth at disparity 1.
        max_depth: depth at disparity 0.
        farthest: depth from which on the teacher does not count, in the unit of max_depth: 80 m
            over the metres per unit where the unit is not the metre; inf for no limit.
        hole: ratio of depths, above 1; None leaves holes that are nearer than farthest in.

    Returns:
        (B, 1, H, W), 1 where the teacher counts, else 0.

    Raises:
        ValueError: farthest leaves nothing, or hole is no enlargement.
    """
    if not farthest > min_depth:
        raise ValueError(
            f'farthest is {farthest}, but the nearest depth is {min_depth}: nothing '
            'would be learnt; expected more, e.g. 80.0.'
        )
    if hole is not None and not hole > 1:
        raise ValueError(
            f'hole is {hole}; a hole is farther than its row: expected more than 1, '
            'e.g. 4.0, or null to leave it out.'
        )
    depth = disparity_to_depth(teacher_disparity.detach().float(), min_depth, max_depth)
    counts = depth < farthest
    if hole is not None:
        counts = counts & ~_holes(depth, hole)
    return counts.float()


def _holes(depth: Tensor, ratio: float) -> Tensor:
    height, width = depth.shape[-2:]
    nearer = max(1, round(_ROW_SHARE * width))
    of_row = depth.kthvalue(nearer, dim=-1, keepdim=True).values
    is_low = torch.arange(height, device=depth.device)[:, None] >= height / 2
    return is_low & (depth > ratio * of_row)


def _one_channel(maps: Tensor) -> Tensor:
    maps = maps.float()
    return maps if maps.shape[1] == 1 else maps.abs().mean(1, keepdim=True)


def _reduction(maps: Tensor, height: int) -> int:
    """Return by how much a map is smaller than its image."""
    return round(height / maps.shape[-2])
