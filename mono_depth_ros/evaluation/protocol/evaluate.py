"""The protocol for single images: predict, resize, invert, mask, scale, compare."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from mono_depth_ros.evaluation.frame_metrics import (
    FrameComparison,
    FrameMetrics,
    compare_depth,
    mean_frames,
)
from mono_depth_ros.evaluation.metrics import DepthMetrics
from mono_depth_ros.evaluation.protocol.options import MAX_WORKERS
from mono_depth_ros.evaluation.protocol.samples import Frame, Frames, Rules
from mono_depth_ros.types import Image, Size

Array = NDArray[np.floating[Any]]
T = TypeVar('T')
Q = TypeVar('Q')

# From (H, W, 3) uint8 RGB images to one (h, w) inverse depth each, of whatever size and unit.
Predict = Callable[[Sequence[Image]], Sequence[Array]]
# From a camera's (3, 3) K [px] and (height, width) to what predicted depth is multiplied with.
DepthFactor = Callable[[NDArray[np.float64], Size], float]

# The share of an image's width within which flip post-processing distrusts a prediction.
_FLIP_BORDER = 0.05


@dataclass(frozen=True)
class Predictor:
    """A prediction in two steps, of which the first needs no batch.

    Attributes:
        prepare: what is done to each (H, W, 3) uint8 RGB image, such as resizing it.
        run: from prepared images to inverse depths; mirrored ones are prepared images mirrored.
    """

    prepare: Callable[[Image], Image]
    run: Predict

    def __call__(self, images: Sequence[Image]) -> Sequence[Array]:
        """Do both."""
        return self.run([self.prepare(image) for image in images])


@dataclass(frozen=True)
class ImageResult:
    """What came out for one image: its line of the split, and the comparison."""

    name: str
    comparison: FrameComparison

    @property
    def pixels(self) -> int:
        """How many were compared."""
        return self.comparison.pixels

    @property
    def scale(self) -> float:
        """Median of true over median of predicted depth."""
        return self.comparison.scale

    @property
    def median_scaled(self) -> DepthMetrics:
        """The seven metrics of the predicted depth times scale."""
        return self.comparison.median_scaled.errors

    @property
    def unscaled(self) -> DepthMetrics:
        """The seven metrics of the predicted depth in its own metres."""
        return self.comparison.unscaled.errors


class Skipped(NamedTuple):
    """A frame that could not be read, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class EvaluationResult:
    """What came out for a split: every image, what was skipped, and means over the images."""

    rules: Rules
    images: tuple[ImageResult, ...]
    skipped: tuple[Skipped, ...] = ()

    def mean(self, scaling: str) -> FrameMetrics:
        """Return the mean of all metrics, images counting the same.

        Args:
            scaling: 'median_scaled' or 'unscaled'.
        """
        return mean_frames(getattr(image.comparison, scaling) for image in self.images)

    @property
    def ground_truth(self) -> str:
        """Where true depth came from."""
        return self.rules.ground_truth

    @property
    def median_scaled(self) -> DepthMetrics:
        """Mean metrics where each image was brought to the true median depth."""
        return self.mean('median_scaled').errors

    @property
    def unscaled(self) -> DepthMetrics:
        """Mean metrics of depth as predicted; they mean nothing for relative depth."""
        return self.mean('unscaled').errors

    @property
    def scale(self) -> float:
        """Median of the images' scales: 1 for perfect metres."""
        return float(np.median([image.scale for image in self.images]))

    @property
    def scale_spread(self) -> float:
        """Standard deviation of the images' scales over their median."""
        return float(np.std([image.scale for image in self.images]) / self.scale)


def evaluate_frames(
    frames: Frames,
    predict: Predict,
    *,
    depth_factor: DepthFactor | None = None,
    flip: bool = False,
    batch_size: int = 2,
    workers: int | None = None,
    skip_broken: bool = False,
    on_image: Callable[[ImageResult | Skipped], None] | None = None,
) -> EvaluationResult:
    """Evaluate predictions on frames.

    Every thread reads, predicts and compares a batch of its own: cores that share images instead
    of layers need not wait for each other. The results come in the frames' order.

    Args:
        frames: what is evaluated on, and its rules.
        predict: from RGB images to inverse depths, see network_predictor and row_prior; it is
            called by several threads at a time.
        depth_factor: what makes metres of predicted depth, None where it is in metres already.
        flip: average each prediction with that of the mirrored image.
        batch_size: images per call of predict.
        workers: threads; None for one per thread of PyTorch, eight at most.
        skip_broken: count frames that cannot be read instead of ending with their error.
        on_image: gets every result, or what was skipped, as it comes and in order.

    Raises:
        OSError: something of a frame is missing.
        ValueError: a frame is broken, a prediction is no inverse depth, or no frame was left.
    """
    workers = min(torch.get_num_threads(), MAX_WORKERS) if workers is None else workers
    for name, value in (('batch_size', batch_size), ('workers', workers)):
        if value < 1:
            raise ValueError(f'{name} is {value}; expected 1 or more.')
    found: list[ImageResult] = []
    skipped: list[Skipped] = []
    steps = _Steps(frames, predict, depth_factor, flip, skip_broken)
    count = len(frames.names)
    batches = [
        range(start, min(start + batch_size, count)) for start in range(0, count, batch_size)
    ]
    with _workers(workers) as pool:
        for result in chain.from_iterable(_map_ahead(pool, steps, batches, workers)):
            if isinstance(result, Skipped):
                skipped.append(result)
            else:
                found.append(result)
            if on_image is not None:
                on_image(result)
    if not found:
        raise ValueError(f'All {len(skipped)} frames were skipped. The first: {skipped[0].reason}')
    return EvaluationResult(frames.rules, tuple(found), tuple(skipped))


