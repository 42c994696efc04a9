"""Play ROS 1 and ROS 2 bags through rclpy, on time and without loading them whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection, ConnectionExtRosbag1, QosDurability, QosReliability
from rosgraph_msgs.msg import Clock

from mono_depth_ros.bags.reader import deserialize, read_messages, select_connections
from mono_depth_ros.ros.replay.lockstep import Lockstep
from mono_depth_ros.ros.replay.message_types import fill_message, import_message, same_layout
from mono_depth_ros.ros.replay.options import PlayOptions
from mono_depth_ros.stamps import NANOSECONDS

DEFAULT_DEPTH = 10
# How long an image may stay without an answer in lockstep before the next one is played anyway.
PATIENCE_SECONDS = 30.0
# A longer sleep would keep a shutdown waiting.
MAX_SLEEP = 0.1
# Subscribers of one topic are discovered within milliseconds of each other, not at once.
SETTLE_SECONDS = 0.3
DRAIN_SECONDS = 0.5

OnProgress = Callable[[float], None]
T = TypeVar('T')


@dataclass
class PlayReport:
    """What was played.

    Attributes:
        messages: published messages per recorded topic.
        skipped: message types that are not installed here, with their topics.
        without_subscriber: topics that lacked subscribers when playing began.
        bag_seconds: how much bag time was played.
        wall_seconds: how long that took.
        worst_lateness: the longest that a message left after its time [s].
        unanswered: messages that got no answer in lockstep.
    """

    messages: dict[str, int]
    skipped: dict[str, list[str]]
    without_subscriber: list[str]
    bag_seconds: float = 0.0
    wall_seconds: float = 0.0
    worst_lateness: float = 0.0
    unanswered: int = 0

    def text(self) -> str:
        """Return the closing lines: messages per topic, time played, worst lateness."""
        width = max(len(topic) for topic in self.messages)
        silent = set(self.without_subscriber)
        lines = [
            f'{topic:<{width}}  {count:6d} messages'
            + ('  (too few subscribers at the start)' if topic in silent else '')
            for topic, count in sorted(self.messages.items())
        ]
        lines.append(
            f'Played {self.bag_seconds:.2f} s of the bag in {self.wall_seconds:.2f} s, '
            f'at worst {1000 * self.worst_lateness:.1f} ms late.'
        )
        if self.unanswered:
            lines.append(f'{self.unanswered} messages got no answer in lockstep.')
        return '\n'.join(lines)


@dataclass(frozen=True)
class _Channel:
    """A topic's publisher and what turns a recorded message into one that it takes."""

    publisher: Any
    encode: Callable[[bytes], Any]


