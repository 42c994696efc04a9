"""What a bag holds for training: stamps of its images, their camera, the way travelled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader

from mono_depth_ros.bags.reader import image_topics, read_objects, select_connections
from mono_depth_ros.geometry.transforms import locate
from mono_depth_ros.messages.calibrations import calibration_of, camera_from_message
from mono_depth_ros.messages.camera_info import CameraModel
from mono_depth_ros.messages.transport import camera_info_beside
from mono_depth_ros.stamps import NANOSECONDS, stamp_of
from mono_depth_ros.suggest import did_you_mean
from mono_depth_ros.types import Matrix

Stamps = NDArray[np.int64]

CAMERA_INFO_TYPE, ODOMETRY_TYPE = 'sensor_msgs/msg/CameraInfo', 'nav_msgs/msg/Odometry'
# Images may be stored a little out of order; further back, a clock was set or a bag joined.
MAX_STEP_BACK = NANOSECONDS


@dataclass(frozen=True, eq=False)
class ImageTrack:
    """The images of one topic.

    Attributes:
        topic: its name.
        stamps: (N,) strictly increasing time of each image [ns].
        log_times: (N,) when it was recorded [ns], by which the bag finds it.
    """

    topic: str
    stamps: Stamps
    log_times: Stamps


@dataclass(frozen=True, eq=False)
class Odometry:
    """Positions over time.

    Attributes:
        stamps: (N,) increasing [ns].
        positions: (N, 3) [m].
    """

    stamps: Stamps
    positions: Matrix

    def distance(self, first: int, second: int) -> float | None:
        """Return how far the robot got between two stamps [m], None where it is not known."""
        positions = [self._position(stamp) for stamp in (first, second)]
        if positions[0] is None or positions[1] is None:
            return None
        return float(np.linalg.norm(positions[1] - positions[0]))

    def _position(self, stamp: int) -> Matrix | None:
        found = locate(self.stamps, stamp)
        if found is None:
            return None
        index, share = found
        if share == 0:
            return np.asarray(self.positions[index], float)
        return np.asarray((1 - share) * self.positions[index] + share * self.positions[index + 1])


@dataclass(eq=False)
class BagIndex:
    """What one pass over some topics of a bag found.

    Attributes:
        images: by topic.
        cameras: by camera_info topic.
        odometry: where it was asked for.
    """

    images: dict[str, ImageTrack] = field(default_factory=dict)
    cameras: dict[str, CameraModel] = field(default_factory=dict)
    odometry: Odometry | None = None


def choose_image_topic(reader: AnyReader, wanted: str | None) -> str:
    """Return the wanted image topic, or the only one there is.

    Raises:
        ValueError: no such topic, no images, or several topics and none chosen.
    """
    counts = image_topics(reader)
    listed = ', '.join(sorted(counts)) or 'no image topic'
    if wanted is not None and wanted not in counts:
        hint = did_you_mean(wanted, counts)
        raise ValueError(f"'{wanted}' is not an image topic of the bag.{hint} It holds: {listed}.")
    if wanted is None and len(counts) != 1:
        cure = 'Choose one (image_topic, --image).' if counts else 'Record the camera.'
        raise ValueError(f'One image topic is needed, the bag holds: {listed}. {cure}')
    return wanted or next(iter(counts))


def find_camera_info(reader: AnyReader, image_topic: str, wanted: str | None) -> str:
    """Return the camera_info topic that is wanted, or the one beside the images.

    Raises:
        ValueError: it is not in the bag; says what to do.
    """
    topic = wanted or camera_info_beside(image_topic)
    known = sorted(
        name for name, info in reader.topics.items() if info.msgtype == CAMERA_INFO_TYPE
    )
    if topic not in known:
        raise ValueError(
            f"'{topic}' is not a camera_info topic of the bag. It holds: "
            f'{", ".join(known) or "none"}. Name one with camera_info_topic, or give the '
            'intrinsics by a YAML file of camera_calibration.'
        )
    return topic


def index_bag(
    reader: AnyReader,
    image_topics: Sequence[str],
    info_topics: Sequence[str],
    odometry_topic: str | None = None,
    stamps: str = 'header',
    takers: Mapping[str, Callable[[Any], None]] | None = None,
) -> BagIndex:
    """Read stamps, calibrations, positions and what else is wanted, in one pass.

    Args:
        reader: an open bag.
        image_topics: of sensor_msgs Image or CompressedImage.
        info_topics: of sensor_msgs CameraInfo.
        odometry_topic: of nav_msgs Odometry.
        stamps: 'header', or 'log' for the times of recording where headers have none.
        takers: what else takes messages, by topic, such as transforms and poses.

    Raises:
        ValueError: a topic is missing or of the wrong kind, the calibration is unusable or
            changes, stamps are missing or run backwards.
    """
    if stamps not in ('header', 'log'):
        raise ValueError(f"stamps is '{stamps}'; expected 'header' or 'log'.")
    if odometry_topic in reader.topics:
        kind = reader.topics[odometry_topic].msgtype
        if kind != ODOMETRY_TYPE:
            raise ValueError(f"'{odometry_topic}' carries {kind}, expected {ODOMETRY_TYPE}.")
    topics = [*image_topics, *info_topics, *([odometry_topic] if odometry_topic else [])]
    takers = takers or {}
    wanted = [*topics, *takers]
    connections = select_connections(reader, wanted) if wanted else []
    times: dict[str, list[tuple[int, int]]] = {topic: [] for topic in topics}
    infos: dict[str, Any] = {}
    positions = []
    for connection, log_time, message in read_objects(reader, connections):
        topic = connection.topic
        if topic in takers:
            takers[topic](message)
            continue
        if topic in info_topics:
            _check_constant(infos.setdefault(topic, message), message, topic)
            continue
        times[topic].append((stamp_of(message) if stamps == 'header' else log_time, log_time))
        if topic == odometry_topic:
            positions.append(_position_of(message))
    index = BagIndex({topic: _track(topic, times[topic]) for topic in image_topics})
    index.cameras = {topic: camera_from_info(infos.get(topic), topic) for topic in info_topics}
    if odometry_topic:
        index.odometry = _odometry(odometry_topic, times[odometry_topic], positions)
    return index


def _track(topic: str, times: list[tuple[int, int]]) -> ImageTrack:
    if not times:
        raise ValueError(f"Topic '{topic}' has no images. Was the camera publishing?")
    stamps, first = _in_order(topic, times)
    return ImageTrack(topic, stamps, np.array(times, np.int64)[first, 1])


def _odometry(topic: str, times: list[tuple[int, int]], positions: list[Any]) -> Odometry:
    if not times:
        raise ValueError(f"Topic '{topic}' has no messages. Was odometry running?")
    stamps, first = _in_order(topic, times)
    return Odometry(stamps, np.array(positions, float)[first])


def _in_order(topic: str, times: list[tuple[int, int]]) -> tuple[Stamps, NDArray[np.intp]]:
    """Return the distinct stamps in increasing order, and where each is found first."""
    stamps = np.array(times, np.int64)[:, 0]
    _check_order(topic, stamps)
    return np.unique(stamps, return_index=True)


def _check_order(topic: str, stamps: Stamps) -> None:
    if not stamps.all():
        raise ValueError(
            f"Messages on '{topic}' have no stamp (0 in their header). Set "
            "stamps='log' to use the times at which they were recorded."
        )
    steps = np.diff(stamps)
    if steps.size and steps.min() < -MAX_STEP_BACK:
        at = int(steps.argmin())
        raise ValueError(
            f"Stamps on '{topic}' run {-steps[at] / NANOSECONDS:.1f} s backwards after message "
            f'{at + 1}: a clock was set, or two recordings share the bag. Split the bag there, or '
            "set stamps='log'."
        )


def _check_constant(first: Any, message: Any, topic: str) -> None:
    if first is not message and calibration_of(first) != calibration_of(message):
        seconds = (stamp_of(message) - stamp_of(first)) / NANOSECONDS
        raise ValueError(
            f"The calibration on '{topic}' changes {seconds:.1f} s after its first "
            'message: a zoom, or two cameras on one topic. Split the bag there.'
        )


def camera_from_info(info: Any, topic: str) -> CameraModel:
    """Read a deserialised CameraInfo, None where there was none.

    Raises:
        ValueError: there is none, or it cannot be right; names the topic.
    """
    if info is None:
        raise ValueError(
            f"Topic '{topic}' has no messages. Give the intrinsics by a YAML file of "
            'camera_calibration.'
        )
    try:
        return camera_from_message(info)
    except ValueError as error:
        raise ValueError(f"camera_info on '{topic}': {error}") from error


def _position_of(message: Any) -> tuple[float, float, float]:
    position = message.pose.pose.position
    return position.x, position.y, position.z
