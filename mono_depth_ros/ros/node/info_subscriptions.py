"""Subscriptions to camera_info whose durability follows its publishers.

A driver that sends camera_info once, latched (transient local), reaches a late subscriber only if
that one asks for transient local too; a driver that repeats it (volatile) offers less than that,
and a subscriber that asks for more gets nothing and makes the driver warn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo

from mono_depth_ros.ros.node.qos import INPUT_QOS, copy_qos, is_overridden, overriding

LATCHED = 'latched'
PLAIN = 'plain'


class InfoSubscriptions:
    """Subscribe to camera_info as its publishers offer it: plain, latched, or both.

    Args:
        node: that subscribes.
        topic: of camera_info.
        callback: receives each message.
    """

    def __init__(self, node: Node, topic: str, callback: Callable[[CameraInfo], None]) -> None:
        self._node, self._topic, self._callback = node, topic, callback
        self.topic_name: str = node.resolve_topic_name(topic)
        self._is_fixed = is_overridden(node, self.topic_name, 'durability')
        self._active: dict[str, Subscription[Any]] = {PLAIN: self._subscribe(PLAIN)}
        self.follow()

    def __iter__(self) -> Any:
        return iter(list(self._active.values()))

    def follow(self) -> None:
        """Look at the publishers again and subscribe as they offer; without any, wait as before.

        A durability that a user has set by qos_overrides stays.
        """
        wanted = set() if self._is_fixed else self._offered()
        for kind in wanted - set(self._active):
            self._active[kind] = self._subscribe(kind)
        for kind in set(self._active) - wanted if wanted else ():
            self._node.destroy_subscription(self._active.pop(kind))

    def _offered(self) -> set[str]:
        offers = self._node.get_publishers_info_by_topic(self.topic_name)
        return {
            LATCHED if offer.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL else PLAIN
            for offer in offers
        }

    def _subscribe(self, kind: str) -> Subscription[Any]:
        qos = copy_qos(INPUT_QOS)
        if kind == LATCHED:
            # Kept messages go to reliable readers only.
            qos.durability = DurabilityPolicy.TRANSIENT_LOCAL
            qos.reliability = self._latched_reliability()
        return self._node.create_subscription(
            CameraInfo,
            self._topic,
            self._callback,
            qos,
            qos_overriding_options=overriding(LATCHED if kind == LATCHED else None),
        )

    def _latched_reliability(self) -> ReliabilityPolicy:
        offers = self._node.get_publishers_info_by_topic(self.topic_name)
        latched = [
            offer.qos_profile.reliability
            for offer in offers
            if offer.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
        ]
        is_reliable = ReliabilityPolicy.RELIABLE in latched
        return ReliabilityPolicy.RELIABLE if is_reliable else ReliabilityPolicy.BEST_EFFORT

    def publishers(self) -> list[str]:
        """Return the nodes that publish camera_info, one name per publisher, sorted."""
        return sorted(
            f'{offer.node_namespace.rstrip("/")}/{offer.node_name}'
            for offer in self._node.get_publishers_info_by_topic(self.topic_name)
        )

    def destroy(self) -> None:
        """Close the subscriptions."""
        while self._active:
            self._node.destroy_subscription(self._active.popitem()[1])
