"""The demo's input: a clip of KITTI where it is at hand, the user's own bag, or the street."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rclpy.qos import ReliabilityPolicy
from tqdm import tqdm

from mono_depth_ros.bags.reader import (
    COMPRESSED_TYPE,
    IMAGE_TYPE,
    image_topics,
    open_bag,
    read_objects,
)
from mono_depth_ros.bags.writer import BagWriter
from mono_depth_ros.datasets.kitti.drive import STAMP_FILE, camera_folder
from mono_depth_ros.datasets.kitti.options import KittiBagOptions
from mono_depth_ros.datasets.kitti.to_bag import write_drive
from mono_depth_ros.datasets.street.raycast import Street, render_frame
from mono_depth_ros.messages.transport import COMPRESSED, camera_info_beside
from mono_depth_ros.ros.replay.bag_player import recorded_qos

KITTI_DRIVE = Path('kitti/test/2011_09_26/2011_09_26_drive_0052_sync')
CAMERA, CLIP_HZ = 2, 10.0
STREET_START_NS = 1_000_000_000_000_000_000
PERIOD_NS = 100_000_000
IMAGE_TOPIC = '/camera/image_raw'
INFO_TOPIC = '/camera/camera_info'
FRAME_ID = 'camera_optical_frame'
WIDE = 800


@dataclass(frozen=True)
class DemoClip:
    """What is replayed into the node.

    Attributes:
        bag: the bag's path.
        image_topic: the recorded image topic.
        topics: the recorded topics to play: the image and, where there is one, its camera_info.
        frames: images on the topic.
        width: the images' width [px]; 0 when they are compressed.
        title: what the pictures show, in words.
        reliable: whether the images are published reliably.
    """

    bag: Path
    image_topic: str
    topics: tuple[str, ...]
    frames: int
    width: int
    title: str
    reliable: bool = True

    @property
    def is_compressed(self) -> bool:
        """Whether the images are JPEG or PNG."""
        return self.image_topic.endswith(COMPRESSED)

    @property
    def cloud_stride(self) -> int:
        """Every n-th pixel becomes a point: enough for a picture, and light to record."""
        return 2 if self.width > WIDE else 1

    @property
    def base_topic(self) -> str:
        """The image topic as the node takes it: without the transport's suffix."""
        return self.image_topic.removesuffix(COMPRESSED)


def find_kitti_drive(data: Path) -> Path | None:
    """Return the folder of KITTI's drive 0052 under a data folder, where it is there."""
    drive = data / KITTI_DRIVE
    return drive if (drive / 'image_02').is_dir() else None


def write_kitti_bag(drive: Path, path: Path) -> None:
    """Write the left color camera of a KITTI drive, at 10 Hz where it has no timestamps."""
    has_stamps = (drive / camera_folder(CAMERA) / STAMP_FILE).exists()
    options = KittiBagOptions((CAMERA,), rate=None if has_stamps else CLIP_HZ, cameras_only=True)
    with _progress() as bar:

        def advance(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        write_drive(drive, path, options, advance)


def write_street_bag(path: Path, count: int, size: tuple[int, int]) -> None:
    """Write a drive along the synthetic street; size is (H, W)."""
    with BagWriter(path) as bag, _progress(count) as bar:
        for index in range(count):
            frame, stamp = render_frame(Street(), index, size), STREET_START_NS + index * PERIOD_NS
            bag.write_camera_info(INFO_TOPIC, stamp, FRAME_ID, size, frame.K)
            bag.write_image(IMAGE_TOPIC, stamp, FRAME_ID, 'rgb8', frame.image)
            bar.update()


def inspect_bag(path: Path, image_topic: str | None, title: str) -> DemoClip:
    """Find the images of a bag and what belongs to them.

    Args:
        path: any bag that `replay_bag` plays.
        image_topic: the topic to use; may be left out when the bag has only one.
        title: what the pictures show, in words.

    Raises:
        ValueError: no such topic, no image topic, or several and none chosen.
    """
    with open_bag(path) as reader:
        counts = image_topics(reader)
        topic = _chosen_topic(path, counts, image_topic)
        info_topic = camera_info_beside(topic)
        topics = tuple(name for name in (topic, info_topic) if name in reader.topics)
        connections = [c for c in reader.connections if c.topic == topic]
        connection = connections[0]
        reliable = recorded_qos(connections).reliability == ReliabilityPolicy.RELIABLE
        _, _, first = next(read_objects(reader, [connection]))
    width = getattr(first, 'width', 0)
    return DemoClip(path, topic, topics, counts[topic], width, title, reliable)


def _progress(total: int | None = None) -> tqdm[Any]:
    return tqdm(total=total, desc='Writing the bag', unit=' images', disable=None)


def _chosen_topic(path: Path, counts: dict[str, int], wanted: str | None) -> str:
    listed = ', '.join(sorted(counts))
    if not counts:
        raise ValueError(f"Bag '{path}' holds no images ({IMAGE_TYPE} or {COMPRESSED_TYPE}).")
    if wanted is None and len(counts) > 1:
        raise ValueError(f'Several image topics, choose one with IMAGE_TOPIC=…: {listed}.')
    topic = wanted or next(iter(counts))
    if topic not in counts:
        raise ValueError(f"'{topic}' is not an image topic of the bag. It holds: {listed}.")
    return topic
