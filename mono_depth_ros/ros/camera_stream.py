"""One camera: its subscriptions, its newest-frame slot, its calibration, its publishers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.publisher import Publisher
from rclpy.qos import (
    DurabilityPolicy,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from mono_depth_ros.messages.camera_info import CameraModel, ImageGeometry, image_geometry_for
from mono_depth_ros.ros.conversions import model_from_message
from mono_depth_ros.ros.parameters import DepthNodeConfig
from mono_depth_ros.ros.statistics import StreamStatistics

INPUT_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT,
                       durability=DurabilityPolicy.VOLATILE)
OUTPUT_QOS = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE,
                        durability=DurabilityPolicy.VOLATILE)

DEPTH, INFO, CLOUD = 'depth/image_rect', 'depth/camera_info', 'points'
RELATIVE, COLOR, RECTIFIED = 'depth_relative/image', 'depth/color', 'image_rect'
OUTPUTS: dict[str, Any] = {DEPTH: Image, INFO: CameraInfo, CLOUD: PointCloud2, RELATIVE: Image,
                           COLOR: Image, RECTIFIED: Image}
IN_METRES = {DEPTH, CLOUD}


@dataclass(frozen=True)
class Frame:
    """Hold a received image and the moment of its reception on the steady clock [s]."""

    message: Image | CompressedImage
    received: float

    @property
    def age(self) -> float:
        """Seconds since reception."""
        return time.monotonic() - self.received


class FrameDroppedError(Exception):
    """Carry why a frame cannot become depth: a short cause to count, a sentence to act on."""

    def __init__(self, cause: str, text: str) -> None:
        super().__init__(text)
        self.cause = cause


class CameraStream:
    """Hold the connections of one camera; `wake` is notified when a frame waits in the slot."""

    def __init__(self, node: LifecycleNode, name: str, config: DepthNodeConfig,
                 wake: threading.Condition) -> None:
        self.node = node
        self.name = name
        self.prefix = f'{name}/' if name else ''
        self.input = config.input
        self.rectify = config.rectify
        self.wake = wake
        self.statistics = StreamStatistics()
        self.fault = ''
        self.batch = 0
        self._kind, self._kind_scale = '', 0.0
        self.last_stamp_ns: int | None = None
        self._infos = 0
        self._slot: Frame | None = None
        self._last_info: CameraInfo | None = None
        self._info_fault = ''
        self._models: dict[tuple[int, int], CameraModel] = {}
        self._geometries: dict[tuple[int, int], ImageGeometry] = {}
        image = node.resolve_topic_name(f'{self.prefix}image')
        compressed = config.image_transport == 'compressed'
        self.image_topic = f'{image}/compressed' if compressed else f'{self.prefix}image'
        self.info_topic = info_topic(node, self.prefix)
        self._subscriptions = [
            self._subscribe(CompressedImage if compressed else Image, self.image_topic,
                            self._on_image),
            self._subscribe(CameraInfo, self.info_topic, self._on_info)]
        self._publishers = {output: self._advertise(output) for output in OUTPUTS}

    def _subscribe(self, kind: Any, topic: str, callback: Callable[..., None]
                   ) -> Subscription[Any]:
        return self.node.create_subscription(
            kind, topic, callback, _copy(INPUT_QOS),
            qos_overriding_options=QoSOverridingOptions.with_default_policies())

    def _advertise(self, output: str) -> Publisher[Any]:
        # Plain publishers: the node alone decides when it publishes, and says why when not.
        return self.node.create_publisher(
            OUTPUTS[output], self.prefix + output, _copy(OUTPUT_QOS),
            qos_overriding_options=QoSOverridingOptions.with_default_policies())

    def destroy(self) -> None:
        """Close every connection."""
        for subscription in self._subscriptions:
            self.node.destroy_subscription(subscription)
        for publisher in self._publishers.values():
            self.node.destroy_publisher(publisher)

    @property
    def kind(self) -> str:
        """The unit of the depth: metric, scaled or relative; '' until a frame has shown it."""
        return self._kind if self._kind_scale == self._depth_scale() else ''

    def set_kind(self, kind: str, depth_scale: float) -> None:
        """Keep the unit that depth has under this `depth_scale` parameter."""
        self._kind, self._kind_scale = kind, depth_scale

    def _depth_scale(self) -> float:
        return float(self.node.get_parameter('depth_scale').value)

    def listened(self) -> set[str]:
        """Return the outputs that somebody subscribes to."""
        return {output for output, publisher in self._publishers.items()
                if publisher.get_subscription_count()}

    def wanted(self) -> set[str]:
        """Return the outputs to compute now: listened to, and honest for this kind of depth.

        Before the first frame the kind is unknown and everything listened to is wanted.
        """
        if self.kind == 'relative':
            return self.listened() - IN_METRES
        return self.listened() - {RELATIVE} if self.kind else self.listened()

    def publish(self, output: str, message: Any) -> None:
        """Publish one message of an output."""
        self._publishers[output].publish(message)

    def _on_image(self, message: Image | CompressedImage) -> None:
        self.statistics.count_in()
        self.last_stamp_ns = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
        if not self.wanted():
            return
        with self.wake:
            if self._slot is not None:
                self.statistics.count_drop('replaced_by_newer')
            self._slot = Frame(message, time.monotonic())
            self.wake.notify()

    def take(self) -> Frame | None:
        """Empty the slot; to be called with `wake` held."""
        frame, self._slot = self._slot, None
        return frame

    def _on_info(self, info: CameraInfo) -> None:
        self._infos += 1
        if _same_calibration(info, self._last_info):
            return
        self._last_info = info
        try:
            model = model_from_message(info)
        except ValueError as error:
            self._info_fault = f'camera_info on {self.info_topic}: {error}'
            return
        self._info_fault = ''
        self._models[model.size] = model
        self._geometries.pop(model.size, None)

    def geometry(self, size: tuple[int, int]) -> ImageGeometry:
        """Return how an image of this (height, width) becomes an undistorted one.

        Raises:
            FrameDroppedError: no camera_info yet, an unusable one, or one of another size.
        """
        if self._info_fault:
            raise FrameDroppedError('bad_camera_info', self._info_fault)
        if not self._models:
            raise FrameDroppedError('no_camera_info', self._missing_info())
        if size not in self._models:
            described = ', '.join(f'{width}x{height}' for height, width in self._models)
            raise FrameDroppedError('size_mismatch', (
                f'the image is {size[1]}x{size[0]}, but camera_info on {self.info_topic} '
                f'describes {described}: publish the camera_info of this very image'))
        if size not in self._geometries:
            self._geometries[size] = self._image_geometry(self._models[size])
        return self._geometries[size]

    def _image_geometry(self, model: CameraModel) -> ImageGeometry:
        try:
            geometry = image_geometry_for(model, self.input, self.rectify)
        except ValueError as error:
            raise FrameDroppedError(
                'bad_camera_info', f'camera_info on {self.info_topic}: {error}') from error
        if geometry.note:
            self.node.get_logger().warning(f'{self.label}: {geometry.note}')
        return geometry

    def _missing_info(self) -> str:
        topic = self.node.resolve_topic_name(self.info_topic)
        count = self.node.count_publishers(topic)
        reason = f'{count} publisher(s), none has sent yet' if count else 'no publisher'
        return (f'image without camera_info: waiting for {topic} ({reason}); remap it with '
                'camera_info:=/your/camera_info')

    @property
    def label(self) -> str:
        """The camera's name, or 'camera' for the unnamed one."""
        return self.name or 'camera'

    def input_conflict(self) -> str:
        """Return a topic whose publishers offer less than our QoS asks for, or ''."""
        for subscription in self._subscriptions:
            offers = self.node.get_publishers_info_by_topic(subscription.topic_name)
            if offers and all(_clash(offer.qos_profile, subscription.qos_profile)
                              for offer in offers):
                return subscription.topic_name
        return ''

    def output_conflict(self) -> str:
        """Return an output topic with a subscriber who asks for more than we offer, or ''."""
        for publisher in self._publishers.values():
            for wish in self.node.get_subscriptions_info_by_topic(publisher.topic_name):
                if _clash(publisher.qos_profile, wish.qos_profile):
                    return publisher.topic_name
        return ''


