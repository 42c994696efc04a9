"""Weigh every pixel by how well both directions agree: FA-Depth's bidirectional weighted loss.

The paper takes it from its authors' earlier work, and its text names its parts alone: a weighted
photometric loss, a loss of depth structure, a loss of features and smoothness, each in both
directions. What else is known is that work's abstract: flow fields and depth structure, once
transformed and once synthesised, tell occlusions and moving objects; the depth network's own
features help where there is no texture; a pair of images is looked at once for both directions.
Every formula here is our reading.

All functions take N pairs of images, as warp_to_target does. Differences are relative,
|a - b| / (|a| + |b|), so they lie in 0 to 1 and need no unit.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from mono_depth_ros.geometry.camera import backproject, project, resize_intrinsics
from mono_depth_ros.geometry.ego_motion import invert_transform, transform_points
from mono_depth_ros.training.config.schema import TrainConfig
from mono_depth_ros.training.data.batch import Batch
from mono_depth_ros.training.losses.base import (
    Loss,
    LossContext,
    LossOutput,
    Need,
    ReprojectionOutput,
)
from mono_depth_ros.training.losses.resizing import resized
from mono_depth_ros.training.losses.terms import ReprojectionError
from mono_depth_ros.training.losses.view_synthesis import full_precision, warp_to_target

# Flows this small say nothing about occlusion: it keeps rounding from weighing still pixels [px].
_STILL = 1.0
_MIN = 1e-7


class View(NamedTuple):
    """N images and what the depth network found in them.

    Attributes:
        image: (N, 3, H, W) in [0, 1], for the losses.
        depth: (N, H, W) in units.
        features: (N, C, h, w) maps of the decoder, any number of them at any size.
    """

    image: Tensor
    depth: Tensor
    features: list[Tensor]


class DepthConsistency(NamedTuple):
    """Whether the source sees what the target's depth says.

    Attributes:
        weight: (N, 1, H, W) in 0 to 1, without gradient; 0 where the source does not look.
        loss: (N, 1, H, W) in 0 to 1, 0 where both depths agree or the source does not look.
    """

    weight: Tensor
    loss: Tensor


class BidirectionalOutput(NamedTuple):
    """The terms, mean over both directions, and what was seen in the first.

    Attributes:
        photometric: (N,) weighted mean of the reprojection error.
        depth: (N,) the same of the relative difference of depths.
        features: (N,) the same of the features' difference; 0 without features.
        warped: (N, 3, H, W) the source seen from the target.
        weight: (N, 1, H, W) how much the target's pixels count.
    """

    photometric: Tensor
    depth: Tensor
    features: Tensor
    warped: Tensor
    weight: Tensor


class BidirectionalLoss(Loss):
    """The weighted losses of both directions, mean over a target's sources."""

    name = 'bidirectional'
    needs = Need.MOTION | Need.SOURCES

    @staticmethod
    def weight_in(config: TrainConfig) -> float:
        """Return 1 where it is chosen: its parts have weights of their own."""
        return float(config.loss.bidirectional and config.loss.photometric > 0)

    def forward(self, context: LossContext) -> LossOutput:
        """Return the sum of its parts; the mask is the first sample's first source's weight."""
        batch, options, of = context.batch, context.config.loss, context.batch.sample_of
        target, source = context.output.target, context.output.source
        assert source is not None
        K = batch.K[of]  # a source has its target's camera
        found = bidirectional_loss(
            View(
                batch.target[of],
                context.depth(target.disparities[0])[of, 0],
                [feature[of] for feature in target.features],
            ),
            View(batch.source, context.depth(source.disparities[0], K)[:, 0], source.features),
            K,
            context.motion,
            options.ssim,
        )
        terms = {
            'photometric': _mean_over_sources(found.photometric, batch),
            'structure': _mean_over_sources(found.depth, batch),
            'perception': _mean_over_sources(found.features, batch),
        }
        loss = (
            options.photometric * terms['photometric']
            + options.structure * terms['structure']
            + options.perception * terms['perception']
        )
        mask = found.weight[:1].expand(len(batch.target), -1, -1, -1)
        return LossOutput(loss, terms, ReprojectionOutput(found.warped[0], mask, {}))


