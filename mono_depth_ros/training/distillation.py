"""Learn from a trained network: what its disparity would be, had the student found it."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from mono_depth_ros.geometry.disparity import depth_to_disparity, disparity_to_depth
from mono_depth_ros.inference.checkpoint import load_network
from mono_depth_ros.inference.model_card import ModelCard
from mono_depth_ros.training.config import TrainConfig
from mono_depth_ros.training.resizing import resized


class Taught(NamedTuple):
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


class Teacher(nn.Module):
    """A frozen network, at its own size, range and unit.

    Args:
        card: of a trained network.
        config: the student's range, unit and focal length.
        training_focal: fy of the student's training camera at network size [px].

    Raises:
        ValueError: the card is untrained, or has no metres where the student does.
    """

    def __init__(self, card: ModelCard, config: TrainConfig, training_focal: float) -> None:
        super().__init__()
        if not card.is_trained:
            raise ValueError(f"The teacher '{card.name}' is untrained: there is nothing to learn.")
        has_metres = config.supervision in ('S', 'MS') or config.loss.velocity > 0
        if has_metres and card.depth_unit != 'metric':
            raise ValueError(
                f"The teacher '{card.name}' is relative, but the student's other supervision "
                f'({config.supervision}) knows metres; the two contradict each other. Take a '
                'metric teacher, or supervision T or M.')
        self.card, self.config, self.training_focal = card, config, training_focal
        network = load_network(card).eval().requires_grad_(False)
        # Only APX looks at more than the finest disparity.
        self.network = network if config.loss.apx > 0 else network.deploy()

    @torch.no_grad()
    def output(self, image: Tensor, K: Tensor) -> Taught:
        """Return features and disparities, these in the student's terms; see disparity."""
        seen = self._seen(image)
        encoded = self.network.encode(seen)
        output = self.network.decode(encoded)
        disparities = [self._in_student_s_terms(disparity, K, image.shape[-2])
                       for disparity in output.disparities]
        return Taught(encoded, output.features, disparities, seen.shape[-2])

    @torch.no_grad()
    def disparity(self, image: Tensor, K: Tensor) -> Tensor:
        """Return what the student should say of its images.

        Args:
            image: (B, 3, H, W) RGB in [0, 1], at the student's size.
            K: (B, 3, 3) their intrinsics [px].

        Returns:
            (B, 1, H, W) disparity in the student's range, unit and focal length, in 0 to 1.
        """
        disparity = F.interpolate(self.network(self._seen(image)).float(), image.shape[-2:],
                                  mode='bilinear', align_corners=False)
        return self._in_student_s_terms(disparity, K, image.shape[-2])

    def _seen(self, image: Tensor) -> Tensor:
        """Return an image at the teacher's own size."""
        return resized(image, self.card.input_size)

    def _in_student_s_terms(self, disparity: Tensor, K: Tensor, height: int) -> Tensor:
        card, config = self.card, self.config
        depth = disparity_to_depth(disparity.float(), card.min_depth, card.max_depth)
        depth = depth * self._factor(K, height)[:, None, None, None]
        return depth_to_disparity(depth, config.min_depth, config.max_depth).clamp(0, 1)

    def _factor(self, K: Tensor, height: int) -> Tensor:
        """Return the student's depth over the teacher's (B,), for metres known to both."""
        if self.card.depth_unit != 'metric':
            return K.new_ones(len(K))
        assert self.card.training_K is not None
        focal = K[:, 1, 1]
        factor = focal * (self.card.input_size[0] / height) / self.card.training_K[1][1]
        factor = factor * (self.card.depth_scale or 1.0) / self.config.depth_scale
        return factor * self.training_focal / focal if self.config.canonical_focal else factor
