"""Learn from a trained network: what its disparity would be, had the student found it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from mono_depth_ros.geometry.disparity import depth_to_disparity, disparity_to_depth
from mono_depth_ros.inference.cards.checkpoint import load_network
from mono_depth_ros.inference.cards.model_card import ModelCard
from mono_depth_ros.networks import DepthNetwork
from mono_depth_ros.training.config.schema import TrainConfig
from mono_depth_ros.training.losses.resizing import resized
from mono_depth_ros.types import DepthKind


class TeacherOutput(NamedTuple):
    """What a teacher shows of itself.

    Attributes:
        encoded: encoder features, finest first.
        features: decoder features, finest first.
        disparities: (B, 1, H / 2^s, W / 2^s) per level, in the student's range and unit.
        height: of the images that the teacher saw [px].
    """

    encoded: list[Tensor]
    features: list[Tensor]
    disparities: list[Tensor]
    height: int


class Teacher:
    """A frozen network, at its own size, range and unit; it follows its images to their device.

    Nothing of it is trained or saved, so it is no module.

    Args:
        card: of a trained network.
        config: the student's range, unit and focal length.
        training_focal: fy of the student's training camera at network size [px].

    Raises:
        ValueError: the card is untrained, or has no metres where the student does.
    """

    def __init__(self, card: ModelCard, config: TrainConfig, training_focal: float) -> None:
        if not card.is_trained:
            raise ValueError(f"The teacher '{card.name}' is untrained: there is nothing to learn.")
        has_metres = config.supervision in ('S', 'MS') or config.loss.velocity > 0
        if has_metres and card.depth_unit != DepthKind.METRIC:
            raise ValueError(
                f"The teacher '{card.name}' is relative, but the student's other supervision "
                f'({config.supervision}) knows metres; the two contradict each other. Take a '
                'metric teacher, or supervision T or M.'
            )
        self.card, self.config, self.training_focal = card, config, training_focal
        network = load_network(card).eval().requires_grad_(False)
        # Only APX looks at more than the finest disparity.
        self.network = network if config.loss.apx > 0 else network.deploy()

    @torch.no_grad()
    def output(self, image: Tensor, K: Tensor, height: int) -> TeacherOutput:
        """Return features and disparities, these in the student's terms.

        Args:
            image: (B, 3, H', W') RGB in [0, 1], at any size.
            K: (B, 3, 3) the student's intrinsics [px].
            height: of the student's images [px].

        Returns:
            Disparities in the student's range, unit and focal length, in 0 to 1, at the teacher's
            own sizes.
        """
        if next(self.network.parameters()).device != image.device:
            self.network.to(image.device)
        seen = resized(image, self.card.input_size)
        encoded = self.network.encode(seen)
        output = self.network.decode(encoded)
        disparities = [
            self._in_student_s_terms(disparity, K, height) for disparity in output.disparities
        ]
        return TeacherOutput(encoded, output.features, disparities, seen.shape[-2])

    def _in_student_s_terms(self, disparity: Tensor, K: Tensor, height: int) -> Tensor:
        card, config = self.card, self.config
        depth = disparity_to_depth(disparity.float(), card.min_depth, card.max_depth)
        depth = depth * self._factor(K, height)[:, None, None, None]
        return depth_to_disparity(depth, config.min_depth, config.max_depth).clamp(0, 1)

    def _factor(self, K: Tensor, height: int) -> Tensor:
        """Return the student's depth over the teacher's (B,), for metres known to both."""
        if self.card.depth_unit != DepthKind.METRIC:
            return K.new_ones(len(K))
        assert self.card.training_K is not None
        focal = K[:, 1, 1]
        factor = focal * (self.card.input_size[0] / height) / self.card.training_K[1][1]
        factor = factor * (self.card.depth_scale or 1.0) / self.config.depth_scale
        return factor * self.training_focal / focal if self.config.canonical_focal else factor


class Teachers:
    """One teacher, or several that answer together: by the mean of their log depths.

    What two networks were trained on shows in their errors; a student of both is taught by what
    they have in common. Encoder and decoder features are those of the first.

    Args:
        members: at least one, of the same unit; one that is given twice counts twice.
        config: the student's range.

    Raises:
        ValueError: some have metres, some have not.
    """

    def __init__(self, members: Sequence[Teacher], config: TrainConfig) -> None:
        units = {teacher.card.depth_unit: teacher.card.name for teacher in members}
        if len(units) > 1:
            metric, relative = units[DepthKind.METRIC], units[DepthKind.RELATIVE]
            raise ValueError(
                f"The teachers '{metric}' (metric) and '{relative}' (relative) "
                'count in different units, so that they have no mean; take metric ones alone, or '
                'relative ones.'
            )
        counts = Counter(members)
        self.members, self.weights = list(counts), list(counts.values())
        self.config = config

    @property
    def cards(self) -> list[ModelCard]:
        """Of the members, each once."""
        return [teacher.card for teacher in self.members]

    @property
    def network(self) -> DepthNetwork:
        """The first one's network, whose features are imitated."""
        return self.members[0].network

    @torch.no_grad()
    def output(self, image: Tensor, K: Tensor, height: int) -> TeacherOutput:
        """Return what they show of images; see Teacher.output.

        Returns:
            A single one's answer as it is. Of several one disparity, at the size of the largest
            answer, and the first one's features.
        """
        answers = [teacher.output(image, K, height) for teacher in self.members]
        if len(answers) == 1:
            return answers[0]
        near, far = self.config.min_depth, self.config.max_depth
        size = max((answer.disparities[0].shape[-2:] for answer in answers), key=prod)
        logs = torch.stack([
            disparity_to_depth(resized(answer.disparities[0], size), near, far).log()
            for answer in answers])  # fmt: skip
        weights = logs.new_tensor(self.weights) / sum(self.weights)
        depth = torch.tensordot(weights, logs, 1).exp()
        return answers[0]._replace(disparities=[depth_to_disparity(depth, near, far).clamp(0, 1)])
