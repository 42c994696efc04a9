"""From a batch to a loss: depth and motion are found, sources warped, errors compared."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from mono_depth_ros.geometry.disparity import depth_to_disparity, disparity_to_depth
from mono_depth_ros.networks import DepthNetwork
from mono_depth_ros.networks.base import DepthOutput
from mono_depth_ros.networks.pose import PoseNetwork
from mono_depth_ros.training.batch import NO_LABEL, Batch
from mono_depth_ros.training.config import TrainConfig
from mono_depth_ros.training.distillation import Teacher
from mono_depth_ros.training.losses import ReprojectionError, hint_error, smoothness
from mono_depth_ros.training.multi_resolution import consistency
from mono_depth_ros.training.triplet import triplet_loss
from mono_depth_ros.training.view_synthesis import find_motion, warp_to_target

# Auto-masking breaks ties by chance (Monodepth2).
_TIE_BREAK = 1e-5


class Panels(NamedTuple):
    """What a person wants to see of a step's first sample.

    Attributes:
        target: (3, H, W) in [0, 1].
        warped: (3, H, W) its first source, seen from the target.
        disparity: (1, H, W).
        mask: (1, H, W), 1 where the pixel is trained on.
    """

    target: Tensor
    warped: Tensor
    disparity: Tensor
    mask: Tensor


class Seen(NamedTuple):
    """What comes out beside the reprojection error.

    Attributes:
        warped: (3, H, W) the first sample's first source, seen from its target.
        mask: (B, 1, H, W), 1 where motion explains more than standing still.
        errors: for the record: the mean error of the nearest warped source ('reprojection'), and
            of the nearest source as it is ('identity').
    """

    warped: Tensor
    mask: Tensor
    errors: dict[str, Tensor]


class StepResult(NamedTuple):
    """What one batch gives.

    Attributes:
        loss: (B,) per sample; its mean is minimised.
        terms: means of the loss's parts, and of the errors behind them, for the record.
        panels: pictures of the first sample.
    """

    loss: Tensor
    terms: dict[str, Tensor]
    panels: Panels


class Objective(nn.Module):
    """Depth network, pose network and the loss between them, as one module.

    Args:
        depth: the network to train.
        pose: finds motion that is not known; None where all of it is.
        config: weights of the terms and how depth counts.
        training_focal: fy of the training camera at network size [px].
        teacher: a frozen network to distil from.
    """

    def __init__(self, depth: DepthNetwork, pose: PoseNetwork | None, config: TrainConfig,
                 training_focal: float, teacher: Teacher | None = None) -> None:
        super().__init__()
        self.depth, self.pose, self.teacher = depth, pose, teacher
        self.config, self.training_focal = config, training_focal

    def train(self, mode: bool = True) -> Objective:
        """Switch to training; the teacher and frozen batch norms stay in evaluation."""
        super().train(mode)
        if self.teacher is not None:
            self.teacher.eval()
        if self.config.freeze_batch_norm:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def forward(self, batch: Batch) -> StepResult:
        """Work out the loss of a batch."""
        options = self.config.loss
        output = self._output(batch.target_colours)
        disparities = output.disparities
        needs_motion = options.photometric > 0 or options.velocity > 0
        motion = self._motion(batch) if needs_motion else batch.pose
        own = _outside(batch.strip, batch.target)
        seen, terms = self._terms(batch, disparities, motion, own)
        if options.velocity > 0:
            terms['velocity'] = self._velocity(batch, motion)
        if options.triplet > 0:
            terms['triplet'] = self._triplet(batch, output.features)
        if options.distillation > 0:
            terms['distillation'] = self._distillation(batch, disparities)
        for other in batch.others:
            found = self._output(other.batch.target_colours).disparities
            within = _inside(other.within, batch.target)
            _, its_terms = self._terms(other.batch, found, motion, within)
            for name, term in its_terms.items():
                terms[name] = terms[name] + term
            agreement = consistency(
                self._scene_disparity(found[0], other.batch),
                self._scene_disparity(disparities[0], batch), seen.mask, other.shows,
                other.within, options.ssim)
            terms['consistency'] = terms.get('consistency', 0.0) + agreement
        loss = sum(getattr(options, name) * term for name, term in terms.items())
        assert isinstance(loss, Tensor)
        panels = Panels(batch.target[0], seen.warped.detach(), disparities[0][0].detach(),
                        seen.mask[0])
        record = {name: term.mean().detach() for name, term in (terms | seen.errors).items()}
        return StepResult(loss, record, panels)

    def _output(self, image: Tensor) -> DepthOutput:
        """Return the disparities that are trained on, and the decoder's features."""
        output = self.depth(image)
        if isinstance(output, Tensor):  # the finest level alone, outside training
            return DepthOutput([output.float()], [])
        trained = output.disparities[:self.config.loss.levels]
        return DepthOutput([disparity.float() for disparity in trained], output.features)

    def _terms(self, batch: Batch, disparities: list[Tensor], motion: Tensor,
               within: Tensor) -> tuple[Seen, dict[str, Tensor]]:
        """Return the terms that every resolution has, and what was seen on the way."""
        options = self.config.loss
        seen = Seen(batch.target[0], torch.ones_like(disparities[0]), {})
        terms = {}
        if options.photometric > 0:
            terms['photometric'], seen = self._photometric(batch, disparities, motion, within)
        if options.smoothness > 0:
            terms['smoothness'] = self._smoothness(batch, disparities)
        if options.hints > 0:
            hint = batch.hint / self.config.depth_scale
            terms['hints'] = hint_error(self._depth(disparities[0], batch), hint)
        return seen, terms

    def _depth(self, disparity: Tensor, batch: Batch) -> Tensor:
        """Return depth in units, at the focal length of each sample."""
        depth = disparity_to_depth(disparity, self.config.min_depth, self.config.max_depth)
        if self.config.canonical_focal:
            depth = depth * (batch.K[:, 1, 1] / self.training_focal)[:, None, None, None]
        return depth

    def _scene_disparity(self, disparity: Tensor, batch: Batch) -> Tensor:
        """Return the disparity of the scene's depth, the same at whatever focal length."""
        depth = self._depth(disparity, batch)
        return depth_to_disparity(depth, self.config.min_depth, self.config.max_depth)

    def _motion(self, batch: Batch) -> Tensor:
        """Return source_from_target (N, 4, 4) in units: known ones as they are, others found."""
        motion = batch.pose.clone()
        motion[:, :3, 3] /= self.config.depth_scale
        unknown = batch.pose[:, 0, 0].isnan().nonzero()[:, 0]
        if len(unknown) == 0:
            return motion
        if self.pose is None:
            raise ValueError(
                f"'{batch.names[int(batch.sample_of[unknown[0]])]}' has a source of unknown pose: "
                "give a pose_network, or supervision 'S' for stereo pairs alone."
            )
        of = batch.sample_of[unknown]
        if batch.others:  # one motion for all resolutions, by colours as they are (RA-Depth)
            target, source = batch.target[of], batch.source[unknown]
        else:
            target, source = batch.target_colours[of], batch.source_colours[unknown]
        if self.config.pose_reduction > 1:
            factor = self.config.pose_reduction
            target, source = F.avg_pool2d(target, factor), F.avg_pool2d(source, factor)
        found = find_motion(self.pose, target, source, batch.offset[unknown])
        return motion.index_put((unknown,), found)

    def _photometric(self, batch: Batch, disparities: list[Tensor], motion: Tensor,
                     within: Tensor) -> tuple[Tensor, Seen]:
        """Return the least reprojection error (B,), mean over levels and pixels."""
        options = self.config.loss
        compare = ReprojectionError(batch.target, options.ssim).select(batch.sample_of)
        still = self._unmoved(batch, compare) if options.auto_mask else None
        K = batch.K[batch.sample_of]
        losses = []
        for level, disparity in enumerate(disparities):
            full = disparity if level == 0 else F.interpolate(
                disparity, batch.target.shape[-2:], mode='bilinear', align_corners=False)
            depth = self._depth(full, batch)[batch.sample_of, 0]
            warped = warp_to_target(batch.source, depth, K, motion)
            moved = _nearest_source(compare(warped), batch)
            least = moved if still is None else torch.minimum(moved, still)
            losses.append(_mean(least, within))
            if level == 0:
                seen = _seen(warped, moved, still, within)
        return torch.stack(losses).mean(0), seen

    @torch.no_grad()
    def _unmoved(self, batch: Batch, compare: ReprojectionError) -> Tensor:
        """Return the least error (B, 1, H, W) of the sources as they are."""
        still = _nearest_source(compare(batch.source), batch)
        noise = [torch.randn(still.shape[1:], generator=torch.Generator().manual_seed(seed))
                 for seed in batch.seed.tolist()]
        return still + torch.stack(noise).to(still) * _TIE_BREAK

    def _smoothness(self, batch: Batch, disparities: list[Tensor]) -> Tensor:
        losses = []
        for level, disparity in enumerate(disparities):
            image = _shrunk(batch.target, disparity)
            losses.append(smoothness(disparity, image) / 2**level)
        return torch.stack(losses).mean(0)

    def _velocity(self, batch: Batch, motion: Tensor) -> Tensor:
        """Return |distance found - distance measured| summed over a sample's sources (B,)."""
        length = torch.linalg.vector_norm(motion[:, :3, 3] + 1e-8, dim=1)
        measured = batch.distance / self.config.depth_scale
        known = measured.isfinite()
        error = (length - torch.where(known, measured, 0.0)).abs() * known
        total: Tensor = error.new_zeros(len(batch.target)).index_add(0, batch.sample_of, error)
        return total

    def _triplet(self, batch: Batch, features: list[Tensor]) -> Tensor:
        """Return the triplet loss (B,) over the chosen levels, 0 for samples without labels."""
        options, height = self.config.triplet, batch.target.shape[-2]
        labelled = (batch.labels != NO_LABEL).flatten(1).any(1)
        total = batch.target.new_zeros(len(batch.target))
        for level in options.levels if labelled.any() else ():
            at_level = [feature for feature in features if feature.shape[-2] == height >> level]
            if not at_level:
                raise ValueError(
                    f'triplet.levels has {level}, but {self.config.network} decodes no features '
                    f'at 1/{2**level} of the image; leave that level out.')
            loss = triplet_loss(at_level[0], batch.labels, options.patch, options.margin)
            total = total + loss / 2**level
        return total * labelled

    def _distillation(self, batch: Batch, disparities: list[Tensor]) -> Tensor:
        assert self.teacher is not None
        # The teacher sees colours as they are: the student learns not to mind their change.
        taught = self._compared(self.teacher.disparity(batch.target, batch.K))
        losses = [(self._compared(disparity) - _shrunk(taught, disparity)).abs().mean((1, 2, 3))
                  for disparity in disparities]
        return torch.stack(losses).mean(0)

    def _compared(self, disparity: Tensor) -> Tensor:
        """Return what student and teacher are compared in."""
        if self.config.loss.distillation_of == 'disparity':
            return disparity
        return disparity_to_depth(disparity, self.config.min_depth, self.config.max_depth).log()