def _mean_over_sources(errors: Tensor, batch: Batch) -> Tensor:
    """Return the mean (B,) of errors (N,) over each sample's sources."""
    of = batch.sample_of
    count = torch.bincount(of, minlength=len(batch.target))
    return torch.zeros_like(batch.K[:, 0, 0]).index_add(0, of, errors) / count


def bidirectional_loss(
    target: View, source: View, K: Tensor, source_from_target: Tensor, ssim: float
) -> BidirectionalOutput:
    """Compare pairs of images in both directions.

    The motion back is the inverse of the motion: a pair is seen by the pose network once.

    Args:
        target: N images; those of a batch are repeated for every source.
        source: N images, seen by the same depth network.
        K: (N, 3, 3) intrinsics of both [px].
        source_from_target: (N, 4, 4) motion, in the unit of depth.
        ssim: share of structural similarity in the reprojection error.
    """
    with full_precision(target.depth):
        target_from_source = invert_transform(source_from_target)
    forward = rigid_flow(target.depth.detach(), K, source_from_target.detach())
    backward = rigid_flow(source.depth.detach(), K, target_from_source.detach())
    there = _one_direction(
        target, source, K, source_from_target, ssim, flow_consistency_weight(forward, backward)
    )
    back = _one_direction(
        source, target, K, target_from_source, ssim, flow_consistency_weight(backward, forward)
    )
    photometric, depth, features = (
        (first + second) / 2 for first, second in zip(there[:3], back[:3])
    )
    return BidirectionalOutput(photometric, depth, features, there.warped, there.weight)


def rigid_flow(depth: Tensor, K: Tensor, pose: Tensor) -> Tensor:
    """Return how far every pixel moves because the camera does.

    Args:
        depth: (N, H, W) depth of the pixels.
        K: (N, 3, 3) intrinsics of both views [px].
        pose: (N, 4, 4) motion from this view to the other, in the unit of depth.

    Returns:
        (N, 2, H, W) to the right and down [px]; huge for points behind the other camera.
    """
    pixels, _ = _landing(depth, K, pose)
    return pixels.movedim(-1, 1) - _own_pixels(pixels)


def flow_consistency_weight(forward: Tensor, backward: Tensor) -> Tensor:
    """Return 1 where the way there and the way back cancel, less where they do not.

    1 - |f + b| / (|f| + |b| + 1 px), f the flow there, b the flow back from where f leads to;
    0 where it leads out of the image. What one image hides from the other is led back elsewhere,
    and what moved by itself too, unless both depths make up for it.

    Args:
        forward: (N, 2, H, W) from the target to the source [px].
        backward: (N, 2, H, W) from the source to the target [px].

    Returns:
        (N, 1, H, W) in 0 to 1, without gradient.
    """
    with torch.no_grad():
        pixels = (_own_pixels(forward.movedim(1, -1)) + forward).movedim(1, -1)
        back = _sampled(backward, pixels)
        apart, there, again = (
            torch.linalg.vector_norm(flow, dim=1, keepdim=True)
            for flow in (forward + back, forward, back)
        )
        weight: Tensor = 1 - apart / (there + again + _STILL)
        return weight * _inside(pixels)


def depth_consistency(
    depth: Tensor, source_depth: Tensor, K: Tensor, source_from_target: Tensor
) -> DepthConsistency:
    """Compare the target's depth, carried into the source, with the source's own.

    |z - d| / (z + d), z the carried depth and d the source's own where the pixel lands; the
    weight is 1 less it. It is worked out from 1 / z and 1 / d, which gives the same number, and
    inverse depth is linear in the image on every plane: bilinear sampling is exact there.

    Args:
        depth: (N, H, W) of the target.
        source_depth: (N, H, W) of the source.
        K: (N, 3, 3) intrinsics of both [px].
        source_from_target: (N, 4, 4) motion, in the unit of depth.
    """
    pixels, carried = _landing(depth, K, source_from_target)
    own = _sampled(1 / source_depth[:, None], pixels)
    carried = carried[:, None]
    seen = _inside(pixels) * (carried > 0)
    inverse = 1 / carried.clamp(min=_MIN)
    loss = (inverse - own).abs() / (inverse + own) * seen
    return DepthConsistency(((1 - loss) * seen).detach(), loss)


