"""Read the demo's recording back: image, depth and cloud of the same moment, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.bags.reader import open_bag, read_objects, rgb_from_bag_message
from mono_depth_ros.demo.recorder import CLOUD_TOPIC, DEPTH_TOPIC, RELATIVE_TOPIC
from mono_depth_ros.messages.point_cloud import unpack_cloud
from mono_depth_ros.stamps import stamp_of

# Parts of a frame arrive within this many newer images, or never.
PATIENCE = 30


@dataclass(frozen=True)
class DemoFrame:
    """What was recorded of one moment.

    Attributes:
        stamp_ns: the image's stamp [ns].
        image: (H, W, 3) uint8 RGB.
        depth: (H, W) float32 [m], or in units of the network where depth is relative.
        points: (N, 3) float32 valid points [m]; none where depth is relative.
        colors: (N, 3) uint8 RGB of the points.
    """

    stamp_ns: int
    image: NDArray[np.uint8]
    depth: NDArray[np.float32]
    points: NDArray[np.float32]
    colors: NDArray[np.uint8]


def read_frames(recording: Path, image_topic: str) -> Iterator[DemoFrame]:
    """Yield the frames that have an image, a depth and, unless it is relative, a cloud."""
    with open_bag(recording) as reader:
        depth_topic = DEPTH_TOPIC if DEPTH_TOPIC in reader.topics else RELATIVE_TOPIC
        wanted = [image_topic, depth_topic]
        if depth_topic == DEPTH_TOPIC:
            wanted.append(CLOUD_TOPIC)
        connections = [c for c in reader.connections if c.topic in wanted]
        waiting: dict[int, dict[str, Any]] = {}
        for connection, _, message in read_objects(reader, connections):
            stamp = stamp_of(message)
            parts = waiting.setdefault(stamp, {})
            parts[connection.topic] = message
            if len(parts) == len(wanted):
                del waiting[stamp]
                yield _frame(stamp, parts[image_topic], parts[depth_topic], parts.get(CLOUD_TOPIC))
            while len(waiting) > PATIENCE:
                del waiting[next(iter(waiting))]


def _frame(stamp: int, image: Any, depth: Any, cloud: Any) -> DemoFrame:
    pixels = rgb_from_bag_message(image)
    metres = depth.data.view(np.float32).reshape(depth.height, depth.step // 4)[:, : depth.width]
    points, colors = np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint8)
    if cloud is not None:
        grid, rgb = unpack_cloud(cloud.data, cloud.height, cloud.width)
        valid = np.isfinite(grid).all(axis=-1)
        points, colors = grid[valid], rgb[valid]
    return DemoFrame(stamp, pixels, metres, points, colors)
