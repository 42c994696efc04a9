"""Copy a bag and add depth, camera_info and cloud, with the names and rules of depth_node."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
from rosbags.highlevel import AnyReader

from mono_depth_ros.bags.index import (
    camera_from_info,
    choose_image_topic,
    find_camera_info,
)
from mono_depth_ros.bags.reader import (
    deserialize,
    open_bag,
    read_messages,
    read_objects,
    rgb_from_bag_message,
    select_connections,
    undefined_types,
)
from mono_depth_ros.bags.writer import BagWriter, new_bag
from mono_depth_ros.inference.estimator import DepthEstimator, ScaledDepth
from mono_depth_ros.inference.predictor import Predictor
from mono_depth_ros.messages.calibration_file import read_calibration_file
from mono_depth_ros.messages.calibrations import (
    Calibrations,
    calibration_of,
    camera_from_message,
)
from mono_depth_ros.messages.camera_info import ImageGeometry, rectify_image
from mono_depth_ros.messages.point_cloud import POINT_FIELDS
from mono_depth_ros.outputs.depth_outputs import (
    DEPTH,
    INFO,
    RELATIVE,
)
from mono_depth_ros.outputs.rendering import (
    PACKED_CLOUD,
    Rendered,
    render_outputs,
    render_rectified,
)
from mono_depth_ros.prediction.bag_options import OUTPUTS, BagDepthOptions
from mono_depth_ros.stamps import stamp_of
from mono_depth_ros.types import DepthKind, Image

Progress = Callable[[int, int], None]

# What waits for the images of a batch stays in memory.
_MAX_WAITING = 256_000_000  # [bytes]
_CLOUD_NAMES = tuple(name for name, *_ in POINT_FIELDS)


@dataclass
class BagDepthReport:
    """What was done.

    Attributes:
        left_out: topics that cannot be copied, because nobody knows their type.
        copied: messages taken over.
        added: messages by new topic.
        skipped: images without depth, by reason.
        kinds: units of the depth: metric, scaled or relative.
        warnings: what the user should know of the units.
    """

    left_out: dict[str, str] = field(default_factory=dict)
    copied: int = 0
    added: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    kinds: set[DepthKind] = field(default_factory=set)
    warnings: set[str] = field(default_factory=set)


@dataclass(frozen=True, eq=False)
class _Frame:
    """An undistorted image that waits for its depth, and where its outputs belong."""

    stamp: int
    log_time: int
    frame_id: str
    rgb: Image
    geometry: ImageGeometry


class _CalibrationsOverTime:
    """What camera_info said over time; an image before the first one takes that first one."""

    def __init__(self, latest: Calibrations, infos: Sequence[tuple[int, Any]] = ()) -> None:
        self._latest = latest
        for _, info in reversed(infos):
            latest.update(info)
        self._infos = deque(infos)

    def geometry(self, size: tuple[int, int], log_time: int) -> ImageGeometry:
        """Return the geometry by the latest camera_info of this image size; times must increase.

        Raises:
            ValueError: there is none of this size, or it cannot be used.
        """
        while self._infos and self._infos[0][0] <= log_time:
            self._latest.update(self._infos.popleft()[1])
        return self._latest.geometry(size)


def add_depth(
    bag: Path,
    output: Path,
    estimator: DepthEstimator,
    options: BagDepthOptions,
    on_message: Progress = lambda done, total: None,
) -> BagDepthReport:
    """Write a copy of a bag that has depth as well; every message and stamp of it is kept.

    Args:
        bag: any bag, ROS 1 or ROS 2.
        output: the new bag, ROS 2 mcap.
        estimator: the network.
        options: what to add.
        on_message: called with the number of messages done, and of all.

    Raises:
        FileExistsError: there is something at output.
        FileNotFoundError, ValueError: the bag lacks something, or an option does not fit it.
    """
    with open_bag(bag) as reader:
        image_topic = choose_image_topic(reader, options.image_topic)
        calibrations = _read_calibrations(reader, image_topic, options)
        _check_topics(reader, options)
        report = BagDepthReport(left_out=undefined_types(reader) | reader.left_out)
        connections = [c for c in reader.connections if c.topic not in report.left_out]
        with new_bag(output) as writer:
            copy = writer.copy_from(reader, connections)
            batch = _Batch(writer, copy, _predictor(estimator, options), options, report)
            messages = read_messages(reader, connections)
            for done, (connection, log_time, data) in enumerate(messages, start=1):
                batch.add_copy(connection, log_time, data)
                if connection.topic == image_topic:
                    read = partial(deserialize, reader, connection, data)
                    batch.add_image(read, log_time, calibrations)
                on_message(done, reader.message_count)
            batch.flush()
            if not report.added:
                reasons = '; '.join(report.skipped) or 'the topic has no images'
                raise ValueError(f"No image on '{image_topic}' became depth: {reasons}")
            _describe(writer, estimator, image_topic, report)
    return report


class _Batch:
    """Messages in the order of time that wait until a batch of images is full."""

    def __init__(
        self,
        writer: BagWriter,
        copy: Callable[..., None],
        predictor: Predictor,
        options: BagDepthOptions,
        report: BagDepthReport,
    ) -> None:
        self._writer, self._copy, self._predictor = writer, copy, predictor
        self._options, self._report = options, report
        self._waiting: list[tuple[Any, ...] | _Frame] = []
        self._bytes = 0

    def add_copy(self, connection: Any, log_time: int, data: bytes) -> None:
        """Take over a message as it is."""
        self._waiting.append((connection, log_time, data))
        self._bytes += len(data)
        if self._bytes > _MAX_WAITING:
            self.flush()

    def add_image(
        self, read: Callable[[], Any], log_time: int, calibrations: _CalibrationsOverTime
    ) -> None:
        """Decode and rectify an image; one that cannot become depth is counted."""
        try:
            message = read()
            rgb = rgb_from_bag_message(message)
            size = rgb.shape[0], rgb.shape[1]
            geometry = calibrations.geometry(size, log_time)
        except (ValueError, cv2.error) as error:
            self._report.skipped[str(error)] += 1
            return
        self._waiting.append(
            _Frame(
                stamp_of(message),
                log_time,
                message.header.frame_id,
                rectify_image(rgb, geometry),
                geometry,
            )
        )
        if sum(isinstance(item, _Frame) for item in self._waiting) >= self._options.batch_size:
            self.flush()

    def flush(self) -> None:
        """Run the network on the waiting images, and write everything in order."""
        frames = [item for item in self._waiting if isinstance(item, _Frame)]
        found = iter(
            self._predictor.batch(
                [frame.rgb for frame in frames], [frame.geometry for frame in frames]
            )
        )
        for item in self._waiting:
            if isinstance(item, _Frame):
                self._write_depth(item, next(found))
            else:
                self._copy(*item)
                self._report.copied += 1
        self._waiting, self._bytes = [], 0

    def _write_depth(self, frame: _Frame, found: ScaledDepth) -> None:
        options, kind = self._options, found.scaling.kind
        self._report.kinds.add(kind)
        notes = (found.scaling.warning, frame.geometry.note)
        self._report.warnings |= {text for text in notes if text}
        wanted = {OUTPUTS[name] for name in options.outputs}
        if DEPTH in wanted:
            wanted.add(RELATIVE)
        arguments = frame.rgb, frame.geometry, wanted
        for rendered in render_outputs(found.depth, kind, *arguments, options):
            self._write(rendered, frame)
        if INFO in wanted:
            self._write_info(frame)
        for rendered in render_rectified(*arguments):
            self._write(rendered, frame)

    def _write(self, rendered: Rendered, frame: _Frame) -> None:
        output, encoding, pixels = rendered
        topic, log_time = self._counted(output), frame.log_time
        header = topic, frame.stamp, frame.frame_id
        if encoding == PACKED_CLOUD:
            self._writer.write_cloud(*header, pixels, _CLOUD_NAMES, log_time_ns=log_time)
        else:
            self._writer.write_image(*header, encoding, pixels, log_time_ns=log_time)

    def _write_info(self, frame: _Frame) -> None:
        self._writer.write_camera_info(
            self._counted(INFO),
            frame.stamp,
            frame.frame_id,
            (frame.rgb.shape[0], frame.rgb.shape[1]),
            frame.geometry.K_out,
            D=[0.0] * 5,
            log_time_ns=frame.log_time,
        )

    def _counted(self, output: str) -> str:
        topic = self._options.topic(output)
        self._report.added[topic] += 1
        return topic


def _read_calibrations(
    reader: AnyReader, image_topic: str, options: BagDepthOptions
) -> _CalibrationsOverTime:
    if options.intrinsics:
        file = Calibrations(f"calibration '{options.intrinsics}'", options.input)
        file.add(read_calibration_file(options.intrinsics))
        return _CalibrationsOverTime(file)
    topic = find_camera_info(reader, image_topic, options.camera_info_topic)
    infos: list[tuple[int, Any]] = []
    for _, log_time, info in read_objects(reader, select_connections(reader, [topic])):
        if not infos or calibration_of(info) != calibration_of(infos[-1][1]):
            infos.append((log_time, info))
    if not infos:
        camera_from_info(None, topic)
    # A camera_info that cannot be used counts only where there is no other.
    usable = [entry for entry in infos if _is_usable(entry[1])] or infos[:1]
    return _CalibrationsOverTime(Calibrations(f"camera_info on '{topic}'", options.input), usable)


def _is_usable(info: Any) -> bool:
    try:
        camera_from_message(info)
    except ValueError:
        return False
    return True


def _predictor(estimator: DepthEstimator, options: BagDepthOptions) -> Predictor:
    return Predictor(estimator, options.depth_scale, options.min_depth, options.max_depth)


def _check_topics(reader: AnyReader, options: BagDepthOptions) -> None:
    new = {options.topic(output) for output in (*OUTPUTS.values(), RELATIVE)}
    taken = sorted(new & set(reader.topics))
    if taken:
        raise ValueError(
            f"The bag holds '{taken[0]}' already. Put the new topics elsewhere, with "
            '--namespace /mono_depth for instance.'
        )


def _describe(
    writer: BagWriter, estimator: DepthEstimator, image_topic: str, report: BagDepthReport
) -> None:
    """Keep in the bag's metadata what its depth is worth."""
    card = estimator.card
    notes = {
        'model': card.name,
        'trained': str(card.is_trained).lower(),
        'image': image_topic,
        'depth_kind': ', '.join(sorted(report.kinds)) or 'none',
        'license_weights': card.license_weights,
    }
    for key, value in notes.items():
        writer.note(f'mono_depth_ros.{key}', value)
