"""Open ROS 1 and ROS 2 bags alike, and say what to do when they do not open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection
from rosbags.typesys import Stores, get_typestore

from mono_depth_ros.messages.encodings import decode_compressed, decode_image
from mono_depth_ros.suggest import did_you_mean

STORAGE_SUFFIXES = ('.mcap', '.db3')
EXPECTED = 'a ROS 1 file (.bag), a ROS 2 folder with metadata.yaml, or a single .mcap or .db3 file'
IMAGE_TYPE, COMPRESSED_TYPE = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'


class DamagedBagError(ValueError):
    """A bag cannot be read; the text names it."""


@contextmanager
def open_bag(path: str | Path) -> Iterator[AnyReader]:
    """Open a bag of any kind for reading.

    Args:
        path: a ROS 1 .bag, a ROS 2 bag folder, or one storage file (.mcap, .db3).

    Raises:
        FileNotFoundError: there is no such bag.
        ValueError: the bag is damaged or holds no messages.
    """
    file = _storage_of(Path(path))
    # Bags of Humble and older (sqlite3) carry no definitions of their message types.
    reader = AnyReader([file], default_typestore=get_typestore(Stores.ROS2_HUMBLE))
    try:
        reader.open()
    except PermissionError:
        raise
    except Exception as error:  # a damaged file raises whatever its parser stumbles over
        raise _damaged(file, error) from error
    try:
        if not reader.message_count:
            raise ValueError(
                f"Bag '{path}' holds no messages. Was the camera publishing, and on these "
                f'topics, when it was recorded?'
            )
        yield reader
    finally:
        reader.close()


def read_messages(
    reader: AnyReader,
    connections: Sequence[Connection],
    start: int | None = None,
    stop: int | None = None,
) -> Iterator[tuple[Connection, int, bytes]]:
    """Yield (connection, log time [ns], serialised message) in time order, read as needed."""
    if not connections:
        return
    try:
        yield from reader.messages(list(connections), start=start, stop=stop)
    except Exception as error:  # see open_bag
        raise _damaged(Path(str(reader.paths[0])), error) from error


def select_connections(reader: AnyReader, topics: Sequence[str]) -> list[Connection]:
    """Select the connections of some topics, or of all when none is named.

    Raises:
        ValueError: a topic is not in the bag.
    """
    recorded = sorted(reader.topics)
    for topic in topics:
        if topic not in recorded:
            hint = did_you_mean(topic, recorded)
            raise ValueError(
                f"Topic '{topic}' is not in the bag.{hint} It holds: {', '.join(recorded)}."
            )
    return [c for c in reader.connections if not topics or c.topic in topics]


def undefined_types(reader: AnyReader) -> dict[str, str]:
    """Return the topics whose message type nobody here knows, with the type.

    Bags of Humble and older carry no definitions, so those of a robot's own packages are missing.
    """
    return {
        c.topic: c.msgtype
        for c in reader.connections
        if c.msgtype not in reader.typestore.fielddefs
    }


def image_topics(reader: AnyReader) -> dict[str, int]:
    """Return the topics with raw or compressed images, and how many there are on each."""
    return {
        topic: info.msgcount
        for topic, info in reader.topics.items()
        if info.msgtype in (IMAGE_TYPE, COMPRESSED_TYPE)
    }


def rgb_from_bag_message(message: Any) -> NDArray[np.uint8]:
    """Decode a deserialised Image or CompressedImage to (H, W, 3) uint8 RGB.

    Raises:
        ValueError: the data does not fit the header, or the encoding is not supported.
    """
    if message.__msgtype__ == COMPRESSED_TYPE:
        return decode_compressed(message.data, message.format)
    return decode_image(
        message.data,
        (message.height, message.width),
        message.encoding,
        message.step,
        bool(message.is_bigendian),
    )


def _storage_of(path: Path) -> Path:
    if not path.exists():
        raise FileNotFoundError(f"Bag '{path}' does not exist. Expected {EXPECTED}.")
    if path.is_file():
        if path.suffix not in ('.bag', *STORAGE_SUFFIXES):
            raise ValueError(f"'{path}' is not a bag. Expected {EXPECTED}.")
        return path
    if path.suffix == '.bag':
        raise ValueError(f"Folder '{path}' is named like a ROS 1 file. Rename it without '.bag'.")
    if (path / 'metadata.yaml').exists():
        return path
    files = sorted(file for file in path.iterdir() if file.suffix in STORAGE_SUFFIXES)
    if len(files) == 1:
        return files[0]
    if files:
        raise FileNotFoundError(
            f"Bag '{path}' has no metadata.yaml and {len(files)} storage files. Write it with "
            f"'ros2 bag reindex {path}', or name one of the files."
        )
    raise FileNotFoundError(f"Folder '{path}' holds no bag. Expected {EXPECTED}.")


def _damaged(path: Path, error: Exception) -> DamagedBagError:
    cure = 'rosbag reindex' if path.suffix == '.bag' else 'ros2 bag reindex'
    if path.suffix == '.mcap':
        cure = 'mcap recover'
    reason = str(error) or type(error).__name__
    return DamagedBagError(
        f"Bag '{path}' cannot be read: {reason} It may be cut off or was not closed: try "
        f"'{cure} {path}', or copy it again."
    )
