"""A real node in the test's own process, fed by hand: what becomes of each message can be told."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import rclpy
from rclpy.lifecycle import TransitionCallbackReturn

from mono_depth_ros.ros.node.camera_stream import CameraStream
from mono_depth_ros.ros.node.depth_node import DepthNode

PUBLISHED = 'depth'


class LiveNode:
    """Run the node's own callbacks and worker; its outputs go out over DDS."""

    def __init__(self, card: Path, domain: int, **parameters: Any) -> None:
        given = {
            'model': card,
            'threads': 1,
            'depth_scale': 10.0,
            'max_age': 0.0,
            'backend': 'torch',
            'autostart': 'false',
        } | parameters
        words = [word for name, value in given.items() for word in ('-p', f'{name}:={value}')]
        rclpy.init(domain_id=domain, args=['--ros-args', *words, '--log-level', 'fatal'])
        self.node = DepthNode()
        for step in (self.node.trigger_configure, self.node.trigger_activate):
            assert step() == TransitionCallbackReturn.SUCCESS, self.node.failure
        self.streams: dict[str, CameraStream] = {
            monitor.stream.name: monitor.stream for monitor in self.node._monitors
        }
        self._callbacks = {
            subscription.topic_name: subscription.callback
            for subscription in self.node.subscriptions
        }

    def close(self) -> None:
        self.node.destroy_node()
        rclpy.try_shutdown()

    def listened(self) -> bool:
        return all(stream.listened() for stream in self.streams.values())

    def receive(self, topic: str, message: Any) -> None:
        """Call what the node calls when a message arrives."""
        self._callbacks[topic](message)

    def outcome(self, topic: str, image: Any, camera: str = '') -> str:
        """Let the node receive an image; return PUBLISHED, or the cause of its drop."""
        before = self.outcomes(camera)
        self.receive(topic, image)
        while (now := self.outcomes(camera)).total() == before.total():
            time.sleep(0)  # let the worker have the interpreter
        (outcome,) = now - before
        return outcome

    def outcomes(self, camera: str = '') -> Counter[str]:
        statistics = self.streams[camera].statistics
        return Counter({PUBLISHED: statistics.frames_out} | statistics.drops)
