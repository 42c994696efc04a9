"""What the node says about itself: facts of the last seconds, diagnostics, watchdog log."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock
from rclpy.impl.rcutils_logger import RcutilsLogger

from mono_depth_ros.inference.model_card import ModelCard
from mono_depth_ros.ros.camera_stream import IN_METRES, CameraStream
from mono_depth_ros.ros.statistics import Snapshot
from mono_depth_ros.ros.watchdog import CameraFacts, Level, diagnose

PERIOD_S = 5
REPEAT_PERIODS = 12


@dataclass
class StreamMonitor:
    """Follow one camera: its counters over the last seconds, what was last said about it."""

    stream: CameraStream
    history: deque[Snapshot] = field(default_factory=lambda: deque(maxlen=PERIOD_S + 1))
    said: str = ''
    silent_periods: int = 0

    def facts(self, state: str, failure: str, max_age: float, clock_ns: int,
              simulated: bool) -> CameraFacts:
        """Gather what the watchdog judges; to be called once a second."""
        stream, node = self.stream, self.stream.node
        self.history.append(stream.statistics.snapshot())
        first, last = self.history[0], self.history[-1]
        image = node.resolve_topic_name(stream.image_topic)
        info = node.resolve_topic_name(stream.info_topic)
        listened, wanted = stream.listened(), stream.wanted()
        stamp = stream.last_stamp_ns
        return CameraFacts(
            state=state, failure=failure, image_topic=image, info_topic=info,
            image_publishers=node.count_publishers(image),
            info_publishers=node.count_publishers(info),
            frames_in=last.frames_in - first.frames_in,
            frames_out=last.frames_out - first.frames_out,
            subscribed=bool(wanted), metres_in_vain=bool(listened & IN_METRES) and not wanted,
            qos_conflict=stream.input_conflict(), output_qos_conflict=stream.output_conflict(),
            fault=stream.fault, max_age=max_age,
            too_old=last.drops.get('too_old', 0) - first.drops.get('too_old', 0),
            waits_for_clock=simulated and clock_ns == 0,
            stamp_age=None if stamp is None or clock_ns == 0 else (clock_ns - stamp) / 1e9)

    def speak(self, level: Level, text: str, logger: RcutilsLogger) -> None:
        """Log a trouble when it is new and then once a minute, and its end once."""
        self.silent_periods += 1
        if level == Level.OK:
            if self.said:
                logger.info(f'{self.stream.label}: {text}')
            self.said = ''
        elif text != self.said or self.silent_periods >= REPEAT_PERIODS:
            # rclpy refuses a second severity from the same line.
            if level == Level.ERROR:
                logger.error(f'{self.stream.label}: {text}')
            else:
                logger.warning(f'{self.stream.label}: {text}')
            self.said, self.silent_periods = text, 0


def camera_status(monitor: StreamMonitor, facts: CameraFacts, card: ModelCard | None,
                  device: str) -> DiagnosticStatus:
    """Build the diagnostic status of one camera."""
    level, text = diagnose(facts)
    stream, last = monitor.stream, monitor.history[-1]
    status = DiagnosticStatus(
        level=bytes([level]), name=f'{stream.node.get_name()}: {stream.label}',
        message=text, hardware_id=card.name if card else '')
    values = _card_values(card) | {
        'state': facts.state, 'device': device, 'depth_kind': stream.kind or 'unknown',
        'fps': f'{last.fps:.1f}', 'batch': str(stream.batch), 'frames_in': str(last.frames_in),
        'frames_out': str(last.frames_out), 'age_p50_ms': _milliseconds(last.age_p50),
        'age_p95_ms': _milliseconds(last.age_p95),
        'header_age_p50_ms': _milliseconds(last.header_age_p50)}
    values |= {f'dropped_{cause}': str(count) for cause, count in sorted(last.drops.items())}
    status.values = [KeyValue(key=key, value=value) for key, value in values.items()]
    return status


def node_status(name: str, state: str, failure: str) -> DiagnosticStatus:
    """Build the status of a node that has no cameras yet: not configured, and why."""
    level, text = diagnose(CameraFacts(state=state, failure=failure))
    return DiagnosticStatus(level=bytes([level]), name=f'{name}: node', message=text,
                            values=[KeyValue(key='state', value=state)])


def diagnostic_array(clock: Clock, statuses: list[DiagnosticStatus]) -> DiagnosticArray:
    """Wrap statuses; the one message stamped with the current time, as aggregators expect."""
    message = DiagnosticArray(status=statuses)
    message.header.stamp = clock.now().to_msg()
    return message


def _card_values(card: ModelCard | None) -> dict[str, str]:
    if card is None:
        return {}
    return {'model': card.name, 'network': card.network, 'trained': str(card.is_trained).lower(),
            'license_code': card.license_code, 'license_weights': card.license_weights}


def _milliseconds(seconds: float) -> str:
    return 'nan' if math.isnan(seconds) else f'{seconds * 1e3:.1f}'
