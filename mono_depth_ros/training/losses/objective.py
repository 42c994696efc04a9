"""From a batch to a loss: depth and motion are found, sources warped, errors compared."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from mono_depth_ros.geometry.disparity import depth_to_disparity, disparity_to_depth
from mono_depth_ros.networks import DepthNetwork
from mono_depth_ros.networks.base import DepthOutput
from mono_depth_ros.networks.pose import PoseNetwork
from mono_depth_ros.training.config.schema import Level, TrainConfig
from mono_depth_ros.training.data.batch import NO_LABEL, Batch, OtherResolution
from mono_depth_ros.training.losses.apx import apx_loss, pair_stages, position_mask
from mono_depth_ros.training.losses.bidirectional import View, bidirectional_loss
from mono_depth_ros.training.losses.distillation import Imitation, TeacherOutput, Teachers
from mono_depth_ros.training.losses.multi_resolution import consistency as agreement_of_resolutions
from mono_depth_ros.training.losses.photometric import ReprojectionOutput, reprojection_loss
from mono_depth_ros.training.losses.pyramid import at_size, consistency, derive
from mono_depth_ros.training.losses.resizing import resized
from mono_depth_ros.training.losses.terms import hint_error, smoothness
from mono_depth_ros.training.losses.triplet import triplet_loss
from mono_depth_ros.training.losses.view_synthesis import find_motion


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


class Views(NamedTuple):
    """What the depth network finds in a batch.

    Attributes:
        encoded: encoder features of the targets, where a loss needs them.
        target: disparities and decoder features of the targets.
        source: the same of the sources, where they are compared too.
    """

    encoded: list[Tensor]
    target: DepthOutput
    source: DepthOutput | None


class StepResult(NamedTuple):
    """What one batch gives.

    Attributes:
        loss: (B,) per sample; its mean is minimised.
        terms: means of the loss's parts, and of the errors behind them, for the record.
        panels: pictures of the first sample.
        output: what the network found, without gradient, for the other levels of a pyramid to
            agree with: disparities mean the scene's depth, whatever the focal length.
    """

    loss: Tensor
    terms: dict[str, Tensor]
    panels: Panels
    output: DepthOutput


class Objective(nn.Module):
    """Depth network, pose network and the loss between them, as one module.

    Args:
        depth: the network to train.
        pose: finds motion that is not known; None where all of it is.
        config: weights of the terms and how depth counts.
        training_focal: fy of the training camera at network size [px].
        teacher: one or more frozen networks to distil from.
        imitation: compares its encoder features, with a weight for them.
    """

    def __init__(
        self,
        depth: DepthNetwork,
        pose: PoseNetwork | None,
        config: TrainConfig,
        training_focal: float,
        teacher: Teachers | None = None,
        imitation: Imitation | None = None,
    ) -> None:
        super().__init__()
        self.depth, self.pose, self.teacher = depth, pose, teacher
        self.imitation = imitation
        self.config, self.training_focal = config, training_focal
        self.progress = 1.0

    def set_training_progress(self, progress: float) -> None:
        """Set what depends on how far training is, 0 to 1: drops, and when masking begins."""
        self.depth.set_training_progress(progress)
        self.progress = progress

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

    def forward(
        self, batch: Batch, level: Level | None = None, current: DepthOutput | None = None
    ) -> StepResult:
        """Work out the loss of a batch, or of one level of its pyramid.

        Args:
            batch: as it is, whatever the level; with supervision T at the size of the teacher's
                images, if that is larger: the student sees it smaller.
            level: None for the batch as it is.
            current: with a level, what the batch as it is gave.
        """
        pyramid, sharp = self.config.pyramid, batch.target
        if self.config.supervision == 'T':
            batch = at_size(batch, self.config.input_size)
        if level is not None:
            batch = derive(batch, level, pyramid, self.config.augmentation)
            sharp = batch.target
        views = self._views(batch)
        result = self._result(batch, views, sharp)
        if level is None:
            weight = pyramid.current if pyramid.levels else 1.0
            return result._replace(loss=weight * result.loss)
        assert current is not None
        weights = getattr(pyramid, level)
        found = self._scene_output(batch, views.target)
        agreement = consistency(level, found, current)
        loss = (
            weights.loss * result.loss
            + weights.features * agreement.features
            + weights.disparity * agreement.disparity
        )
        record = {
            f'{level}_{name}': term.mean().detach() for name, term in agreement._asdict().items()
        }
        return result._replace(loss=loss, terms=record)

    def _result(self, batch: Batch, views: Views, sharp: Tensor) -> StepResult:
        options, output = self.config.loss, views.target
        disparities = output.disparities
        motion = self._motion(batch) if options.needs_motion else batch.pose
        own = (~batch.strange).float()
        seen, terms = self._terms(batch, views, motion, own)
        if options.velocity > 0:
            terms['velocity'] = self._velocity(batch, motion)
        if options.triplet > 0:
            terms['triplet'] = self._triplet(batch, output.features)
        if self.teacher is not None:
            # It sees colours as they are: the student learns not to mind their change.
            taught = self.teacher.output(sharp, batch.K, batch.target.shape[-2])
            terms |= self._taught(batch, views, taught)
        for other in batch.others:
            self._add_resolution(terms, batch, other, disparities[0], motion, seen)
        loss = sum(getattr(options, name) * term for name, term in terms.items())
        assert isinstance(loss, Tensor)
        panels = Panels(
            batch.target[0], seen.warped.detach(), disparities[0][0].detach(), seen.mask[0]
        )
        record = {name: term.mean().detach() for name, term in (terms | seen.errors).items()}
        return StepResult(loss, record, panels, self._reference(batch, output))

    def _add_resolution(
        self,
        terms: dict[str, Tensor],
        batch: Batch,
        other: OtherResolution,
        disparity: Tensor,
        motion: Tensor,
        seen: ReprojectionOutput,
    ) -> None:
        """Add another resolution's terms, and its agreement with the middle one's disparity."""
        options, views = self.config.loss, self._views(other.batch)
        within = _inside(other.within, batch.target)
        _, its_terms = self._terms(other.batch, views, motion, within)
        for name, term in its_terms.items():
            terms[name] = terms[name] + term
        agreement = agreement_of_resolutions(
            self._scene_disparity(views.target.disparities[0], other.batch),
            self._scene_disparity(disparity, batch),
            seen.mask,
            other.shows,
            other.within,
            options.ssim,
        )
        terms['consistency'] = terms.get('consistency', torch.zeros_like(agreement)) + agreement

    def _views(self, batch: Batch) -> Views:
        """Run the depth network on the targets, and on the sources where they are compared too."""
        images, count = batch.target_colours, len(batch.target)
        if not self.config.loss.bidirectional:
            return Views(*self._output(images), None)
        encoded, output = self._output(torch.cat([images, batch.source_colours]))
        source = _part(output, slice(count, None))
        return Views([feature[:count] for feature in encoded], _part(output, slice(count)), source)

    def _output(self, image: Tensor) -> tuple[list[Tensor], DepthOutput]:
        """Return encoder features, the disparities that are trained on, and decoder features."""
        encoded: list[Tensor] = []
        if self.config.loss.apx + self.config.loss.features > 0:
            encoded = self.depth.encode(image)
            output: DepthOutput | Tensor = self.depth.decode(encoded)
        else:
            output = self.depth(image)
        if isinstance(output, Tensor):  # the finest level alone, outside training
            return encoded, DepthOutput([output.float()], [])
        trained = output.disparities[: self.config.loss.levels]
        return encoded, DepthOutput([found.float() for found in trained], output.features)

    def _reference(self, batch: Batch, output: DepthOutput) -> DepthOutput:
        """Return what levels of a pyramid agree with; nothing where there are none."""
        if not self.config.pyramid.levels:
            return DepthOutput([], [])
        found = self._scene_output(batch, output)
        return DepthOutput(*([tensor.detach() for tensor in part] for part in found))

    def _scene_output(self, batch: Batch, output: DepthOutput) -> DepthOutput:
        disparities = [self._scene_disparity(found, batch) for found in output.disparities]
        return DepthOutput(disparities, output.features)

    def _terms(
        self, batch: Batch, views: Views, motion: Tensor, within: Tensor
    ) -> tuple[ReprojectionOutput, dict[str, Tensor]]:
        """Return the terms that every resolution has, and what was seen on the way."""
        options, disparities = self.config.loss, views.target.disparities
        seen = ReprojectionOutput(batch.target[0], torch.ones_like(disparities[0]), {})
        terms: dict[str, Tensor] = {}
        if options.photometric > 0 and views.source is not None:
            terms, seen = self._bidirectional(batch, views.target, views.source, motion)
        elif options.photometric > 0:
            depths = [self._depth(_enlarged(found, batch.target), batch) for found in disparities]
            terms['photometric'], seen = reprojection_loss(
                batch,
                depths,
                motion,
                within,
                options,
                masks=self.progress >= options.auto_mask_from,
            )
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

    def _bidirectional(
        self, batch: Batch, target: DepthOutput, source: DepthOutput, motion: Tensor
    ) -> tuple[dict[str, Tensor], ReprojectionOutput]:
        """Return the terms of the bidirectional weighted loss, mean over a target's sources."""
        of = batch.sample_of
        depth = self._depth(target.disparities[0], batch)[of, 0]
        seen_from = replace(batch, K=batch.K[of])  # a source has its target's camera
        found = bidirectional_loss(
            View(batch.target[of], depth, [feature[of] for feature in target.features]),
            View(
                batch.source, self._depth(source.disparities[0], seen_from)[:, 0], source.features
            ),
            batch.K[of],
            motion,
            self.config.loss.ssim,
        )
        count = torch.bincount(of, minlength=len(batch.target))
        terms = {
            name: torch.zeros_like(batch.K[:, 0, 0]).index_add(0, of, error) / count
            for name, error in (
                ('photometric', found.photometric),
                ('structure', found.depth),
                ('perception', found.features),
            )
        }
        mask = found.weight[:1].expand(len(batch.target), -1, -1, -1)
        return terms, ReprojectionOutput(found.warped[0], mask, {})

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
                    f'at 1/{2**level} of the image; leave that level out.'
                )
            loss = triplet_loss(at_level[0], batch.labels, options.patch, options.margin)
            total = total + loss / 2**level
        return total * labelled

    def _taught(self, batch: Batch, views: Views, taught: TeacherOutput) -> dict[str, Tensor]:
        """Return how far (B,) the student is from its teacher, in each way that has a weight."""
        options, terms = self.config.loss, {}
        if options.distillation > 0:
            aim = resized(taught.disparities[0], batch.target.shape[-2:])
            terms['distillation'] = self._distillation(aim, views.target.disparities)
        if options.apx > 0:
            terms['apx'] = self._apx(batch, views, taught)
        if self.imitation is not None:
            terms['features'] = self.imitation(views.encoded, taught, batch.target.shape[-2])
        return terms

    def _distillation(self, aim: Tensor, disparities: list[Tensor]) -> Tensor:
        compared = self._compared(aim)
        losses = [
            (self._compared(disparity) - _shrunk(compared, disparity)).abs().mean((1, 2, 3))
            for disparity in disparities
        ]
        return torch.stack(losses).mean(0)

    def _compared(self, disparity: Tensor) -> Tensor:
        """Return what student and teacher are compared in."""
        if self.config.loss.distillation_of == 'disparity':
            return disparity
        return disparity_to_depth(disparity, self.config.min_depth, self.config.max_depth).log()

    def _apx(self, batch: Batch, views: Views, taught: TeacherOutput) -> Tensor:
        """Return the distance (B,) to the teacher's features and disparities as distributions."""
        options, student = self.config.apx, views.target
        mask = position_mask(
            taught.disparities[0],
            self.config.min_depth,
            self.config.max_depth,
            options.farthest,
            options.hole or None,
        )
        total = batch.target.new_zeros(len(batch.target))
        for weight, own, others in (
            (options.encoder, views.encoded, taught.encoded),
            (options.decoder, student.features, taught.features),
            (options.disparity, student.disparities, taught.disparities),
        ):
            if weight > 0:
                height = batch.target.shape[-2]
                pairs = pair_stages(own, others, height, taught.height)
                total = total + weight * sum(apx_loss(*pair, mask) for pair in pairs)
        return total


