"""What an evaluation runs over: frames with true depth, and the rules by which they count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.evaluation.frame_metrics import LIMITS, RANGES, Range
from mono_depth_ros.types import Image


class Frame(NamedTuple):
    """One image to predict the depth of.

    Attributes:
        name: its line of the split, for messages.
        image: (H, W, 3) uint8 RGB.
        K: (3, 3) intrinsics [px].
        depth: (H, W) true depth [m], 0 where unknown.
        mask: (H, W), True where the prediction is compared.
    """

    name: str
    image: Image
    K: NDArray[np.float64]
    depth: NDArray[np.float64]
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class Rules:
    """By which frames are compared.

    Attributes:
        ground_truth: where true depth comes from, in a word.
        limits: what predictions are clamped to [m].
        ranges: of true depth, for the metrics by range [m].
    """

    ground_truth: str
    limits: Range = LIMITS
    ranges: tuple[Range, ...] = RANGES


class Frames(Protocol):
    """A data set with true depth, read frame by frame from any thread."""

    @property
    def rules(self) -> Rules:
        """By which its frames are compared."""

    @property
    def names(self) -> Sequence[str]:
        """One per frame."""

    def read(self, index: int) -> Frame:
        """Read a frame.

        Raises:
            OSError, ValueError: something of it is missing or broken; the message says what.
        """

    def read_image(self, index: int) -> Image:
        """Read a frame's (H, W, 3) uint8 RGB image alone."""