def feature_difference(
    target: Tensor, source: Tensor, depth: Tensor, K: Tensor, source_from_target: Tensor
) -> Tensor:
    """Compare the target's features with the source's, seen from the target.

    sum |a - b| / sum (|a| + |b|), sums over the channels. Features are taken as they are and get
    no gradient: alike everywhere they would agree with anything. Depth and motion learn.

    Args:
        target: (N, C, h, w) features of the depth network.
        source: (N, C, h, w) the same of the source.
        depth: (N, H, W) of the target.
        K: (N, 3, 3) intrinsics of the images of depth's size [px].
        source_from_target: (N, 4, 4) motion, in the unit of depth.

    Returns:
        (N, 1, h, w) in 0 to 1.
    """
    target, source = target.detach().to(depth), source.detach().to(depth)
    size = (target.shape[-2], target.shape[-1])
    with full_precision(depth):
        K = resize_intrinsics(K, (depth.shape[-2], depth.shape[-1]), size)
    warped = warp_to_target(
        source, 1 / resized(1 / depth[:, None], size)[:, 0], K, source_from_target
    )
    apart = (target - warped).abs().sum(1, keepdim=True)
    whole = (target.abs() + warped.abs()).sum(1, keepdim=True)
    return apart / whole.clamp(min=_MIN)


def weighted_mean(errors: Tensor, weight: Tensor) -> Tensor:
    """Return sum(w e) / sum(w) over each pair's pixels (N,), 0 where no pixel has a weight.

    Args:
        errors: (N, 1, h, w).
        weight: (N, 1, H, W), resized to the errors'.
    """
    weight = resized(weight, errors.shape[-2:])
    return (errors * weight).sum((1, 2, 3)) / weight.sum((1, 2, 3)).clamp(min=_MIN)


def _one_direction(
    target: View,
    source: View,
    K: Tensor,
    source_from_target: Tensor,
    ssim: float,
    flow_weight: Tensor,
) -> BidirectionalOutput:
    depths = depth_consistency(target.depth, source.depth, K, source_from_target)
    weight = depths.weight * flow_weight
    warped = warp_to_target(source.image, target.depth, K, source_from_target)
    photometric = weighted_mean(ReprojectionError(target.image, ssim)(warped), weight)
    features = torch.zeros_like(photometric)
    for found, other in zip(target.features, source.features, strict=True):
        difference = feature_difference(found, other, target.depth, K, source_from_target)
        features = features + weighted_mean(difference, weight) / len(target.features)
    return BidirectionalOutput(
        photometric, weighted_mean(depths.loss, weight), features, warped, weight
    )


def _landing(depth: Tensor, K: Tensor, pose: Tensor) -> tuple[Tensor, Tensor]:
    """Return where pixels land in the other view (N, H, W, 2), and their depth there (N, H, W)."""
    with full_precision(depth):
        return project(transform_points(pose, backproject(depth, K)), K)


def _own_pixels(like: Tensor) -> Tensor:
    """Return the pixels' own positions (2, H, W) of (N, H, W, .)."""
    height, width = like.shape[1:3]
    rows = torch.arange(height, dtype=like.dtype, device=like.device)
    columns = torch.arange(width, dtype=like.dtype, device=like.device)
    return torch.stack((columns.expand(height, width), rows[:, None].expand(height, width)))


def _last_pixel(pixels: Tensor) -> Tensor:
    height, width = pixels.shape[1:3]
    return pixels.new_tensor([width - 1, height - 1])


def _sampled(values: Tensor, pixels: Tensor) -> Tensor:
    """Return values (N, C, H, W) at pixels (N, H, W, 2), the border repeated outside."""
    grid = 2 * pixels / _last_pixel(pixels) - 1
    return F.grid_sample(values, grid, padding_mode='border', align_corners=True)


def _inside(pixels: Tensor) -> Tensor:
    """Return (N, 1, H, W), 1 where pixels (N, H, W, 2) lie on a pixel of the image."""
    inside = ((pixels >= -0.5) & (pixels <= _last_pixel(pixels) + 0.5)).all(-1)
    return inside[:, None].to(pixels.dtype)
