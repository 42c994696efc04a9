"""Messages of a reference topic, of a bag or of rclpy, as what depth is compared with."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mono_depth_ros.evaluation.robot.reference import Cloud, DepthImage, Reference
from mono_depth_ros.messages.encodings import decode_compressed_depth, decode_depth
from mono_depth_ros.messages.point_cloud import read_cloud
from mono_depth_ros.types import Depth, Intrinsics

CLOUD_TYPE, IMAGE_TYPE = 'sensor_msgs/msg/PointCloud2', 'sensor_msgs/msg/Image'
COMPRESSED_TYPE = 'sensor_msgs/msg/CompressedImage'
REFERENCE_TYPES = (CLOUD_TYPE, IMAGE_TYPE, COMPRESSED_TYPE)
TRANSPORT = '/compressedDepth'


class View(NamedTuple):
    """The camera of a depth topic: K (3, 3) [px] of images of a size (height, width)."""

    K: Intrinsics
    size: tuple[int, int]


def check_reference_type(topic: str, message_type: str) -> None:
    """Refuse a topic of other messages than clouds and depth images.

    Raises:
        ValueError: with what the topic carries and what is expected.
    """
    if message_type not in REFERENCE_TYPES:
        raise ValueError(
            f"'{topic}' carries {message_type}; a reference is {CLOUD_TYPE} (lidar), "
            f'or {IMAGE_TYPE} or {COMPRESSED_TYPE} (depth, 32FC1 or 16UC1).'
        )


def reference_of(message: Any, stamp: int, view: View | None) -> Reference:
    """Read a PointCloud2, or a depth image with its intrinsics.

    Args:
        message: of sensor_msgs, deserialised.
        stamp: its time [ns].
        view: the camera of a depth image; clouds have none.

    Raises:
        UnsupportedEncodingError: the image holds no depth.
        ValueError: the data does not fit the header, or the image not its camera_info.
    """
    if hasattr(message, 'point_step'):
        points, _ = read_cloud(message)
        # Where nothing came back, some drivers write NaN, others the sensor's own place.
        measured = np.isfinite(points).all(axis=1) & points.any(axis=1)
        return Cloud(stamp, message.header.frame_id, points[measured].astype(np.float64))
    assert view is not None, 'a depth image comes with its intrinsics'
    depth = _depth_of(message)
    if depth.shape != view.size:
        raise ValueError(
            f'the depth image is {depth.shape[1]}x{depth.shape[0]}, its camera_info '
            f'is for {view.size[1]}x{view.size[0]}'
        )
    return DepthImage(stamp, message.header.frame_id, depth, view.K)


def _depth_of(message: Any) -> Depth:
    if hasattr(message, 'format'):
        return decode_compressed_depth(message.data, message.format)
    return decode_depth(
        message.data,
        (message.height, message.width),
        message.encoding,
        message.step,
        bool(message.is_bigendian),
    )