class BagPlayer:
    """Publish the messages of an open bag.

    Args:
        node: the node that publishes; its remappings apply to the recorded topic names.
        reader: an open bag.
        options: what to play, and how.
        now: the steady clock that paces playing [s].
        sleep: lets that clock go on [s].

    Raises:
        ValueError: a topic is not in the bag, none can be played, or nothing was recorded in the
            chosen time.
    """

    def __init__(
        self,
        node: Node,
        reader: AnyReader,
        options: PlayOptions,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._node = node
        self._now = now
        self._sleep = sleep
        self._reader = reader
        self._options = options
        self._connections = select_connections(reader, options.topics)
        self._start = reader.start_time + round(options.start * NANOSECONDS)
        self._stop = reader.end_time
        if options.duration is not None:
            self._stop = min(self._stop, self._start + round(options.duration * NANOSECONDS))
        if self._start >= reader.end_time:
            raise ValueError(
                f'start is {options.start} s, but the bag is {reader.duration / NANOSECONDS:.1f} '
                f's long. Choose an earlier start.'
            )
        self.report = PlayReport({}, {}, [])
        self._channels = self._create_channels()
        self._clock = node.create_publisher(Clock, '/clock', 1) if options.clock_hz else None
        self._lockstep = self._create_lockstep()
        self._began = 0.0
        self._next_tick = 0.0

    @property
    def duration(self) -> float:
        """Bag time that one pass plays [s]."""
        return (self._stop - self._start) / NANOSECONDS

    def play(self, on_progress: OnProgress = lambda seconds: None) -> PlayReport:
        """Publish everything on time.

        Args:
            on_progress: called after each message with the bag time of this pass [s].

        Raises:
            KeyboardInterrupt: interrupted, or rclpy was shut down; `report` holds the rest.
        """
        self._wait_for_subscribers()
        self._publish_latched()
        began = self._now()
        try:
            while True:
                self._play_once(on_progress)
                if not self._options.loop:
                    break
        finally:
            self.report.wall_seconds = self._now() - began
        self._drain()
        return self.report

    def _create_channels(self) -> dict[tuple[str, str], _Channel]:
        channels: dict[tuple[str, str], _Channel] = {}
        for connection in self._connections:
            key = connection.topic, connection.msgtype
            if key in channels:
                continue
            message_class = import_message(connection.msgtype)
            if message_class is None:
                self.report.skipped.setdefault(connection.msgtype, []).append(connection.topic)
                continue
            twins = [c for c in self._connections if (c.topic, c.msgtype) == key]
            channels[key] = _Channel(
                self._node.create_publisher(message_class, connection.topic, recorded_qos(twins)),
                _encoder(self._reader, connection, message_class),
            )
            self.report.messages[connection.topic] = 0
        if not channels:
            kinds = ', '.join(sorted(self.report.skipped))
            raise ValueError(
                f'No topic can be played: the packages of these types are missing: {kinds}. '
                f'Install them and source their setup file.'
            )
        self._connections = [c for c in self._connections if (c.topic, c.msgtype) in channels]
        return channels

    def _create_lockstep(self) -> Lockstep | None:
        if self._options.lockstep is None:
            return None
        topic, answers = self._options.lockstep
        stamped = sorted({c.topic for c in self._connections if _is_stamped(c.msgtype)})
        if topic not in stamped:
            raise ValueError(
                f"lockstep is '{topic}', which is not played or has no stamps to answer. Expected "
                f'one of: {", ".join(stamped) or "none"}.'
            )
        return Lockstep(self._node, topic, answers)

    def _wait_for_subscribers(self) -> None:
        deadline = self._now() + self._options.wait_for_subscribers
        while self._unmatched() and self._now() < deadline:
            self._announce_start()
            self._sleep(0.02)
            self._check_alive()
        self.report.without_subscriber = self._unmatched()
        if self._options.wait_for_subscribers:
            self._announce_start()
            self._sleep(SETTLE_SECONDS)

    def _unmatched(self) -> list[str]:
        unheard = [
            topic
            for (topic, _), channel in self._channels.items()
            if channel.publisher.get_subscription_count() < self._options.subscribers
        ]
        if self._lockstep and not self._lockstep.has_publisher:
            unheard.append(self._lockstep.answers)
        return sorted(unheard)

    def _announce_start(self) -> None:
        """Let nodes with sim time know the time before the first message comes."""
        if self._clock:
            self._clock.publish(_clock_message(self._start))

    def _publish_latched(self) -> None:
        """Publish what was latched before the chosen start, e.g. static transforms."""
        latched = [c for c in self._connections if is_latched(c)]
        if self._options.start:
            for connection, _, data in read_messages(self._reader, latched, stop=self._start):
                self._publish(connection, data)

    def _play_once(self, on_progress: OnProgress) -> None:
        self._began = self._next_tick = self._now()
        played = 0.0
        messages = read_messages(self._reader, self._connections, self._start, self._stop)
        for connection, stamp, data in messages:
            elapsed = (stamp - self._start) / NANOSECONDS
            due = self._began + elapsed / self._options.rate
            self._sleep_until(due)
            self._publish(connection, data)
            lateness = self._now() - due
            self.report.worst_lateness = max(self.report.worst_lateness, lateness)
            self.report.bag_seconds += elapsed - played
            played = elapsed
            on_progress(elapsed)
            if self._lockstep and not self._lockstep.is_answered:
                self._stand_still(self._lockstep)

    def _publish(self, connection: Connection, data: bytes) -> None:
        channel = self._channels[connection.topic, connection.msgtype]
        message = channel.encode(data)
        if self._lockstep and connection.topic == self._lockstep.topic:
            self._lockstep.expect(message)
        channel.publisher.publish(message)
        self.report.messages[connection.topic] += 1

    def _sleep_until(self, due: float) -> None:
        while True:
            self._check_alive()
            now = self._now()
            if self._clock and now >= self._next_tick:
                self._tick(now)
            if now >= due:
                return
            wake = min(due, now + MAX_SLEEP)
            if self._clock:
                wake = min(wake, self._next_tick)
            self._sleep(max(0.0, wake - now))

    def _stand_still(self, lockstep: Lockstep) -> None:
        """Let bag time stand still until the last message was answered."""
        published = self._now()
        while not lockstep.is_answered and self._now() - published < PATIENCE_SECONDS:
            self._check_alive()
            lockstep.spin(MAX_SLEEP)
        self.report.unanswered += not lockstep.is_answered
        waited = self._now() - published
        self._began += waited
        self._next_tick += waited

    def _tick(self, now: float) -> None:
        assert self._clock and self._options.clock_hz
        elapsed = (now - self._began) * self._options.rate
        self._clock.publish(_clock_message(self._start + round(elapsed * NANOSECONDS)))
        period = 1 / self._options.clock_hz
        missed = int((now - self._next_tick) / period)
        self._next_tick += (missed + 1) * period

    def _drain(self) -> None:
        """Hold the publishers until the last messages have arrived."""
        deadline = self._now() + DRAIN_SECONDS
        for channel in self._channels.values():
            left = max(0.0, deadline - self._now())
            channel.publisher.wait_for_all_acked(Duration(seconds=left))
        self._sleep(MAX_SLEEP)

    def _check_alive(self) -> None:
        if not self._node.context.ok():
            raise KeyboardInterrupt


def recorded_qos(connections: Sequence[Connection]) -> QoSProfile:
    """Choose the QoS of a topic's publisher from what was recorded.

    ROS 2: the offered reliability, durability and depth; of several publishers the weakest, which
    every recorded subscriber accepted. ROS 1: reliable, and transient local where it was latched.
    """
    qos = QoSProfile(depth=DEFAULT_DEPTH)
    if any(is_latched(connection) for connection in connections):
        qos.durability = DurabilityPolicy.TRANSIENT_LOCAL
    offered = [
        profile
        for connection in connections
        if not isinstance(connection.ext, ConnectionExtRosbag1)
        for profile in connection.ext.offered_qos_profiles
    ]
    if any(profile.reliability == QosReliability.BEST_EFFORT for profile in offered):
        qos.reliability = ReliabilityPolicy.BEST_EFFORT
    if offered:
        # Several latched publishers become one, which has to keep a message of each.
        depth = max(profile.depth for profile in offered)
        qos.depth = max(depth or DEFAULT_DEPTH, len(offered))
    return qos


def is_latched(connection: Connection) -> bool:
    """Tell whether late subscribers were given the last message of this publisher."""
    if isinstance(connection.ext, ConnectionExtRosbag1):
        return bool(connection.ext.latching)
    offered = connection.ext.offered_qos_profiles
    return bool(offered) and all(
        profile.durability == QosDurability.TRANSIENT_LOCAL for profile in offered
    )


def _is_stamped(message_type: str) -> bool:
    message_class: Any = import_message(message_type)
    return 'header' in message_class.get_fields_and_field_types()


def _encoder(
    reader: AnyReader, connection: Connection, message_class: Any
) -> Callable[[bytes], Any]:
    if reader.is2 and same_layout(reader.typestore, connection.msgtype, message_class):
        return _unchanged

    def convert(data: bytes) -> Any:
        return fill_message(message_class(), deserialize(reader, connection, data))

    return convert


def _unchanged(data: T) -> T:
    """Pass a serialised message on: rclpy publishes bytes as they are."""
    return data


def _clock_message(time_ns: int) -> Clock:
    message = Clock()
    message.clock.sec, message.clock.nanosec = divmod(time_ns, NANOSECONDS)
    return message
