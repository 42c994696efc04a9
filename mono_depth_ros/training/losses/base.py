"""What a loss is: what it needs, what it sees of a batch, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Flag, auto
from typing import ClassVar, NamedTuple

from torch import Tensor, nn

from mono_depth_ros.geometry.disparity import depth_to_disparity, disparity_to_depth
from mono_depth_ros.networks import DepthNetwork
from mono_depth_ros.networks.base import DepthOutput
from mono_depth_ros.training.config.schema import TrainConfig
from mono_depth_ros.training.data.batch import Batch
from mono_depth_ros.training.losses.teacher import TeacherOutput, Teachers


class Need(Flag):
    """What a loss asks for; what none of them needs is not computed.

    Attributes:
        NOTHING: disparities and decoder features of the targets are always there.
        ENCODED: encoder features of the targets.
        SOURCES: the depth network's output for the sources.
        MOTION: how the camera moved from a target to its sources.
        TEACHER: the teacher's output for the targets.
    """

    NOTHING = 0
    ENCODED = auto()
    SOURCES = auto()
    MOTION = auto()
    TEACHER = auto()


class Networks(NamedTuple):
    """The networks that a loss may adapt itself to when it is built.

    Attributes:
        depth: the network to train.
        teacher: frozen networks to distil from, or None.
    """

    depth: DepthNetwork
    teacher: Teachers | None


class NetworkOutput(NamedTuple):
    """What the depth network finds in a batch.

    Attributes:
        encoded: encoder features of the targets, finest first; empty unless a loss needs them.
        target: disparities that are trained, and decoder features, of the targets.
        source: the same of the sources; None unless a loss needs it.
    """

    encoded: list[Tensor]
    target: DepthOutput
    source: DepthOutput | None


class ReprojectionOutput(NamedTuple):
    """What comes out beside the reprojection error.

    Attributes:
        warped: (3, H, W) the first sample's first source, seen from its target.
        mask: (B, 1, H, W), 1 where the loss looks: with auto-masking, where motion explains more
            than standing still.
        errors: for the record: the mean error of the nearest warped source ('reprojection'), and
            of the nearest source as it is ('identity').
    """

    warped: Tensor
    mask: Tensor
    errors: dict[str, Tensor]


@dataclass(frozen=True)
class LossContext:
    """What a loss sees of a batch of B samples with N sources.

    Attributes:
        config: weights and options of all losses, and how depth counts.
        training_focal: fy of the training camera at network size [px].
        progress: share of the training that is done, 0 to 1.
        batch: images, intrinsics, hints and labels.
        within: (B, 1, H, W), 1 where a target can be explained by its sources.
        output: what the depth network finds.
        motion: (N, 4, 4) source_from_target in units; with Need.MOTION.
        reprojection: of the photometric loss, for the losses behind it in the list; before it,
            the target itself and a mask of ones.
        teacher: the teacher's output; with Need.TEACHER.
        run_network: finds the depth network's output for another batch.
        reference: in other forms of a batch (a pyramid's levels), the disparities of the scene
            and the features that were found in the batch as it is, without gradient.
    """

    config: TrainConfig
    training_focal: float
    progress: float
    batch: Batch
    within: Tensor
    output: NetworkOutput
    motion: Tensor
    reprojection: ReprojectionOutput
    teacher: TeacherOutput | None = None
    run_network: Callable[[Batch], NetworkOutput] | None = None
    reference: DepthOutput | None = None

    @property
    def disparities(self) -> list[Tensor]:
        """(B, 1, H / 2^s, W / 2^s) disparities of the targets, finest first."""
        return self.output.target.disparities

    @property
    def height(self) -> int:
        """Of the batch's images [px]."""
        return self.batch.target.shape[-2]

    def depth(self, disparity: Tensor, K: Tensor | None = None) -> Tensor:
        """Return depth (B, 1, H, W) in units, at the focal length of each sample.

        Args:
            disparity: (B, 1, H, W) in (0, 1).
            K: (B, 3, 3) intrinsics [px]; the batch's by default.
        """
        depth = disparity_to_depth(disparity, self.config.min_depth, self.config.max_depth)
        if self.config.canonical_focal:
            focal = (self.batch.K if K is None else K)[:, 1, 1]
            depth = depth * (focal / self.training_focal)[:, None, None, None]
        return depth

    def scene_disparity(self, disparity: Tensor) -> Tensor:
        """Return the disparity of the scene's depth, the same at whatever focal length."""
        depth = self.depth(disparity)
        return depth_to_disparity(depth, self.config.min_depth, self.config.max_depth)

    def scene_output(self) -> DepthOutput:
        """Return the targets' output, its disparities those of the scene's depth."""
        disparities = [self.scene_disparity(disparity) for disparity in self.disparities]
        return DepthOutput(disparities, self.output.target.features)


class LossOutput(NamedTuple):
    """What a loss answers.

    Attributes:
        loss: (B,) with its weight, to be added to what is minimised.
        terms: (B,) values by name for the record, without weight; those of one name add up.
        reprojection: of the photometric loss.
    """

    loss: Tensor
    terms: dict[str, Tensor]
    reprojection: ReprojectionOutput | None = None


class Loss(nn.Module):
    """One part of what is minimised.

    A subclass has a name, says where the configuration has its weight, and computes one number
    per sample. One with several numbers or more to say overrides forward. Parameters of its own
    are trained and saved with the networks.

    Attributes:
        name: its value's in the record, in TensorBoard and in the report.
        needs: what the context has to hold for it.
        weight: what its value is multiplied with.

    Args:
        config: of the training.
        networks: that it is a loss of.
    """

    name: ClassVar[str]
    needs: ClassVar[Need] = Need.NOTHING

    def __init__(self, config: TrainConfig, networks: Networks) -> None:
        super().__init__()
        self.weight = self.weight_in(config)

    @staticmethod
    def weight_in(config: TrainConfig) -> float:
        """Return its weight; at 0 it is left out."""
        raise NotImplementedError

    def compute(self, context: LossContext) -> Tensor:
        """Return its value (B,), before its weight."""
        raise NotImplementedError

    def forward(self, context: LossContext) -> LossOutput:
        """Return what is added to the loss and to the record."""
        value = self.compute(context)
        return LossOutput(self.weight * value, {self.name: value})


def add_terms(terms: Mapping[str, Tensor], more: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return all terms, those of the same name added up."""
    added = {name: terms[name] + more[name] if name in terms else more[name] for name in more}
    return {**terms, **added}
