"""One camera: its subscriptions, its newest-frame slot, its calibration, its publishers."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.publisher import Publisher
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from mono_depth_ros.messages.calibrations import CalibrationError, Calibrations
from mono_depth_ros.messages.camera_info import ImageGeometry
from mono_depth_ros.messages.transport import COMPRESSED, camera_info_beside
from mono_depth_ros.outputs.depth_outputs import (
    CLOUD,
    COLOR,
    DEPTH,
    IN_METRES,
    INFO,
    RECTIFIED,
    RELATIVE,
)
from mono_depth_ros.ros.node.headers import Headers
from mono_depth_ros.ros.node.info_subscriptions import InfoSubscriptions
from mono_depth_ros.ros.node.parameters import DepthNodeConfig
from mono_depth_ros.ros.node.qos import INPUT_QOS, OUTPUT_QOS, clash, copy_qos, overriding
from mono_depth_ros.ros.node.statistics import StreamStatistics
from mono_depth_ros.types import DepthKind

OUTPUTS: dict[str, Any] = {
    DEPTH: Image,
    INFO: CameraInfo,
    CLOUD: PointCloud2,
    RELATIVE: Image,
    COLOR: Image,
    RECTIFIED: Image,
}
MAX_NEWS = 64
# Of one camera: one that changes its ROI must not pile up rectification maps.
MAX_SIZES = 8
MAX_WAIT_S = 2.0  # of an image for the first camera_info
VALUES_WINDOW = 50  # images whose largest value tells how many bits a camera uses


class FrameDroppedError(Exception):
    """Carry why a frame cannot become depth: a short cause to count, a sentence to act on."""

    def __init__(self, cause: str, text: str) -> None:
        super().__init__(text)
        self.cause = cause


@dataclass(frozen=True)
class Frame:
    """Hold a received image and the moment of its reception on the steady clock [s]."""

    message: Image | CompressedImage
    received: float


class CameraStream:
    """Hold the connections of one camera; `wake` is notified when a frame waits in the slot."""

    def __init__(
        self,
        node: LifecycleNode,
        name: str,
        current_config: Callable[[], DepthNodeConfig],
        wake: threading.Condition,
    ) -> None:
        config = current_config()
        self.node = node
        self._current_config = current_config
        self.name = name
        self.prefix = f'{name}/' if name else ''
        self.wake = wake
        self.max_pixels = config.max_pixels
        self.statistics = StreamStatistics()
        self.fault = ''
        self.batch = 0
        self.batch_limit: int | None = None
        self._kind: DepthKind | None = None
        self._kind_scale = 0.0
        self.headers = Headers()
        self.source_note = ''
        self.largest_values: deque[int] = deque(maxlen=VALUES_WINDOW)
        self._slot: Frame | None = None
        self._warned: set[object] = set()
        self.image_type = CompressedImage if config.image_transport == 'compressed' else Image
        image = node.resolve_topic_name(f'{self.prefix}image')
        is_raw = self.image_type is Image
        base = image.removesuffix(COMPRESSED)
        # As asked for: ROS remaps them when it connects.
        self._inputs = (
            f'{self.prefix}image' if is_raw else base + COMPRESSED,
            info_topic(node, self.prefix),
        )
        self.image_topic, self.info_topic = map(node.resolve_topic_name, self._inputs)
        self.other_transport = base + COMPRESSED if is_raw else base
        self._calibrations = Calibrations(
            f'camera_info on {self.info_topic}',
            config.input,
            config.rectify,
            MAX_SIZES,
        )
        self._images: Subscription[Any] | None = None
        self._infos: InfoSubscriptions | None = None
        self._publishers: dict[str, Publisher[Any]] = {}
        rectifies = config.input == 'raw' and config.rectify
        try:
            self._connect([output for output in OUTPUTS if output != RECTIFIED or rectifies])
        except Exception:
            self.destroy()
            raise

    def _connect(self, outputs: list[str]) -> None:
        self._refuse_a_loop(outputs)
        image, info = self._inputs
        self._images = self.node.create_subscription(
            self.image_type,
            image,
            self._on_image,
            copy_qos(INPUT_QOS),
            qos_overriding_options=overriding(),
        )
        self._infos = InfoSubscriptions(self.node, info, self._on_info)
        for output in outputs:
            self._publishers[output] = self._advertise(output)

    def _refuse_a_loop(self, outputs: list[str]) -> None:
        for output in outputs:
            topic = self.node.resolve_topic_name(self.prefix + output)
            if topic in (self.image_topic, self.info_topic):
                hint = ', or set input:=rectified if its images are' if output == RECTIFIED else ''
                raise ValueError(
                    f'{self.label}: {topic} is an input and, as {output}, an output '
                    f'too: remap {output}:=/another/topic{hint}.'
                )

    def _advertise(self, output: str) -> Publisher[Any]:
        # Plain publishers: the node alone decides when it publishes, and says why when not.
        return self.node.create_publisher(
            OUTPUTS[output],
            self.prefix + output,
            copy_qos(OUTPUT_QOS),
            qos_overriding_options=overriding(),
        )

    def destroy(self) -> None:
        """Close every connection."""
        if self._images is not None:
            self.node.destroy_subscription(self._images)
        if self._infos is not None:
            self._infos.destroy()
        for publisher in self._publishers.values():
            self.node.destroy_publisher(publisher)

    @property
    def kind(self) -> DepthKind | None:
        """The unit of the depth: metric, scaled or relative; None until a frame has shown it."""
        return self._kind if self._kind_scale == self._current_config().depth_scale else None

    def set_kind(self, kind: DepthKind, depth_scale: float) -> None:
        """Keep the unit that depth has under this `depth_scale` parameter."""
        self._kind, self._kind_scale = kind, depth_scale

    def listened(self) -> set[str]:
        """Return the outputs that somebody subscribes to."""
        return {
            output
            for output, publisher in self._publishers.items()
            if publisher.get_subscription_count()
        }

    def wanted(self) -> set[str]:
        """Return the outputs to compute now: listened to, and there is something to publish.

        Before the first frame the kind is unknown and everything listened to is wanted.
        """
        return self.listened() - self.silent()

    def silent(self) -> set[str]:
        """Return the outputs on which nothing is published, whoever listens."""
        is_relative = self.kind == DepthKind.RELATIVE
        silent = IN_METRES if is_relative else {RELATIVE} if self.kind else set()
        return silent if self._calibrations.may_rectify else silent | {RECTIFIED}

    def publish(self, output: str, message: Any) -> None:
        """Publish one message of an output."""
        self._publishers[output].publish(message)

    def _on_image(self, message: Image | CompressedImage) -> None:
        self.statistics.count_in()
        self.headers.note_image(message.header)
        if not self.wanted():
            return
        if not self._calibrations:
            self.fault = self._missing_info()
        with self.wake:
            if self._slot is not None:
                self.statistics.count_drop(
                    'replaced_by_newer' if self._calibrations else 'no_camera_info'
                )
            self._slot = Frame(message, time.monotonic())
            self.wake.notify()

    def take(self) -> Frame | None:
        """Empty the slot; to be called with `wake` held.

        An image waits for the first camera_info, which may be sent before it and arrive after it.
        """
        if not self._calibrations:
            return None
        frame, self._slot = self._slot, None
        return frame

    def _on_info(self, info: CameraInfo) -> None:
        self.headers.note_info(info.header)
        is_first = not self._calibrations
        if self._calibrations.update(info):
            self.statistics.count_calibration_change()
        if is_first:
            with self.wake:
                self.wake.notify()

    def geometry(self, size: tuple[int, int]) -> ImageGeometry:
        """Return how an image of this (height, width) becomes an undistorted one.

        Raises:
            FrameDroppedError: camera_info is unusable, or of another size.
        """
        try:
            geometry = self._calibrations.geometry(size)
        except CalibrationError as error:
            raise FrameDroppedError(error.cause, str(error)) from error
        self.source_note = geometry.note if geometry.valid is not None else ''
        if geometry.note and self.is_first(geometry.note):
            self.node.get_logger().warning(f'{self.label}: {geometry.note}')
        return geometry

    def is_first(self, key: object) -> bool:
        """Return True the first time only, so that a log line is not repeated per frame.

        A camera that is always new, of another size in every image, is no news in the end.
        """
        if key in self._warned or len(self._warned) >= MAX_NEWS:
            return False
        self._warned.add(key)
        return True

    def _missing_info(self) -> str:
        count = self.node.count_publishers(self.info_topic)
        reason = f'{count} publisher(s), none has sent yet' if count else 'no publisher'
        return (
            f'image without camera_info: waiting for {self.info_topic} ({reason}); remap it with '
            'camera_info:=/your/camera_info'
        )

    @property
    def label(self) -> str:
        """The camera's name, or 'camera' for the unnamed one."""
        return self.name or 'camera'

    def check_inputs(self) -> None:
        """Subscribe to camera_info as it is offered now; give up an image that waits for it.

        To be called about once a second.
        """
        if self._infos is not None:
            self._infos.follow()
        with self.wake:
            if self._slot is None or self._calibrations:
                return
            if time.monotonic() - self._slot.received > MAX_WAIT_S:
                self.statistics.count_drop('no_camera_info')
                self._slot = None

    def info_publishers(self) -> list[str]:
        """Return the nodes that publish camera_info, one name per publisher."""
        return self._infos.publishers() if self._infos is not None else []

    def _subscriptions(self) -> list[Subscription[Any]]:
        images = [] if self._images is None else [self._images]
        return [*images, *(self._infos or ())]

    def input_conflict(self) -> str:
        """Return a topic whose publishers offer less than our QoS asks for, or ''."""
        for subscription in self._subscriptions():
            offers = self.node.get_publishers_info_by_topic(subscription.topic_name)
            if offers and all(
                clash(offer.qos_profile, subscription.qos_profile) for offer in offers
            ):
                return subscription.topic_name
        return ''

    def foreign_type(self) -> str:
        """Return the type of messages on the image topic if none is of the right type, or ''."""
        offers = self.node.get_publishers_info_by_topic(self.image_topic)
        types = {offer.topic_type for offer in offers}
        return '' if self.image_type_name in types else ', '.join(sorted(types))

    @property
    def image_type_name(self) -> str:
        """The type of messages that the image topic should carry."""
        return f'sensor_msgs/msg/{self.image_type.__name__}'

    def output_conflict(self) -> str:
        """Return an output topic with a subscriber who asks for more than we offer, or ''."""
        for publisher in self._publishers.values():
            for wish in self.node.get_subscriptions_info_by_topic(publisher.topic_name):
                if clash(publisher.qos_profile, wish.qos_profile):
                    return publisher.topic_name
        return ''


def info_topic(node: LifecycleNode, prefix: str) -> str:
    """Return where camera_info is expected: as remapped, else beside the resolved image topic."""
    name = f'{prefix}camera_info'
    if node.resolve_topic_name(name) != node.resolve_topic_name(name, only_expand=True):
        return name
    return camera_info_beside(node.resolve_topic_name(f'{prefix}image'))
