"""Tell a moving camera from one that stands still, on small images."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.datasets.motion_limit import MIN_MOTION, SMALL_WIDTH
from mono_depth_ros.types import Image

Mask = NDArray[np.bool_]


def small_gray(image: Image) -> Image:
    """Shrink an image (H, W, 3) RGB to a gray one of `SMALL_WIDTH`."""
    height = max(16, round(image.shape[0] * SMALL_WIDTH / image.shape[1]))
    small = cv2.resize(image, (SMALL_WIDTH, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def motion_between(first: Image, second: Image) -> float:
    """Return the median length of the optical flow between two small gray images [px].

    The median asks what most of the view does: cars that pass a standing camera do not count.
    """
    flow = np.zeros((*first.shape, 2), np.float32)
    flow = cv2.calcOpticalFlowFarneback(first, second, flow, 0.5, 3, 9, 3, 5, 1.1, 0)
    return float(np.median(np.hypot(flow[..., 0], flow[..., 1])))


def is_moving(
    frames: NDArray[np.int64], read: Callable[[int], Image], min_motion: float = MIN_MOTION
) -> Mask:
    """Say which samples show motion between the target and each of its sources.

    Args:
        frames: (N, 1 + S) indices of the target and its sources, targets increasing.
        read: gives a frame (H, W, 3) uint8 RGB by its index; asked once for each frame that is
            needed, in increasing order.
        min_motion: [px of an image of `SMALL_WIDTH`]; 0 keeps all and reads nothing.

    Returns:
        (N,) False where a source shows less motion than that; True where there is no source.
    """
    if not min_motion > 0:
        return np.ones(len(frames), bool)
    pairs = np.unique(
        np.sort(
            np.stack([np.repeat(frames[:, 0], frames.shape[1] - 1), frames[:, 1:].ravel()], axis=1)
        ),
        axis=0,
    )
    # A frame's small image is kept until the last pair it opens: never more than a short window.
    last_use = dict(pairs.tolist())
    by_later: dict[int, list[int]] = {}
    for earlier, later in pairs.tolist():
        by_later.setdefault(later, []).append(earlier)
    window: dict[int, Image] = {}
    still = set()
    for index in np.unique(pairs).tolist():
        small = small_gray(read(index))
        still |= {
            (earlier, index)
            for earlier in by_later.get(index, ())
            if motion_between(window[earlier], small) < min_motion
        }
        window = {known: kept for known, kept in window.items() if last_use[known] > index}
        if index in last_use:
            window[index] = small
    return np.array(
        [
            not any((min(row[0], other), max(row[0], other)) in still for other in row[1:])
            for row in frames.tolist()
        ],
        bool,
    )
