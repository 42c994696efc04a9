"""Open ROS 1 and ROS 2 bags alike, and say what to do when they do not open."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection

from mono_depth_ros.bags.bag_reader import BagReader
from mono_depth_ros.bags.storage_files import (
    EXPECTED,
    MCAP,
    METADATA,
    ROS1,
    SQLITE3,
    ZSTD_MAGIC,
    kind_of,
    readable_storage,
)
from mono_depth_ros.messages.encodings import decode_compressed, decode_image
from mono_depth_ros.suggest import did_you_mean

_LOG = logging.getLogger(__name__)
IMAGE_TYPE, COMPRESSED_TYPE = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'


class DamagedBagError(ValueError):
    """A bag cannot be read; the text names it."""


class CorruptMessageError(ValueError):
    """One message of a bag cannot be read; the text names its topic."""


@contextmanager
def open_bag(path: str | Path) -> Iterator[BagReader]:
    """Open a bag of any kind for reading.

    Args:
        path: a ROS 1 .bag, a ROS 2 bag folder, or one storage file (.mcap, .db3).

    Raises:
        FileNotFoundError: there is no such bag.
        ValueError: the bag is damaged or holds no messages.
    """
    file, left_out = _storage_of(Path(path)), dict[str, str]()
    with ExitStack() as stack:
        reader = _open(file, stack, left_out)
        if not reader.message_count:
            raise ValueError(
                f"Bag '{path}' holds no messages. Was the camera publishing, and on these "
                f'topics, when it was recorded?'
            )
        for topic, reason in sorted(left_out.items()):
            _LOG.warning("'%s' is left out of bag '%s': %s.", topic, path, reason)
        yield reader


def _open(file: Path, stack: ExitStack, left_out: dict[str, str]) -> BagReader:
    try:
        readable = stack.enter_context(readable_storage(file, left_out))
    except PermissionError:
        raise
    except ValueError as error:
        raise DamagedBagError(str(error)) from error
    try:
        reader = BagReader(readable, left_out, file)
        reader.open()
    except PermissionError:
        raise
    except Exception as error:  # a damaged file raises whatever its parser stumbles over
        raise _damaged(file, error) from error
    stack.callback(reader.close)
    return reader


def read_messages(
    reader: AnyReader,
    connections: Sequence[Connection],
    start: int | None = None,
    stop: int | None = None,
) -> Iterator[tuple[Connection, int, bytes]]:
    """Yield (connection, log time [ns], serialised message) in time order, read as needed.

    Raises:
        DamagedBagError: the file cannot be read any further, or its messages are compressed and
            nothing says so.
    """
    if not connections:
        return
    path = getattr(reader, 'source', Path(str(reader.paths[0])))
    try:
        for connection, log_time, data in reader.messages(
            list(connections), start=start, stop=stop
        ):
            if data[:4] == ZSTD_MAGIC:  # no CDR starts so
                raise _compressed(path, connection.topic)
            yield connection, log_time, data
    except DamagedBagError:
        raise
    except Exception as error:  # see open_bag
        raise _damaged(path, error) from error


def deserialize(reader: AnyReader, connection: Connection, data: bytes) -> Any:
    """Turn a serialised message into an object; every reader of bags does it here.

    Raises:
        CorruptMessageError: the data is no message of its topic's type.
    """
    try:
        return reader.deserialize(data, connection.msgtype)
    except Exception as error:  # a cut message raises whatever its parser stumbles over
        reason = str(error) or type(error).__name__
        raise CorruptMessageError(
            f"A message of {len(data)} bytes on '{connection.topic}' cannot be read as "
            f'{connection.msgtype}: {reason}'
        ) from error


def read_objects(
    reader: AnyReader,
    connections: Sequence[Connection],
    start: int | None = None,
    stop: int | None = None,
) -> Iterator[tuple[Connection, int, Any]]:
    """Yield (connection, log time [ns], message) in time order; broken ones are logged.

    Raises:
        CorruptMessageError: none of the messages of a topic can be read.
    """
    good, corrupt = Counter[str](), Counter[str]()
    errors: dict[str, CorruptMessageError] = {}
    for connection, log_time, data in read_messages(reader, connections, start, stop):
        topic = connection.topic
        try:
            message = deserialize(reader, connection, data)
        except CorruptMessageError as error:
            corrupt[topic] += 1
            errors.setdefault(topic, error)
            continue
        good[topic] += 1
        yield connection, log_time, message
    for topic, first in errors.items():
        if not good[topic]:
            raise first
        _LOG.warning("%d broken messages on '%s' skipped: %s.", corrupt[topic], topic, first)


def select_connections(reader: AnyReader, topics: Sequence[str]) -> list[Connection]:
    """Select the connections of some topics, or of all when none is named.

    Raises:
        ValueError: a topic is not in the bag.
    """
    recorded, left_out = sorted(reader.topics), getattr(reader, 'left_out', {})
    for topic in topics:
        if topic in left_out and topic not in recorded:
            raise ValueError(f"Topic '{topic}' cannot be read: {left_out[topic]}.")
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
    """Return the file to read, or the folder with metadata.yaml."""
    if not path.exists():
        raise FileNotFoundError(f"Bag '{path}' does not exist. Expected {EXPECTED}.")
    if path.is_dir() and path.suffix == '.bag':
        raise ValueError(f"Folder '{path}' is named like a ROS 1 file. Rename it without '.bag'.")
    if path.is_file() or (path / METADATA).is_file():
        return path
    files = sorted(file for file in path.iterdir() if file.is_file() and kind_of(file))
    if len(files) == 1:
        return files[0]
    if files:
        raise FileNotFoundError(
            f"Bag '{path}' has no {METADATA} and {len(files)} storage files. Write it with "
            f"'ros2 bag reindex {path}', or name one of the files."
        )
    raise FileNotFoundError(f"Folder '{path}' holds no bag. Expected {EXPECTED}.")


def _compressed(path: Path, topic: str) -> DamagedBagError:
    return DamagedBagError(
        f"Bag '{path}': the messages on '{topic}' are compressed one by one (zstd), which "
        f'only {METADATA} says, and it is not there. Name the folder with its {METADATA}, or '
        f"write it with 'ros2 bag reindex' and set compression_mode: MESSAGE and "
        'compression_format: zstd in it.'
    )


def _damaged(path: Path, error: Exception) -> DamagedBagError:
    reason = (str(error) or type(error).__name__).rstrip('. ')
    return DamagedBagError(f"Bag '{path}' cannot be read: {reason}.{_cure(path)}")


def _cure(path: Path) -> str:
    """Say what often helps a recording of this kind."""
    files = [path] if path.is_file() else sorted(path.iterdir())
    kinds = {kind_of(file) for file in files if file.is_file()}
    if ROS1 in kinds:
        return f" 'rosbag reindex {path}' writes its index anew."
    if MCAP in kinds:
        return " 'mcap doctor' says more about the file, 'mcap recover' saves what is whole."
    if SQLITE3 in kinds:
        return f" 'ros2 bag reindex {path}' writes its {METADATA} anew."
    return ''
