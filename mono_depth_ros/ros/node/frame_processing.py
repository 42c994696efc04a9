"""From a waiting frame to published depth: decode, rectify, convert, publish what is wanted."""

from __future__ import annotations

import time
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from std_msgs.msg import Header

from mono_depth_ros.geometry.camera import backproject
from mono_depth_ros.messages.camera_info import ImageGeometry, rectify_image
from mono_depth_ros.messages.colormap import colorize_depth
from mono_depth_ros.messages.encodings import (
    TooLargeError,
    UnsupportedEncodingError,
    encode_depth,
)
from mono_depth_ros.outputs.depth_outputs import (
    CLOUD,
    COLOR,
    DEPTH,
    INFO,
    RECTIFIED,
    RELATIVE,
    color_range,
    limit_depth,
)
from mono_depth_ros.ros.conversions import (
    Floats,
    Pixels,
    camera_info_message,
    cloud_message,
    image_message,
    rgb_from_message,
)
from mono_depth_ros.ros.node.calibration import FrameDroppedError
from mono_depth_ros.ros.node.camera_stream import CameraStream, Frame
from mono_depth_ros.ros.node.parameters import DepthNodeConfig

NEEDS_NETWORK = {DEPTH, CLOUD, RELATIVE, COLOR}


@dataclass(frozen=True)
class PreparedFrame:
    """Hold one undistorted image, what it belongs to, who waits for what, and its depth's unit."""

    stream: CameraStream
    header: Header
    received: float
    rgb: Pixels
    geometry: ImageGeometry
    wanted: set[str]
    kind: str = ''

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
    topic = stream.node.resolve_topic_name(stream.image_topic)
    try:
        return rgb_from_message(frame.message, stream.max_pixels)
    except TooLargeError as error:
        raise FrameDroppedError('too_large', f'{topic}: {error}') from error
    except UnsupportedEncodingError as error:
        raise FrameDroppedError('encoding', f'{topic}: {error}') from error
    except (ValueError, cv2.error) as error:
        raise FrameDroppedError('undecodable', f'{topic}: {error}') from error


def publish_depth(frame: PreparedFrame, depth: Floats, config: DepthNodeConfig) -> None:
    """Publish every wanted output of one (H, W) float32 depth map."""
    stream, header, wanted, kind = frame.stream, frame.header, frame.wanted, frame.kind
    near, far = config.min_depth, config.max_depth
    depth = limit_depth(depth, kind, frame.geometry.valid, near, far)
    if kind == 'relative':
        if RELATIVE in wanted:
            stream.publish(RELATIVE, image_message(header, depth, '32FC1'))
    elif DEPTH in wanted:
        pixels = encode_depth(depth, config.depth_encoding)
        stream.publish(DEPTH, image_message(header, pixels, config.depth_encoding))
    if kind != 'relative' and CLOUD in wanted:
        stream.publish(CLOUD, _cloud(frame, depth, config.cloud_stride))
    if COLOR in wanted:
        colors = colorize_depth(depth, config.colormap, *color_range(depth, kind, near, far))
        stream.publish(COLOR, image_message(header, colors, 'bgr8'))


def publish_geometry(frame: PreparedFrame) -> None:
    """Publish what needs no network: the camera_info of the depth, the rectified image."""
    stream, header = frame.stream, frame.header
    if INFO in frame.wanted:
        K, size = frame.geometry.K_out, frame.rgb.shape[:2]
        stream.publish(INFO, camera_info_message(header, K, size))
    if RECTIFIED in frame.wanted and frame.geometry.maps is not None:
        stream.publish(RECTIFIED, image_message(header, frame.rgb, 'rgb8'))


def _cloud(frame: PreparedFrame, depth: Floats, stride: int) -> object:
    K = torch.from_numpy(frame.geometry.K_out.astype(np.float32))
    points = backproject(torch.from_numpy(depth), K, stride)
    return cloud_message(frame.header, points.numpy(), frame.rgb[::stride, ::stride])
