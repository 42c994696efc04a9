"""KITTI's protocol for single images: predict, resize, invert, mask, scale, compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.datasets.splits import SplitEntry, read_split
from mono_depth_ros.evaluation.kitti_ground_truth import (
    MAX_DEPTH,
    MIN_DEPTH,
    Frame,
    check_ground_truth,
    read_frame,
)
from mono_depth_ros.evaluation.metrics import (
    DepthMetrics,
    depth_metrics,
    mean_metrics,
    median_scale,
)

Image = NDArray[np.uint8]
Array = NDArray[np.floating[Any]]
Size = tuple[int, int]

# From (H, W, 3) uint8 RGB images to one (h, w) inverse depth each, of whatever size and unit.
Predict = Callable[[Sequence[Image]], Sequence[Array]]
# From a camera's (3, 3) K [px] and (height, width) to what predicted depth is multiplied with.
DepthFactor = Callable[[NDArray[np.float64], Size], float]

# The share of an image's width within which flip post-processing distrusts a prediction.
_FLIP_BORDER = 0.05


@dataclass(frozen=True)
class ImageResult:
    """What came out for one image.

    Attributes:
        name: its line of the split.
        pixels: how many were compared.
        scale: median of true over median of predicted depth.
        median_scaled: metrics of the predicted depth times scale.
        unscaled: metrics of the predicted depth in its own metres.
    """

    name: str
    pixels: int
    scale: float
    median_scaled: DepthMetrics
    unscaled: DepthMetrics


@dataclass(frozen=True)
class KittiResult:
    """What came out for a split: every image, and means over them."""

    ground_truth: str
    images: tuple[ImageResult, ...]

    @property
    def median_scaled(self) -> DepthMetrics:
        """Mean metrics where each image was brought to the true median depth."""
        return mean_metrics([image.median_scaled for image in self.images])

    @property
    def unscaled(self) -> DepthMetrics:
        """Mean metrics of depth as predicted; they mean nothing for relative depth."""
        return mean_metrics([image.unscaled for image in self.images])

    @property
    def scale(self) -> float:
        """Median of the images' scales: 1 for perfect metres."""
        return float(np.median([image.scale for image in self.images]))

    @property
    def scale_spread(self) -> float:
        """Standard deviation of the images' scales over their median."""
        return float(np.std([image.scale for image in self.images]) / self.scale)


def evaluate_kitti(
    predict: Predict,
    root: str | Path,
    split_file: str | Path,
    ground_truth: str = 'lidar',
    *,
    depth_factor: DepthFactor | None = None,
    flip: bool = False,
    batch_size: int = 4,
    on_image: Callable[[ImageResult], None] | None = None,
) -> KittiResult:
    """Evaluate predictions on the frames of a split file.

    Args:
        predict: from RGB images to inverse depths, see network_predictor and row_prior.
        root: holds the folders of the recording days.
        split_file: lines 'folder index side'.
        ground_truth: 'lidar', 'projected' or 'dense', see kitti_ground_truth.
        depth_factor: what makes metres of predicted depth, None where it is in metres already.
        flip: average each prediction with that of the mirrored image.
        batch_size: images per call of predict.
        on_image: gets every image's result as it comes, for progress.

    Raises:
        FileNotFoundError: the split, a drive, an image or its true depth is missing.
        ValueError: a file is broken or a prediction is no inverse depth; the message says which.
    """
    check_ground_truth(ground_truth)
    if batch_size < 1:
        raise ValueError(f'batch_size is {batch_size}; expected 1 or more images.')
    entries = read_split(split_file)
    results = []
    for start in range(0, len(entries), batch_size):
        batch = entries[start : start + batch_size]
        for result in _evaluate(predict, _root(root), batch, ground_truth, depth_factor, flip):
            results.append(result)
            if on_image is not None:
                on_image(result)
    return KittiResult(ground_truth, tuple(results))


