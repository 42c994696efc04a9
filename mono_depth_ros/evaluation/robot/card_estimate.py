"""The depth of a model card, as depth_node would publish it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.evaluation.robot.reference import Depth
from mono_depth_ros.inference.estimator import DepthEstimator
from mono_depth_ros.messages.camera_info import ImageGeometry
from mono_depth_ros.outputs.depth_outputs import MAX_DEPTH, MIN_DEPTH, limit_depth


class CardEstimate:
    """Estimate depth image by image.

    Args:
        estimator: a card's network, ready to run.
        depth_scale: metres per unit of depth, measured for this camera; wins over the card's.
        min_depth: nearer is no estimate [m].
        max_depth: farther is beyond range [m].
    """

    def __init__(
        self,
        estimator: DepthEstimator,
        depth_scale: float | None = None,
        min_depth: float = MIN_DEPTH,
        max_depth: float = MAX_DEPTH,
    ) -> None:
        self._estimator = estimator
        self._depth_scale = depth_scale
        self._range = min_depth, max_depth

    def __call__(self, image: NDArray[np.uint8], geometry: ImageGeometry) -> tuple[Depth, str]:
        """Return depth (H, W) of a rectified image (H, W, 3) RGB, and its kind."""
        [found] = self._estimator.estimate_scaled([image], [geometry.K_out], self._depth_scale)
        kind = found.scaling.kind
        return limit_depth(found.depth, kind, geometry.valid, *self._range), kind
