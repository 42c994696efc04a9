"""The depth of a model card, as depth_node would publish it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.datasets.street import street_images
from mono_depth_ros.evaluation.reference import Depth
from mono_depth_ros.inference.estimator import DepthEstimator
from mono_depth_ros.inference.model_card import ModelCard
from mono_depth_ros.messages.camera_info import ImageGeometry
from mono_depth_ros.messages.depth_outputs import MAX_DEPTH, MIN_DEPTH, limit_depth

# As many as depth_node takes, so that both have the same network.
_CALIBRATION_IMAGES = 8


@dataclass(frozen=True)
class CardOptions:
    """How a card runs; the node's parameters of the same names.

    Attributes:
        device: 'cpu', 'cuda' or 'cuda:N'.
        precision: 'float32', 'bfloat16' or 'float16' (CUDA only).
        threads: CPU threads; None leaves the choice to PyTorch.
        fit: 'keep_aspect' or 'stretch'.
        depth_scale: metres per unit of depth, measured for this camera; wins over the card's.
        min_depth: nearer is no estimate [m].
        max_depth: farther is beyond range [m].
    """

    device: str = 'cpu'
    precision: str = 'float32'
    threads: int | None = None
    fit: str = 'keep_aspect'
    depth_scale: float | None = None
    min_depth: float = MIN_DEPTH
    max_depth: float = MAX_DEPTH


class CardEstimate:
    """Estimate depth image by image.

    Args:
        card: the model card.
        options: how it runs.

    Raises:
        FileNotFoundError, ValueError: see DepthEstimator.
    """

    def __init__(self, card: ModelCard, options: CardOptions) -> None:
        images = None if card.is_trained else street_images(_CALIBRATION_IMAGES, card.input_size)
        self._options = options
        self._estimator = DepthEstimator(
            card, device=options.device, precision=options.precision, threads=options.threads,
            fit=options.fit, calibration_images=images)

    def __call__(self, image: NDArray[np.uint8], geometry: ImageGeometry) -> tuple[Depth, str]:
        """Return depth (H, W) of a rectified image (H, W, 3) RGB, and its kind."""
        options, K = self._options, geometry.K_out
        [depth] = self._estimator.estimate([image], [K], options.depth_scale)
        size = (image.shape[0], image.shape[1])
        kind = self._estimator.scaling(K, size, options.depth_scale).kind
        return limit_depth(depth, kind, geometry.valid, options.min_depth,
                           options.max_depth), kind
