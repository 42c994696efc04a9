"""What one step of a training gives: a loss, its parts, and images to look at."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from mono_depth_ros.networks.base import DepthOutput


class StepImages(NamedTuple):
    """Images of a step's first sample, to look at.

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


class StepResult(NamedTuple):
    """What one batch gives.

    Attributes:
        loss: (B,) per sample; its mean is minimised.
        terms: means of the loss's parts, and of the errors behind them, for the record.
        images: of the first sample.
        reference: what the networks found in the batch as it is, for its other forms to agree
            with; empty where there are none.
        passes: how many forward passes this is the result of.
    """

    loss: Tensor
    terms: dict[str, Tensor]
    images: StepImages
    reference: DepthOutput
    passes: int = 1

    def added_to(self, before: StepResult | None) -> StepResult:
        """Return the result of the passes before and this one, its loss without gradient."""
        loss = self.loss.detach()
        if before is None:
            return self._replace(loss=loss)
        return before._replace(
            loss=before.loss + loss,
            terms=before.terms | self.terms,
            passes=before.passes + self.passes,
        )
