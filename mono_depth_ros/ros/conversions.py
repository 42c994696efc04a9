"""ROS messages ↔ arrays: the only place that knows both."""

from __future__ import annotations

import importlib.util
import struct
from array import array
from copy import copy
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2, PointField
from std_msgs.msg import Header

from mono_depth_ros.messages.encoded_size import MAX_PIXELS
from mono_depth_ros.messages.encodings import (
    SUPPORTED_ENCODINGS,
    UnsupportedEncodingError,
    decode_compressed,
    decode_image,
)
from mono_depth_ros.messages.point_cloud import POINT_FIELDS, POINT_STEP, pack_cloud
from mono_depth_ros.types import Image as Pixels


def rgb_from_message(message: Image | CompressedImage, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Decode an image message of at most `max_pixels` to (H, W, 3) uint8 RGB.

    Raises:
        TooLargeError: the image has more pixels; none was decoded.
        ValueError: the data does not fit the header, or the encoding is not supported.
    """
    if isinstance(message, CompressedImage):
        return decode_compressed(message.data, message.format, max_pixels)
    try:
        return decode_image(
            message.data,
            (message.height, message.width),
            message.encoding,
            message.step,
            bool(message.is_bigendian),
            max_pixels,
        )
    except UnsupportedEncodingError:
        if importlib.util.find_spec('cv_bridge') is None:
            raise
        return _rgb_from_cv_bridge(message)


def _rgb_from_cv_bridge(message: Image) -> Pixels:
    """Decode through cv_bridge, which comes with a ROS distribution and knows more encodings."""
    try:
        from cv_bridge import CvBridge

        return np.asarray(CvBridge().imgmsg_to_cv2(message, 'rgb8'), np.uint8)
    except Exception as error:  # of cv_bridge, of Boost, or an import of another NumPy's build
        raise UnsupportedEncodingError(
            f"Image encoding '{message.encoding}' cannot be converted by cv_bridge either "
            f'({error}). Supported: {", ".join(SUPPORTED_ENCODINGS)}. If cv_bridge cannot be '
            "imported: it may need pip install 'numpy<2'."
        ) from error


def image_message(header: Header, pixels: NDArray[Any], encoding: str) -> Image:
    """Build an image message around (H, W[, 3]) pixels, header untouched."""
    pixels = np.ascontiguousarray(pixels)
    message = Image(
        header=header,
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=pixels.strides[0],
    )
    message.data = _byte_array(pixels)
    return message


def camera_info_message(
    header: Header, K: NDArray[np.float64], size: tuple[int, int]
) -> CameraInfo:
    """Build the CameraInfo of an undistorted image of this size: P = [K 0], D = 0, R = I."""
    message = copy(_camera_info((size[0], size[1]), *K.ravel().tolist()))
    message.header = header
    return message


@lru_cache(maxsize=64)
def _camera_info(size: tuple[int, int], *k: float) -> CameraInfo:
    """Build a CameraInfo once: its constructor is slower than all else that is done with it."""
    message = CameraInfo(height=size[0], width=size[1], distortion_model='plumb_bob')
    message.d = [0.0] * 5
    message.k = list(k)
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0]
    return message


def cloud_message(header: Header, points: NDArray[np.float32], rgb: Pixels) -> PointCloud2:
    """Build an organised cloud of (H, W, 3) points [m] and (H, W, 3) uint8 RGB colors."""
    return packed_cloud_message(header, pack_cloud(points, rgb))


def packed_cloud_message(header: Header, cloud: NDArray[np.float32]) -> PointCloud2:
    """Build an organised cloud of what pack_cloud returned, (H, W, 4)."""
    height, width = cloud.shape[:2]
    message = PointCloud2(
        header=header,
        height=height,
        width=width,
        is_bigendian=False,
        is_dense=False,
        point_step=POINT_STEP,
        row_step=POINT_STEP * width,
        fields=[
            PointField(name=name, offset=offset, datatype=datatype, count=count)
            for name, offset, datatype, count in POINT_FIELDS
        ],
    )
    message.data = _byte_array(cloud)
    return message


def header_stamp(data: bytes) -> int:
    """Return the stamp [ns] of a serialised message (CDR) that begins with a header."""
    seconds, nanoseconds = struct.unpack_from('<iI' if data[1] else '>iI', data, 4)
    return int(seconds) * 10**9 + int(nanoseconds)


def _byte_array(values: NDArray[Any]) -> array[int]:
    """Copy into array('B'): rclpy takes it as it is, other types are checked byte by byte.

    To be set as an attribute: a message's constructor copies it once more, byte by byte.
    """
    data = array('B')
    data.frombytes(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return data