def info_topic(node: LifecycleNode, prefix: str) -> str:
    """Return where camera_info is expected: as remapped, else beside the resolved image topic."""
    name = f'{prefix}camera_info'
    if node.resolve_topic_name(name) != node.resolve_topic_name(name, only_expand=True):
        return name
    image: str = node.resolve_topic_name(f'{prefix}image')
    return f'{image.rpartition("/")[0]}/camera_info'


def _clash(offered: QoSProfile, requested: QoSProfile) -> bool:
    # Without deadline, lifespan and lease: the graph writes "none" otherwise than a profile does,
    # which would read as a conflict.
    compatibility, _ = qos_check_compatible(*(
        QoSProfile(depth=1, reliability=profile.reliability, durability=profile.durability)
        for profile in (offered, requested)))
    return bool(compatibility == QoSCompatibility.ERROR)


def _copy(profile: QoSProfile) -> QoSProfile:
    """Return a profile of its own: overriding options write into the one they are given."""
    return QoSProfile(depth=profile.depth, reliability=profile.reliability,
                      durability=profile.durability)


def _same_calibration(info: CameraInfo, last: CameraInfo | None) -> bool:
    if last is None:
        return False
    return all(_plain(getattr(info, name)) == _plain(getattr(last, name)) for name in (
        'height', 'width', 'distortion_model', 'd', 'k', 'r', 'p', 'binning_x', 'binning_y',
        'roi'))


def _plain(value: Any) -> Any:
    return value if isinstance(value, (int, str)) or hasattr(value, 'x_offset') else list(value)
