"""What the node says about itself: facts of the last seconds, diagnostics, watchdog log."""

from __future__ import annotations

import math
import re
from collections import deque
from dataclasses import dataclass, fields

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.node import Node

from mono_depth_ros.inference.cards.model_card import ModelCard
from mono_depth_ros.messages.bit_depth import unused_bits
from mono_depth_ros.ros.node.camera_stream import CameraStream
from mono_depth_ros.ros.node.limits import Level, Limits, Performance, readable_drops
from mono_depth_ros.ros.node.parameters import DepthNodeConfig
from mono_depth_ros.ros.node.watchdog import PERIOD_S, CameraFacts, diagnose

REPEAT_PERIODS = 12


@dataclass
class ThrottledLogger:
    """Log what the watchdog says every period, without saying it over and over."""

    label: str
    said: str = ''
    ticks: int = 0
    silent_periods: int = 0

    def tick(self, level: Level, text: str, logger: RcutilsLogger) -> None:
        """Count a second; after each period log new or lasting trouble, or its end."""
        self.ticks += 1
        if self.ticks % PERIOD_S:
            return
        self.silent_periods += 1
        if level == Level.OK:
            if self.said:
                logger.info(f'{self.label}: {text}')
            self.said = ''
        elif (
            _without_figures(text) != _without_figures(self.said)
            or self.silent_periods >= REPEAT_PERIODS
        ):
            # rclpy refuses a second severity from the same line.
            if level == Level.ERROR:
                logger.error(f'{self.label}: {text}')
            else:
                logger.warning(f'{self.label}: {text}')
            self.said, self.silent_periods = text, 0


def _without_figures(text: str) -> str:
    """Return what stays of a sentence while only its figures change."""
    return re.sub(r'\d+(\.\d+)?', '#', text)


class StreamMonitor:
    """Follow one camera: its counters over the last seconds, what was last said about it."""

    def __init__(self, stream: CameraStream) -> None:
        self.stream = stream
        self.speaker = ThrottledLogger(stream.label)
        self.history = deque([stream.statistics.snapshot()], maxlen=PERIOD_S + 1)

    def performance(self) -> Performance:
        """Return rate, age and drops of the last seconds."""
        first, last = self.history[0], self.history[-1]
        drops = {
            cause: count - first.drops.get(cause, 0)
            for cause, count in last.drops.items()
            if count > first.drops.get(cause, 0)
        }
        is_whole = len(self.history) == self.history.maxlen
        return Performance(
            last.fps if is_whole else None, last.age_p95, last.frames_in - first.frames_in, drops
        )

    def facts(
        self, state: str, config: DepthNodeConfig, clock_ns: int, simulated: bool
    ) -> CameraFacts:
        """Gather what the watchdog judges; to be called once a second."""
        stream, node = self.stream, self.stream.node
        self.history.append(stream.statistics.snapshot())
        first, last = self.history[0], self.history[-1]
        wanted, listened = stream.wanted(), stream.listened()
        headers, stamp = stream.headers, stream.headers.stamp
        return CameraFacts(
            state=state,
            image_topic=stream.image_topic,
            image_publishers=node.count_publishers(stream.image_topic),
            foreign_type=stream.foreign_type(),
            image_type=stream.image_type_name,
            other_transport=(
                stream.other_transport if node.count_publishers(stream.other_transport) else ''
            ),
            frames_in=last.frames_in - first.frames_in,
            frames_out=last.frames_out - first.frames_out,
            subscribed=bool(wanted),
            silent=frozenset(listened - wanted),
            depth_kind=stream.kind,
            qos_conflict=stream.input_conflict(),
            output_qos_conflict=stream.output_conflict(),
            fault=stream.fault,
            max_age=config.max_age,
            too_old=last.drops.get('too_old', 0) - first.drops.get('too_old', 0),
            waits_for_clock=simulated and clock_ns == 0,
            stamp_age=None if stamp is None or clock_ns == 0 else (clock_ns - stamp) / 1e9,
            unstamped=stamp == 0,
            repeated_stamps=headers.repeats,
            image_frame=headers.image_frame,
            info_frame=headers.info_frame,
            calibration_changes=last.calibration_changes - first.calibration_changes,
            info_topic=stream.info_topic,
            info_publishers=tuple(stream.info_publishers()),
            source_note=stream.source_note,
            empty_bits=unused_bits(max(stream.largest_values, default=0)),
            batch_limit=stream.batch_limit,
            performance=self.performance(),
            limits=limits_of(config),
        )


def limits_of(config: DepthNodeConfig) -> Limits:
    """Return the thresholds among the parameters."""
    return Limits(**{spec.name: getattr(config, spec.name) for spec in fields(Limits)})


def camera_status(
    monitor: StreamMonitor, facts: CameraFacts, card: ModelCard | None, device: dict[str, str]
) -> DiagnosticStatus:
    """Build the diagnostic status of one camera."""
    level, text = diagnose(facts)
    stream, last = monitor.stream, monitor.history[-1]
    status = DiagnosticStatus(
        level=bytes([level]),
        name=f'{status_name(stream.node)}: {stream.label}',
        message=text,
        hardware_id=card.name if card else '',
    )
    values = (
        _card_values(card)
        | {'state': facts.state}
        | device
        | {
            'depth_kind': stream.kind or 'unknown',
            'fps': f'{last.fps:.1f}',
            'batch': str(stream.batch),
            'frames_in': str(last.frames_in),
            'frames_out': str(last.frames_out),
            'age_p50_ms': _milliseconds(last.age_p50),
            'age_p95_ms': _milliseconds(last.age_p95),
            'age_p99_ms': _milliseconds(last.age_p99),
            'header_age_p50_ms': _milliseconds(last.header_age_p50),
        }
    )
    values['recent_drops'] = readable_drops(monitor.performance().drops)
    values |= {f'dropped_{cause}': str(count) for cause, count in sorted(last.drops.items())}
    status.values = [KeyValue(key=key, value=value) for key, value in values.items()]
    return status


def node_status(
    node: Node, facts: CameraFacts, card: ModelCard | None, device: dict[str, str]
) -> DiagnosticStatus:
    """Build the status of a node that has no cameras yet: its state, and why."""
    level, text = diagnose(facts)
    values = _card_values(card) | {'state': facts.state} | device
    return DiagnosticStatus(
        level=bytes([level]),
        name=f'{status_name(node)}: node',
        message=text,
        hardware_id=card.name if card else '',
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )


def status_name(node: Node) -> str:
    """Return the node's name with its namespace: two robots must not share a status."""
    return str(node.get_fully_qualified_name()).lstrip('/')


def diagnostic_array(clock: Clock, statuses: list[DiagnosticStatus]) -> DiagnosticArray:
    """Wrap statuses; the one message stamped with the current time, as aggregators expect."""
    message = DiagnosticArray(status=statuses)
    message.header.stamp = clock.now().to_msg()
    return message


def _card_values(card: ModelCard | None) -> dict[str, str]:
    if card is None:
        return {}
    return {
        'model': card.name,
        'network': card.network,
        'trained': str(card.is_trained).lower(),
        'license_code': card.license_code,
        'license_weights': card.license_weights,
    }


def _milliseconds(seconds: float) -> str:
    return 'nan' if math.isnan(seconds) else f'{seconds * 1e3:.1f}'
