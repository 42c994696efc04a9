"""The node that evaluates live depth: the core of `evaluate_bag`, fed by topics."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from mono_depth_ros.bags.transforms import read_extrinsics
from mono_depth_ros.evaluation.robot.evaluator import BagEvaluation, DepthFrame
from mono_depth_ros.evaluation.robot.latency import Latency, latency_table
from mono_depth_ros.evaluation.robot.poses import POSE_TYPES
from mono_depth_ros.evaluation.robot.reference_messages import (
    CLOUD_TYPE,
    REFERENCE_TYPES,
    TRANSPORT,
    View,
    check_reference_type,
    reference_of,
)
from mono_depth_ros.evaluation.robot.report import write_report
from mono_depth_ros.evaluation.robot.result import BagResult, FrameRecord
from mono_depth_ros.evaluation.robot.thresholds import Verdict, check_thresholds
from mono_depth_ros.geometry.transforms import TransformTree
from mono_depth_ros.messages.calibrations import camera_from_message
from mono_depth_ros.messages.camera_info import image_geometry_for
from mono_depth_ros.messages.encodings import decode_depth
from mono_depth_ros.outputs.depth_outputs import CLOUD, DEPTH, INFO, RELATIVE
from mono_depth_ros.ros.conversions import header_stamp
from mono_depth_ros.ros.evaluator.declaration import declare_evaluator_parameters
from mono_depth_ros.ros.node.diagnostics import diagnostic_array, status_name
from mono_depth_ros.ros.node.limits import Level
from mono_depth_ros.ros.replay.message_types import import_message
from mono_depth_ros.stamps import NANOSECONDS, stamp_of
from mono_depth_ros.suggest import did_you_mean
from mono_depth_ros.types import DepthKind

TF_TYPE = 'tf2_msgs/msg/TFMessage'
# Clouds and images that may wait while one is compared.
QUEUE = 50
TICK_S, LOOK_S = 1.0, 0.1
# Poses and transforms older than this are of no use any more.
REMEMBERED = 30 * NANOSECONDS
_CAN_WAIT_S = 5


class ReplayEvaluator(Node):
    """Compare live depth with a reference topic; see docs/evaluation_on_a_robot.md.

    Args:
        context: of rclpy; its own by default.

    Raises:
        FileNotFoundError, ValueError: a parameter cannot be meant; the message says which.
    """

    def __init__(self, context: Context | None = None) -> None:
        super().__init__('replay_evaluator', context=context)
        self.config = config = declare_evaluator_parameters(self)
        self._tree = TransformTree()
        self._has_tf = self._listen_to_tf()
        if config.extrinsics:
            read_extrinsics(config.extrinsics, self._tree)
        self._frames: list[FrameRecord] = []
        self.evaluation = BagEvaluation(
            config.options,
            self._tree,
            self._frames.append if config.output else None,
            config.window,
        )
        self.latency = Latency(config.window)
        self._views: dict[str, View] = {}
        self._waiting: dict[str, list[Callable[[], None]]] = {}
        self._ticks = 0
        self._fault = ''
        self._awaited: dict[str, Callable[[str, QoSProfile], None]] = {}
        self._connect()
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._metrics = self.create_publisher(DiagnosticArray, '~/metrics', 10)
        # Steady time: under use_sim_time a default timer stands still until /clock comes.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(LOOK_S, self._look_for_publishers, clock=steady)
        self.create_timer(TICK_S, self._tick, clock=steady)
        # replay.launch.py waits for these words.
        self.get_logger().info(
            f'ready to compare {self.resolve_topic_name(DEPTH)} with {config.options.reference}'
        )

    # -- connections ---------------------------------------------------------------------------

    def _connect(self) -> None:
        options = self.config.options
        self._refuse_itself()
        every = QoSProfile(depth=QUEUE, reliability=ReliabilityPolicy.RELIABLE)
        self.create_subscription(CameraInfo, INFO, self._on_info, every)
        self.create_subscription(Image, DEPTH, self._on_depth, every)
        self.create_subscription(Image, RELATIVE, self._on_relative, every)
        if not options.is_wall:
            self._awaited[options.reference] = self._subscribe_reference
        if self.evaluation.motion.topic:
            self._awaited[self.evaluation.motion.topic] = self._subscribe_poses
        # Only once depth_node reads the images: a player waits for a reader, and must not find
        # this one alone.
        self._awaited[self.resolve_topic_name(DEPTH)] = self._subscribe_images

    def _refuse_itself(self) -> None:
        for output in (DEPTH, RELATIVE, CLOUD):
            if self.resolve_topic_name(output) == self.config.options.reference:
                raise ValueError(
                    f"reference '{self.config.options.reference}' is where depth_node publishes "
                    f'its own {output}: depth would be compared with itself. Name the topic of '
                    f'another sensor, or remap {output} of depth_node and of this node.'
                )

    def _look_for_publishers(self) -> None:
        """Connect what waited for its publisher, whose type and reliability decide."""
        for topic, connect in list(self._awaited.items()):
            offers = self.get_publishers_info_by_topic(topic)
            if not offers:
                continue
            del self._awaited[topic]
            qos = QoSProfile(depth=QUEUE, reliability=offers[0].qos_profile.reliability)
            try:
                connect(offers[0].topic_type, qos)
            except ValueError as error:
                self._fault = str(error)
                self.get_logger().error(self._fault)

    def _subscribe_reference(self, kind: str, qos: QoSProfile) -> None:
        topic = self.config.options.reference
        check_reference_type(topic, kind)
        if kind != CLOUD_TYPE:
            base = topic.removesuffix(TRANSPORT).rpartition('/')[0]
            info = self.config.reference_info or f'{base}/camera_info'
            self.create_subscription(
                CameraInfo,
                info,
                self._on_reference_info,
                QoSProfile(depth=QUEUE, reliability=ReliabilityPolicy.BEST_EFFORT),
            )
        message_class: Any = import_message(kind)
        self.create_subscription(message_class, topic, self._on_reference, qos)
        self.get_logger().info(f'{topic} carries {kind}')

    def _subscribe_poses(self, kind: str, qos: QoSProfile) -> None:
        topic = self.evaluation.motion.topic
        message_class = import_message(kind)
        if kind not in POSE_TYPES:
            raise ValueError(f"'{topic}' carries {kind}, expected one of: {', '.join(POSE_TYPES)}")
        if message_class is None:
            raise ValueError(
                f"'{topic}' carries {kind}, whose package is not installed here: "
                'install it, or give poses as geometry_msgs/msg/PoseStamped'
            )
        self.create_subscription(message_class, topic, self.evaluation.motion.add_message, qos)

    def _subscribe_images(self, _: str, __: QoSProfile) -> None:
        """Listen to the images' stamps and moments of arrival; nothing is decoded."""
        is_raw = self.config.image_transport == 'raw'
        image = self.resolve_topic_name('image')
        topic = image if is_raw else f'{image}/compressed'
        offers = self.get_publishers_info_by_topic(topic)
        reliability = (
            offers[0].qos_profile.reliability if offers else ReliabilityPolicy.BEST_EFFORT
        )
        self.create_subscription(
            Image if is_raw else CompressedImage,
            topic,
            self._on_image,
            QoSProfile(depth=QUEUE, reliability=reliability),
            raw=True,
        )

    def _listen_to_tf(self) -> bool:
        """Follow /tf and /tf_static where their messages are installed; say so where not."""
        message_class = import_message(TF_TYPE)
        if message_class is None:
            return False
        latched = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(message_class, '/tf_static', self._on_static, latched)
        self.create_subscription(message_class, '/tf', self._on_tf, QoSProfile(depth=100))
        return True

    # -- messages ------------------------------------------------------------------------------

    def _on_static(self, message: Any) -> None:
        self._guarded(lambda: self._tree.add_message(message, is_static=True), 'bad_transform')

    def _on_tf(self, message: Any) -> None:
        self._guarded(lambda: self._tree.add_message(message, is_static=False), 'bad_transform')

    def _guarded(self, action: Callable[[], None], cause: str) -> None:
        try:
            action()
        except ValueError as error:
            self.evaluation.skip(cause, str(error))

    def _on_info(self, message: CameraInfo) -> None:
        self._keep_view(INFO, message)

    def _on_reference_info(self, message: CameraInfo) -> None:
        self._keep_view(self.config.options.reference, message)

    def _keep_view(self, name: str, message: CameraInfo) -> None:
        def keep() -> None:
            model = camera_from_message(message)
            K = image_geometry_for(model, 'rectified', rectify=False).K_out
            self._views[name] = View(K, model.size)

        self._guarded(keep, 'bad_camera_info')
        waiting = self._waiting.pop(name, [])
        for take in waiting if name in self._views else []:
            take()

    def _with_view(self, name: str, take: Callable[[], None]) -> None:
        """Take a message in once its camera is known: depth_node sends camera_info after it."""
        if name in self._views:
            take()
            return
        self._waiting.setdefault(name, []).append(take)
        if len(self._waiting[name]) > QUEUE:
            self._waiting[name].pop(0)
            self.evaluation.skip('no_camera_info', f'nothing came beside {name}')

    def _on_image(self, data: bytes, info: Any) -> None:
        self.latency.add_image(header_stamp(data), _received(info))

    def _on_depth(self, message: Image, info: Any) -> None:
        self._take_depth(message, info, DepthKind.METRES)

    def _on_relative(self, message: Image, info: Any) -> None:
        self._take_depth(message, info, DepthKind.RELATIVE)

    def _take_depth(self, message: Image, info: dict[str, int], kind: DepthKind) -> None:
        stamp = stamp_of(message)
        now = self.get_clock().now().nanoseconds
        # Simulated time is 0 until /clock comes.
        age = (now - stamp) / NANOSECONDS if now else math.nan
        self.latency.add_depth(stamp, _received(info), age)
        self._with_view(
            INFO, lambda: self._guarded(lambda: self._compare(message, stamp, kind), 'bad_depth')
        )
        self._tree.forget(stamp - REMEMBERED)
        self.evaluation.motion.forget(stamp - REMEMBERED)

    def _compare(self, message: Image, stamp: int, kind: DepthKind) -> None:
        size = message.height, message.width
        view = self._views[INFO]
        if view.size != size:
            self.evaluation.skip(
                'size_mismatch',
                (
                    f'depth is {size[1]}x{size[0]}, {self.resolve_topic_name(INFO)} says '
                    f'{view.size[1]}x{view.size[0]}'
                ),
            )
            return
        depth = decode_depth(
            message.data, size, message.encoding, message.step, bool(message.is_bigendian)
        )
        self.evaluation.add_depth(DepthFrame(stamp, message.header.frame_id, depth, view.K, kind))

    def _on_reference(self, message: Any) -> None:
        topic = self.config.options.reference

        def take() -> None:
            self._guarded(
                lambda: self.evaluation.add_reference(
                    reference_of(message, stamp_of(message), self._views.get(topic))
                ),
                'corrupt_reference',
            )

        if isinstance(message, Image | CompressedImage):
            self._with_view(topic, take)
        else:
            take()

    # -- what it says --------------------------------------------------------------------------

    def _tick(self) -> None:
        self._ticks += 1
        recent = self.evaluation.recent()
        figures = {
            'recent': recent.metrics() | self.latency.recent(),
            'all': self.evaluation.result().metrics() | self.latency.metrics(),
        }
        self._metrics.publish(
            diagnostic_array(
                self.get_clock(),
                [
                    DiagnosticStatus(
                        level=bytes([Level.OK]),
                        name=f'{status_name(self)}: {name}',
                        message=f'judged: {recent.judged}',
                        values=_pairs(values),
                    )
                    for name, values in figures.items()
                ],
            )
        )
        level, text = self._diagnosis(recent)
        self._diagnostics.publish(
            diagnostic_array(
                self.get_clock(),
                [
                    DiagnosticStatus(
                        level=bytes([level]),
                        name=f'{status_name(self)}: {recent.reference}',
                        message=text,
                        values=[*_pairs(figures['recent']), *_pairs(dict(recent.counts.skipped))],
                    )
                ],
            )
        )

    def _diagnosis(self, recent: BagResult) -> tuple[Level, str]:
        if self._fault:
            return Level.ERROR, self._fault
        nothing = self.why_nothing()
        if nothing:
            return Level.WARN if self._ticks > _CAN_WAIT_S else Level.OK, nothing
        # How many frames there are shows at the end, not in a window of them.
        verdict = check_thresholds(
            recent, [limit for limit in self.config.thresholds if limit.metric != 'frames']
        )
        figures = recent.metrics()
        text = (
            f'abs_rel {figures["abs_rel"]:.3f}, a1 {figures["a1"]:.3f} ({recent.judged}) over '
            f'the last {len(recent.scales)} frames'
        )
        if not verdict.passed:
            return Level.ERROR, f'{"; ".join(verdict.failures)}. {text}'
        return Level.OK, text

    def why_nothing(self) -> str:
        """Say why no frame could be compared yet, and what to do; '' if one could."""
        nothing = self._fault or self.evaluation.why_nothing()
        if not nothing:
            return ''
        topic = self.config.options.reference
        if topic in self._awaited:
            known = sorted(
                name
                for name, kinds in self.get_topic_names_and_types()
                if set(REFERENCE_TYPES) & set(kinds) and name != topic
            )
            hint = did_you_mean(topic, known)
            return (
                f"no publisher on '{topic}'.{hint} There are: {', '.join(known) or 'none'} "
                f'({nothing})'
            )
        return f'{nothing}{self._hint()}'

    def _hint(self) -> str:
        if self._has_tf or self.config.extrinsics or self.config.options.is_wall:
            return ''
        return (
            '. tf2_msgs is not installed here, so /tf_static cannot be read: where camera and '
            'reference have frames of their own, set extrinsics to a file of transforms'
        )

    def finish(self) -> tuple[str, Verdict | None]:
        """Close the evaluation and write the output.

        Returns:
            What to tell the user, and the verdict; None where nothing could be compared.
        """
        self.evaluation.finish()
        self.latency.finish()
        nothing = self.why_nothing()
        if nothing:
            return nothing, None
        result, latency = self.evaluation.result(), self.latency.metrics()
        verdict = check_thresholds(result, self.config.thresholds)
        said = [result.table(), latency_table(latency)]
        if self.config.thresholds or not verdict.passed:
            said.append(verdict.text())
        if self.config.output is not None:
            write_report(
                self.config.output,
                result,
                verdict,
                self.config.thresholds,
                self._frames,
                latency=latency,
            )
        return '\n'.join(said), verdict


def _received(info: Any) -> float:
    """Return when the middleware received a message [s]; not every one notes it."""
    return (info['received_timestamp'] or time.time_ns()) / NANOSECONDS


def _pairs(values: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=name, value=f'{value:.6g}') for name, value in values.items()]
