"""What every training data set gives: a target, its sources, and the camera they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.types import Image, Matrix


@dataclass(frozen=True)
class Source:
    """One other view of the target's scene, of the target's size and intrinsics.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        offset: frames after the target (before it: negative); 0 is the stereo partner.
        source_from_target: (4, 4) known pose [m]; None where a pose network has to find it.
        distance: how far the camera moved between the two [m]; None where nobody measured it.
    """

    image: Image
    offset: int
    source_from_target: Matrix | None = None
    distance: float | None = None


@dataclass(frozen=True)
class TrainingSample:
    """One target and what self-supervised training compares it with.

    Attributes:
        target: (H, W, 3) uint8 RGB.
        sources: other views, any number of them; none where a teacher is all there is.
        K: (3, 3) intrinsics of the target and of every source [px].
        name: where the target came from, for messages.
        depth_hint: (H, W) float32 [m] from stereo matching, NaN where it says nothing.
        labels: (H, W) uint8 semantic class of each pixel, or None.
    """

    target: Image
    sources: tuple[Source, ...]
    K: Matrix
    name: str
    depth_hint: NDArray[np.float32] | None = None
    labels: NDArray[np.uint8] | None = None


class TrainingData(Protocol):
    """A sequence of training samples, read when asked for."""

    def __len__(self) -> int:
        """Return the number of samples."""

    def __getitem__(self, index: int) -> TrainingSample:
        """Read one sample."""
