"""Hold a replay until every image was answered, so that a slow machine loses none."""

from __future__ import annotations

from typing import Any

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

from mono_depth_ros.ros.conversions import header_stamp
from mono_depth_ros.stamps import stamp_of


class Lockstep:
    """Know whether the last image was answered by an image with the same stamp.

    Args:
        node: the node that plays.
        topic: the recorded topic whose messages are answered, one with a header.
        answers: the topic of the answers, sensor_msgs/Image, such as depth/image_rect.
    """

    def __init__(self, node: Node, topic: str, answers: str) -> None:
        self.topic = topic
        self.answers = answers
        self._awaited: int | None = None
        self._node = node
        node.create_subscription(Image, answers, self._on_answer, QoSProfile(depth=10), raw=True)
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)

    @property
    def has_publisher(self) -> bool:
        """Whether somebody publishes answers."""
        return bool(self._node.count_publishers(self.answers))

    @property
    def is_answered(self) -> bool:
        """Whether the answer to the last expected message has arrived."""
        return self._awaited is None

    def expect(self, message: Any) -> None:
        """Expect the answer to a message, serialized or not, that is about to be published."""
        self._awaited = header_stamp(message) if isinstance(message, bytes) else stamp_of(message)

    def spin(self, seconds: float) -> None:
        """Receive an answer, or wait for one so long [s]."""
        self._executor.spin_once(timeout_sec=seconds)

    def _on_answer(self, data: bytes) -> None:
        if header_stamp(data) == self._awaited:
            self._awaited = None
