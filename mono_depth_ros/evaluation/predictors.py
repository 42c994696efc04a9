"""What can be evaluated: a network in training, a model card, a guess from the row alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mono_depth_ros.datasets.splits import SplitEntry, read_split
from mono_depth_ros.evaluation.kitti import (
    Array,
    ImageResult,
    KittiResult,
    Predict,
    evaluate_kitti,
)
from mono_depth_ros.evaluation.kitti_ground_truth import read_depth, read_image_of
from mono_depth_ros.evaluation.lanczos import lanczos_resize
from mono_depth_ros.geometry.disparity import disparity_to_depth
from mono_depth_ros.inference.checkpoint import load_network
from mono_depth_ros.inference.estimator import checked_device
from mono_depth_ros.inference.model_card import ModelCard
from mono_depth_ros.inference.units import depth_scaling

Image = NDArray[np.uint8]
Size = tuple[int, int]

_CALIBRATION_IMAGES = 4


def network_predictor(
    network: nn.Module, input_size: Size, min_depth: float, max_depth: float
) -> Predict:
    """Make a network predict the inverse depth of images.

    Images are stretched to the network's size with a Lanczos filter, as the protocol asks. The
    network runs where its parameters are, in eval mode, and is left in the mode it was in.

    Args:
        network: gives (B, 1, h, w) disparity in (0, 1) in eval mode.
        input_size: (height, width) of its input.
        min_depth: depth at disparity 1.
        max_depth: depth at disparity 0.
    """

    def predict(images: Sequence[Image]) -> list[Array]:
        resized = np.stack([lanczos_resize(image, input_size) for image in images])
        batch = torch.from_numpy(resized).permute(0, 3, 1, 2).float() / 255
        device = next((parameter.device for parameter in network.parameters()), batch.device)
        with _in_eval_mode(network), torch.inference_mode():
            disparity = network(batch.to(device))[:, 0].float().cpu().numpy()
        return list(1 / disparity_to_depth(disparity, min_depth, max_depth))

    return predict


def evaluate_card(
    card: ModelCard,
    root: str | Path,
    split_file: str | Path,
    ground_truth: str = 'lidar',
    *,
    device: str = 'cpu',
    flip: bool = False,
    batch_size: int = 4,
    on_image: Callable[[ImageResult], None] | None = None,
) -> KittiResult:
    """Evaluate a model card; its unscaled depth has the metres that the card promises.

    An untrained card takes the statistics of its batch norms from the split's first images.

    Args:
        card: the card, with its weights beside it.
        device: 'cpu', 'cuda' or 'cuda:N'.
        root: holds the folders of the recording days.
        split_file: lines 'folder index side'.
        ground_truth: 'lidar', 'projected' or 'dense', see evaluate_kitti.
        flip: average each prediction with that of the mirrored image.
        batch_size: images per run of the network.
        on_image: gets every image's result as it comes, for progress.

    Raises:
        FileNotFoundError, ValueError: see evaluate_kitti and load_network.
    """
    images = None if card.is_trained else _first_images(Path(root).expanduser(), split_file)
    network = load_network(card, images).deploy().to(checked_device(device))
    predict = network_predictor(network, card.input_size, card.min_depth, card.max_depth)
    return evaluate_kitti(
        predict,
        root,
        split_file,
        ground_truth,
        depth_factor=partial(_card_factor, card),
        flip=flip,
        batch_size=batch_size,
        on_image=on_image,
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


@contextmanager
def _in_eval_mode(network: nn.Module) -> Iterator[None]:
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _card_factor(card: ModelCard, K: NDArray[np.float64], image_size: Size) -> float:
    return depth_scaling(card, K, image_size, card.input_size).factor


def _first_images(root: Path, split_file: str | Path) -> list[Image]:
    return [read_image_of(root, entry) for entry in read_split(split_file)[:_CALIBRATION_IMAGES]]