def _part(output: DepthOutput, which: slice) -> DepthOutput:
    """Return the output of some of the images."""
    return DepthOutput(*([tensor[which] for tensor in part] for part in output))


def _enlarged(disparity: Tensor, image: Tensor) -> Tensor:
    if disparity.shape[-2:] == image.shape[-2:]:
        return disparity
    return F.interpolate(disparity, image.shape[-2:], mode='bilinear', align_corners=False)


def _shrunk(image: Tensor, like: Tensor) -> Tensor:
    """Return an image averaged down to the size of another."""
    factor = image.shape[-2] // like.shape[-2]
    if image.shape[-2:] == (like.shape[-2] * factor, like.shape[-1] * factor):
        return image if factor == 1 else F.avg_pool2d(image, factor)
    return F.adaptive_avg_pool2d(image, (like.shape[-2], like.shape[-1]))


def _inside(windows: Tensor, image: Tensor) -> Tensor:
    """Return (B, 1, H, W), 1 within each sample's window (top, left, height, width)."""
    rows = torch.arange(image.shape[-2], device=image.device)[None, :, None]
    columns = torch.arange(image.shape[-1], device=image.device)[None, None]
    top, left, height, width = (extent[:, None, None] for extent in windows.unbind(1))
    inside = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
    return inside[:, None].float()