def compare(frame: Frame, inverse_depth: Array, factor: float = 1.0) -> ImageResult:
    """Compare one prediction with a frame's true depth.

    The prediction is resized before it is inverted, since on a plane it is inverse depth that is
    linear in the image; median scaling comes before the clamp to the protocol's limits.

    Args:
        frame: the image with its true depth.
        inverse_depth: (h, w) prediction, above 0.
        factor: metres per unit of predicted depth.

    Raises:
        ValueError: the prediction is not two-dimensional, finite and above 0.
    """
    _check_prediction(inverse_depth, frame.name)
    size = frame.depth.shape[::-1]
    single = inverse_depth.astype(np.float32, copy=False)  # OpenCV knows no half
    resized = cv2.resize(single, size, interpolation=cv2.INTER_LINEAR)
    predicted = factor / resized[frame.mask].astype(np.float64)
    true = frame.depth[frame.mask]
    scale = median_scale(predicted, true)
    return ImageResult(
        name=frame.name,
        pixels=true.size,
        scale=scale,
        median_scaled=depth_metrics(np.clip(scale * predicted, MIN_DEPTH, MAX_DEPTH), true),
        unscaled=depth_metrics(np.clip(predicted, MIN_DEPTH, MAX_DEPTH), true),
    )


def merge_flipped(inverse_depth: Array, of_mirrored: Array) -> Array:
    """Merge a prediction with that of the mirrored image (Godard et al. 2017, section 3.4).

    Either is trusted alone at the border where the other is worse, their mean everywhere else.

    Args:
        inverse_depth: (h, w) prediction.
        of_mirrored: (h, w) prediction of the mirrored image, as the network gave it.
    """
    mirrored_back = of_mirrored[:, ::-1]
    place = np.linspace(0, 1, inverse_depth.shape[1])
    left = 1 - np.clip(20 * (place - _FLIP_BORDER), 0, 1)
    right = left[::-1]
    mean = (inverse_depth + mirrored_back) / 2
    merged = right * inverse_depth + left * mirrored_back + (1 - left - right) * mean
    return merged.astype(inverse_depth.dtype)


def _evaluate(
    predict: Predict,
    root: Path,
    entries: Sequence[SplitEntry],
    ground_truth: str,
    depth_factor: DepthFactor | None,
    flip: bool,
) -> list[ImageResult]:
    frames = [read_frame(root, entry, ground_truth) for entry in entries]
    predictions = _predictions(predict, [frame.image for frame in frames], flip)
    factors = [
        1.0 if depth_factor is None else depth_factor(frame.K, frame.depth.shape)
        for frame in frames
    ]
    return [compare(*each) for each in zip(frames, predictions, factors)]


def _predictions(predict: Predict, images: Sequence[Image], flip: bool) -> Sequence[Array]:
    predictions = _checked_count(predict(images), images)
    if not flip:
        return predictions
    mirrored = [np.ascontiguousarray(image[:, ::-1]) for image in images]
    flipped = _checked_count(predict(mirrored), images)
    return [merge_flipped(*pair) for pair in zip(predictions, flipped)]


def _checked_count(predictions: Sequence[Array], images: Sequence[Image]) -> Sequence[Array]:
    if len(predictions) != len(images):
        raise ValueError(
            f'predict returned {len(predictions)} inverse depths for {len(images)} images; '
            'expected one (h, w) array for each.'
        )
    return predictions


def _check_prediction(inverse_depth: Array, name: str) -> None:
    if inverse_depth.ndim != 2:
        raise ValueError(
            f"Prediction of frame '{name}' has shape {inverse_depth.shape}; expected (h, w)."
        )
    valid = np.isfinite(inverse_depth) & (inverse_depth > 0)
    if not valid.all():
        raise ValueError(
            f"Prediction of frame '{name}' has {valid.size - valid.sum()} of {valid.size} pixels "
            f'that are no inverse depth, e.g. {inverse_depth[~valid][0]}; expected finite values '
            'above 0. The network may have diverged.'
        )


def _root(root: str | Path) -> Path:
    path = Path(root).expanduser()
    if not path.is_dir():
        raise FileNotFoundError(
            f"KITTI's root '{root}' is no folder; expected one with days such as 2011_09_26."
        )
    return path