def compare(
    frame: Frame, inverse_depth: Array, factor: float = 1.0, rules: Rules | None = None
) -> ImageResult:
    """Compare one prediction with a frame's true depth.

    The prediction is resized before it is inverted, since on a plane it is inverse depth that is
    linear in the image; median scaling comes before the clamp to the protocol's limits.

    Args:
        frame: the image with its true depth.
        inverse_depth: (h, w) prediction, above 0.
        factor: metres per unit of predicted depth.
        rules: limits and ranges; None for KITTI's.

    Raises:
        ValueError: the prediction is not two-dimensional, finite and above 0.
    """
    rules = rules or Rules('')
    enlarged = enlarge(inverse_depth, frame.depth.shape, frame.name)
    depth = np.zeros(enlarged.shape)  # where nothing is compared
    depth[frame.mask] = factor / enlarged[frame.mask].astype(np.float64)
    return ImageResult(
        frame.name,
        compare_depth(depth, frame.depth, frame.mask, limits=rules.limits, ranges=rules.ranges),
    )


def enlarge(inverse_depth: Array, size: Sequence[int], name: str) -> Array:
    """Bring a prediction to an image's size, before it is inverted.

    Args:
        inverse_depth: (h, w) prediction, above 0.
        size: (height, width) of the image.
        name: of the frame, for messages.

    Returns:
        (height, width) inverse depth.

    Raises:
        ValueError: the prediction is not two-dimensional, finite and above 0.
    """
    _check_prediction(inverse_depth, name)
    if inverse_depth.dtype == np.float16:  # which OpenCV does not resize
        inverse_depth = inverse_depth.astype(np.float32)
    resized = cv2.resize(inverse_depth, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized)


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


def predict_prepared(
    predict: Predict, prepared: Sequence[Image], flip: bool = False
) -> Sequence[Array]:
    """Predict the inverse depths of images that `prepare` has seen, with flip post-processing.

    Raises:
        ValueError: predict does not return one prediction for each.
    """
    run = predict.run if isinstance(predict, Predictor) else predict
    predictions = _checked_count(run(prepared), prepared)
    if not flip:
        return predictions
    mirrored = [np.ascontiguousarray(image[:, ::-1]) for image in prepared]
    flipped = _checked_count(run(mirrored), prepared)
    return [merge_flipped(*pair) for pair in zip(predictions, flipped)]


def prepare(predict: Predict, image: Image) -> Image:
    """Do to an image what can be done before its batch."""
    return predict.prepare(image) if isinstance(predict, Predictor) else image


@dataclass(frozen=True)
class _Steps:
    """What is done to a batch of frames, in three steps."""

    frames: Frames
    predict: Predict
    depth_factor: DepthFactor | None
    flip: bool
    skip_broken: bool

    def __call__(self, indices: Sequence[int]) -> list[ImageResult | Skipped]:
        """Read, predict and compare a batch."""
        read = [self._read(index) for index in indices]
        frames = [frame for frame in read if isinstance(frame, Frame)]
        predictions = iter(self._predict(frames))
        return [
            item if isinstance(item, Skipped) else self._compare(item, next(predictions))
            for item in read
        ]

    def _read(self, index: int) -> Frame | Skipped:
        """Read a frame and prepare its image, which takes the place of the large one."""
        try:
            frame = self.frames.read(index)
        except (OSError, ValueError) as error:
            if not self.skip_broken:
                raise
            return Skipped(self.frames.names[index], str(error))
        return frame._replace(image=prepare(self.predict, frame.image))

    def _predict(self, frames: Sequence[Frame]) -> Sequence[Array]:
        if not frames:
            return []
        return predict_prepared(self.predict, [frame.image for frame in frames], self.flip)

    def _compare(self, frame: Frame, inverse_depth: Array) -> ImageResult:
        factor = 1.0
        if self.depth_factor is not None:
            factor = self.depth_factor(frame.K, (frame.depth.shape[0], frame.depth.shape[1]))
        return compare(frame, inverse_depth, factor, self.frames.rules)


def _map_ahead(
    pool: ThreadPoolExecutor, function: Callable[[T], Q], items: Iterable[T], ahead: int
) -> Iterator[Q]:
    """Yield function(item) in order, while the pool works on the next so many items."""
    waiting: deque[Future[Q]] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


@contextmanager
def _workers(count: int) -> Iterator[ThreadPoolExecutor]:
    """Give a pool of threads among which PyTorch's threads are shared out."""
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(
            count, initializer=torch.set_num_threads, initargs=(max(1, before // count),)
        ) as pool:
            yield pool
    finally:
        torch.set_num_threads(before)


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
