"""What can be evaluated: a network in training, a model card, a guess from the row alone."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mono_depth_ros.datasets.splits import SplitEntry
from mono_depth_ros.evaluation.protocol.evaluate import (
    Array,
    EvaluationResult,
    Predict,
    Predictor,
    evaluate_frames,
)
from mono_depth_ros.evaluation.protocol.kitti import KittiFrames
from mono_depth_ros.evaluation.protocol.kitti_ground_truth import read_depth
from mono_depth_ros.evaluation.protocol.samples import Frames
from mono_depth_ros.geometry.disparity import disparity_to_depth
from mono_depth_ros.inference.cards.checkpoint import load_network
from mono_depth_ros.inference.cards.model_card import ModelCard
from mono_depth_ros.inference.estimator import checked_device
from mono_depth_ros.inference.units import depth_scaling
from mono_depth_ros.types import Image, Size

_CALIBRATION_IMAGES = 4


def network_predictor(
    network: nn.Module, input_size: Size, min_depth: float, max_depth: float
) -> Predictor:
    """Make a network predict the inverse depth of images.

    Images are stretched to the network's size with a Lanczos filter, as the protocol asks. A copy
    of the network as it is now runs in eval mode, where its parameters are.

    Args:
        network: gives (B, 1, h, w) disparity in (0, 1) in eval mode.
        input_size: (height, width) of its input.
        min_depth: depth at disparity 1.
        max_depth: depth at disparity 0.
    """
    network = deepcopy(network).eval()

    def run(resized: Sequence[Image]) -> list[Array]:
        batch = torch.from_numpy(np.stack(resized)).permute(0, 3, 1, 2).float() / 255
        device = next((parameter.device for parameter in network.parameters()), batch.device)
        with torch.inference_mode():
            disparity = network(batch.to(device))[:, 0].float().cpu().numpy()
        return list(1 / disparity_to_depth(disparity, min_depth, max_depth))

    return Predictor(lambda image: lanczos_resize(image, input_size), run)


def lanczos_resize(image: Image, size: Size) -> Image:
    """Resize (H, W, 3) uint8 to (height, width), as the code behind the papers' figures did.

    OpenCV's INTER_LANCZOS4 is no substitute: it aliases where it shrinks.
    """
    from PIL.Image import Resampling, fromarray

    return np.asarray(fromarray(image).resize(size[::-1], Resampling.LANCZOS))


def card_predictor(card: ModelCard, frames: Frames, device: str = 'cpu') -> Predictor:
    """Make a model card predict the inverse depth of images.

    Args:
        card: the card, with its weights beside it.
        frames: whose first images give an untrained card the statistics of its batch norms.
        device: 'cpu', 'cuda' or 'cuda:N'.

    Raises:
        FileNotFoundError, ValueError: see load_network.
    """
    count = min(_CALIBRATION_IMAGES, len(frames.names))
    images = None if card.is_trained else [frames.read_image(index) for index in range(count)]
    network = load_network(card, images).deploy().to(checked_device(device))
    return network_predictor(network, card.input_size, card.min_depth, card.max_depth)


def card_factor(
    card: ModelCard, K: NDArray[np.float64], image_size: Size, depth_scale: float | None = None
) -> float:
    """Return what a card's depth of a stretched image is multiplied with, see depth_scaling."""
    return depth_scaling(card, K, image_size, card.input_size, depth_scale).factor


def evaluate_card(
    card: ModelCard,
    root: str | Path,
    split_file: str | Path,
    ground_truth: str = 'lidar',
    *,
    device: str = 'cpu',
    flip: bool = False,
    batch_size: int = 2,
) -> EvaluationResult:
    """Evaluate a model card on KITTI; its unscaled depth has the metres that the card promises.

    Args:
        card: the card, with its weights beside it.
        root: holds the folders of the recording days.
        split_file: lines 'folder index side'.
        ground_truth: 'lidar', 'lidar_z', 'projected' or 'dense', see evaluate_kitti.
        device: 'cpu', 'cuda' or 'cuda:N'.
        flip: average each prediction with that of the mirrored image.
        batch_size: images per run of the network.

    Raises:
        FileNotFoundError, ValueError: see evaluate_kitti and load_network.
    """
    frames = KittiFrames(root, split_file, ground_truth)
    return evaluate_frames(
        frames,
        card_predictor(card, frames, device),
        depth_factor=partial(card_factor, card),
        flip=flip,
        batch_size=batch_size,
    )


def row_prior(
    root: str | Path, entries: Sequence[SplitEntry], ground_truth: str = 'projected'
) -> Predict:
    """Make the guess that looks at nothing but a pixel's row.

    Args:
        root: holds the folders of the recording days.
        entries: frames whose true depth is averaged.
        ground_truth: which true depth.

    Returns:
        A predictor: every row of an image gets the mean inverse depth [1/m] of all points that
        the frames have in that row, rows without any point that of their nearest neighbours.

    Raises:
        FileNotFoundError, ValueError: a frame has no true depth; there are no frames at all.
    """
    if not entries:
        raise ValueError('A row prior needs frames with true depth, but the list is empty.')
    profile = _mean_inverse_depth_per_row(
        [read_depth(Path(root).expanduser(), entry, ground_truth) for entry in entries]
    )

    def predict(images: Sequence[Image]) -> list[Array]:
        return [np.repeat(profile[:, None], image.shape[1], axis=1) for image in images]

    return predict


def _mean_inverse_depth_per_row(depths: Sequence[NDArray[np.float64]]) -> Array:
    """Return (H,) [1/m] of depths (h, w) [m], 0 where unknown, H being the largest h."""
    rows = max(depth.shape[0] for depth in depths)
    total, count = np.zeros(rows), np.zeros(rows)
    for depth in depths:
        v, u = np.nonzero(depth)
        place = v * rows // depth.shape[0]
        np.add.at(total, place, 1 / depth[v, u])
        np.add.at(count, place, 1)
    known = np.flatnonzero(count)
    return np.interp(np.arange(rows), known, total[known] / count[known])
