"""From a waiting frame to published depth: decode, rectify, convert, publish what is wanted."""

from __future__ import annotations

import time
from dataclasses import dataclass

import cv2
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Header

from mono_depth_ros.messages.bit_depth import largest_value
from mono_depth_ros.messages.camera_info import ImageGeometry, rectify_image
from mono_depth_ros.messages.encodings import TooLargeError, UnsupportedEncodingError
from mono_depth_ros.outputs.depth_outputs import CLOUD, COLOR, DEPTH, INFO, RELATIVE
from mono_depth_ros.outputs.rendering import (
    PACKED_CLOUD,
    Rendered,
    render_outputs,
    render_rectified,
)
from mono_depth_ros.ros.conversions import (
    camera_info_message,
    image_message,
    packed_cloud_message,
    rgb_from_message,
)
from mono_depth_ros.ros.node.camera_stream import CameraStream, Frame, FrameDroppedError
from mono_depth_ros.ros.node.parameters import DepthNodeConfig
from mono_depth_ros.types import Depth, DepthKind
from mono_depth_ros.types import Image as Pixels

NEEDS_NETWORK = {DEPTH, CLOUD, RELATIVE, COLOR}


@dataclass(frozen=True)
class PreparedFrame:
    """Hold one undistorted image, what it belongs to, and who waits for what."""

    stream: CameraStream
    header: Header
    received: float
    rgb: Pixels
    geometry: ImageGeometry
    wanted: set[str]

    @property
    def needs_network(self) -> bool:
        """Whether somebody waits for more than the geometry of the image."""
        return bool(self.wanted & NEEDS_NETWORK)


def prepare_frame(stream: CameraStream, frame: Frame, max_age: float) -> PreparedFrame:
    """Decode and rectify a frame.

    Raises:
        FrameDroppedError: too old, not decodable, or without usable camera_info.
    """
    check_age(frame.received, max_age)
    # Decoded first: a header may lie, and the maps of its size would fill the memory.
    rgb = _decode(stream, frame)
    geometry = stream.geometry(rgb.shape[:2])
    _note_bits(stream, frame)
    return PreparedFrame(
        stream,
        frame.message.header,
        frame.received,
        rectify_image(rgb, geometry),
        geometry,
        stream.wanted(),
    )


def check_age(received: float, max_age: float) -> None:
    """Raise FrameDroppedError for a frame older than `max_age` [s]; 0 means no limit."""
    if 0.0 < max_age < time.monotonic() - received:
        raise FrameDroppedError('too_old', '')


def _decode(stream: CameraStream, frame: Frame) -> Pixels:
    topic = stream.image_topic
    try:
        return rgb_from_message(frame.message, stream.max_pixels)
    except TooLargeError as error:
        raise FrameDroppedError('too_large', f'{topic}: {error}') from error
    except UnsupportedEncodingError as error:
        raise FrameDroppedError('encoding', f'{topic}: {error}') from error
    except (ValueError, cv2.error) as error:
        raise FrameDroppedError('undecodable', f'{topic}: {error}') from error


def _note_bits(stream: CameraStream, frame: Frame) -> None:
    message = frame.message
    if isinstance(message, CompressedImage):
        return
    largest = largest_value(message.data, message.encoding, bool(message.is_bigendian))
    if largest is not None:
        stream.largest_values.append(largest)


def publish_depth(
    frame: PreparedFrame, depth: Depth, kind: DepthKind, config: DepthNodeConfig
) -> None:
    """Publish every wanted output of one (H, W) float32 depth map of a kind."""
    for rendered in render_outputs(depth, kind, frame.rgb, frame.geometry, frame.wanted, config):
        _publish_rendered(frame, rendered)


def publish_geometry(frame: PreparedFrame) -> None:
    """Publish what needs no network: the camera_info of the depth, the rectified image."""
    if INFO in frame.wanted:
        K, size = frame.geometry.K_out, frame.rgb.shape[:2]
        frame.stream.publish(INFO, camera_info_message(frame.header, K, size))
    for rendered in render_rectified(frame.rgb, frame.geometry, frame.wanted):
        _publish_rendered(frame, rendered)


def _publish_rendered(frame: PreparedFrame, rendered: Rendered) -> None:
    output, encoding, pixels = rendered
    if encoding == PACKED_CLOUD:
        frame.stream.publish(output, packed_cloud_message(frame.header, pixels))
    else:
        frame.stream.publish(output, image_message(frame.header, pixels, encoding))
