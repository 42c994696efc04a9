"""Record the node's outputs into a bag, and keep what it says about itself."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from mono_depth_ros.bags.writer import BagWriter
from mono_depth_ros.ros.conversions import header_stamp
from mono_depth_ros.stamps import stamp_ns

DEPTH_TOPIC = '/depth/image_rect'
RELATIVE_TOPIC = '/depth_relative/image'
CLOUD_TOPIC = '/points'
COLOR_TOPIC = '/depth/color'
DIAGNOSTICS_TOPIC = '/diagnostics'
OUTPUTS: dict[str, Any] = {
    DEPTH_TOPIC: Image,
    '/depth/camera_info': CameraInfo,
    CLOUD_TOPIC: PointCloud2,
    COLOR_TOPIC: Image,
    RELATIVE_TOPIC: Image,
    DIAGNOSTICS_TOPIC: DiagnosticArray,
}
# Three seconds of a 10 Hz camera: this process may stall for a moment.
QUEUE = 30
# Some 300 MB at most that wait for a slow disk.
UNWRITTEN = 200

Entry = tuple[str, str, int, bytes]


@dataclass
class NodeStatus:
    """The node's latest diagnosis of itself.

    Attributes:
        level: 0 OK, 1 warning, 2 error.
        message: the diagnosis in words.
        values: its key-value pairs.
        received: when it came, on the steady clock [s].
    """

    level: int = 0
    message: str = 'it said nothing about itself on /diagnostics'
    values: dict[str, str] = field(default_factory=dict)
    received: float = 0.0

    def number(self, key: str) -> float:
        """Return a value as a number; NaN where there is none."""
        return float(self.values.get(key, 'nan'))

    @property
    def drops(self) -> dict[str, int]:
        """Dropped frames by cause."""
        return {
            key.removeprefix('dropped_'): int(value)
            for key, value in self.values.items()
            if key.startswith('dropped_') and int(value)
        }

    @property
    def pending(self) -> float:
        """Frames that are neither published nor dropped yet."""
        done = self.number('frames_out') + sum(self.drops.values())
        return self.number('frames_in') - done


class Recorder:
    """Subscribe to everything that the demo shows and store it as it comes, serialised.

    Args:
        context: an initialised rclpy context.
        path: folder of the new bag.
        topics: what goes into the node: the image and, where there is one, its camera_info.
        compressed: whether the image is a CompressedImage.
        reliability: what the image's publisher offers.
    """

    def __init__(
        self,
        context: Context,
        path: Path,
        topics: Sequence[str],
        compressed: bool,
        reliability: ReliabilityPolicy,
    ) -> None:
        self._node = Node('demo_recorder', context=context, start_parameter_services=False)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self._node)
        # A thread of its own, so that a slow disk does not keep messages waiting in DDS.
        self._unwritten: queue.Queue[Entry | None] = queue.Queue(UNWRITTEN)
        self._writer = threading.Thread(target=self._write, args=(path,))
        self._writer.start()
        self._bag_time_ns = 0
        self.counts: dict[str, int] = {}
        self.status = NodeStatus()
        self._depth_times: list[float] = []
        for topic, kind in OUTPUTS.items():
            self._record(kind, topic, ReliabilityPolicy.RELIABLE)
        self._record(CompressedImage if compressed else Image, topics[0], reliability)
        for info_topic in topics[1:]:
            self._record(CameraInfo, info_topic, ReliabilityPolicy.BEST_EFFORT)
        newest = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._node.create_subscription(Clock, '/clock', self._on_clock, newest)

    @property
    def depths(self) -> int:
        """Depth images that arrived, metric or relative."""
        return len(self._depth_times)

    @property
    def frame_rate(self) -> float:
        """Depth images per second as they arrived here; NaN of fewer than two."""
        if self.depths < 2:
            return float('nan')
        return (self.depths - 1) / (self._depth_times[-1] - self._depth_times[0])

    def spin_once(self, timeout: float = 0.1) -> None:
        """Take in what arrives next."""
        self._executor.spin_once(timeout_sec=timeout)

    def close(self) -> None:
        """Finish the bag."""
        self._executor.shutdown()
        self._node.destroy_node()
        self._unwritten.put(None)
        self._writer.join()

    def _write(self, path: Path) -> None:
        with BagWriter(path) as bag:
            while (entry := self._unwritten.get()) is not None:
                bag.write_serialized(*entry)

    def _record(self, kind: Any, topic: str, reliability: ReliabilityPolicy) -> None:
        package, _, _ = kind.__module__.partition('.')
        name = f'{package}/msg/{kind.__name__}'

        def store(data: bytes) -> None:
            self._on_message(topic, name, data)

        qos = QoSProfile(depth=QUEUE, reliability=reliability)
        self._node.create_subscription(kind, topic, store, qos, raw=True)

    def _on_message(self, topic: str, name: str, data: bytes) -> None:
        if topic == DIAGNOSTICS_TOPIC:
            self._on_diagnostics(deserialize_message(data, DiagnosticArray))
        if topic in (DEPTH_TOPIC, RELATIVE_TOPIC):
            self._depth_times.append(time.monotonic())
        # Until the clock is heard, the message's own stamp is the nearest to bag time.
        log_time = self._bag_time_ns or header_stamp(data)
        if log_time:
            self._unwritten.put((topic, name, log_time, data))
            self.counts[topic] = self.counts.get(topic, 0) + 1

    def _on_clock(self, message: Clock) -> None:
        self._bag_time_ns = stamp_ns(message.clock)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.startswith('depth_node'):
                self.status = node_status(status)


def node_status(status: DiagnosticStatus) -> NodeStatus:
    """Read a diagnostic status of depth_node."""
    return NodeStatus(
        level=int.from_bytes(status.level, 'little'),
        message=status.message,
        values={pair.key: pair.value for pair in status.values},
        received=time.monotonic(),
    )