def _nearest_source(errors: Tensor, batch: Batch) -> Tensor:
    """Return each target's least error over its sources: (N, 1, H, W) to (B, 1, H, W)."""
    slots = int(batch.slot_of.max()) + 1
    table = errors.new_full((len(batch.target), slots, *errors.shape[2:]), torch.inf)
    table = table.index_put((batch.sample_of, batch.slot_of), errors[:, 0])
    return table.min(1, keepdim=True).values


def _seen(warped: Tensor, moved: Tensor, still: Tensor | None, within: Tensor) -> Seen:
    errors = {'reprojection': _mean(moved, within)}
    if still is None:
        return Seen(warped[0], within.expand_as(moved), errors)
    return Seen(warped[0], (moved < still) * within, errors | {'identity': _mean(still, within)})


def _shrunk(image: Tensor, like: Tensor) -> Tensor:
    """Return an image averaged down to the size of another."""
    return F.adaptive_avg_pool2d(image, (like.shape[-2], like.shape[-1]))


def _inside(windows: Tensor, image: Tensor) -> Tensor:
    """Return (B, 1, H, W), 1 within each sample's window (top, left, height, width)."""
    rows = torch.arange(image.shape[-2], device=image.device)[None, :, None]
    columns = torch.arange(image.shape[-1], device=image.device)[None, None]
    top, left, height, width = (extent[:, None, None] for extent in windows.unbind(1))
    inside = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
    return inside[:, None].float()


def _outside(strips: Tensor, image: Tensor) -> Tensor:
    """Return (B, 1, H, W), 1 outside each sample's strip of columns (first, after the last)."""
    columns = torch.arange(image.shape[-1], device=image.device)[None]
    outside = (columns < strips[:, :1]) | (columns >= strips[:, 1:])
    return outside[:, None, None].expand(-1, 1, *image.shape[-2:]).float()


def _mean(errors: Tensor, within: Tensor) -> Tensor:
    """Return the mean (B,) of errors (B, 1, H, W) over the pixels within a mask."""
    return (errors * within).sum((1, 2, 3)) / within.sum((1, 2, 3))
