"""What a recording's files are, by their content: suffixes and metadata may say otherwise."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

MCAP, SQLITE3, ROS1, ZSTD = 'mcap', 'sqlite3', 'ROS 1', 'zstd'
ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'
_MAGIC = {
    b'\x89MCAP0\r\n': MCAP,
    b'SQLite format 3\0': SQLITE3,
    b'#ROSBAG V': ROS1,
    ZSTD_MAGIC: ZSTD,
}
SUFFIXES = {MCAP: '.mcap', SQLITE3: '.db3', ROS1: '.bag'}
METADATA = 'metadata.yaml'
_LFS = b'version https://git-lfs'
_HEAD = 200  # bytes that hold every magic number and an MCAP file's header
_PAGE_COUNT = slice(28, 32)  # of a SQLite file's header
EXPECTED = 'a ROS 1 file (.bag), a ROS 2 folder with metadata.yaml, or a single .mcap or .db3 file'


def kind_of(path: Path) -> str:
    """Return 'mcap', 'sqlite3', 'ROS 1' or 'zstd' by a file's first bytes; '' for none of them."""
    return _kind(_head(path))


def check_file(path: Path) -> str:
    """Refuse a file that is not a whole recording that can be read.

    Returns:
        Its kind, see `kind_of`.

    Raises:
        ValueError: what the file is instead, and what to do.
    """
    head, size = _head(path), path.stat().st_size
    kind = _kind(head)
    if not size:
        raise ValueError(f"'{path}' is not a bag but an empty file. Expected {EXPECTED}.")
    if head.startswith(_LFS):
        raise ValueError(f"Bag '{path}' is a Git LFS pointer. Fetch the file with 'git lfs pull'.")
    if kind == ZSTD:
        raise ValueError(
            f"Bag '{path}' is compressed as a whole: run 'zstd -d {path}' first, or name the "
            f'folder with its {METADATA}.'
        )
    if not kind:
        start = head[:8].hex(' ')
        raise ValueError(f"'{path}' is not a bag (starts with {start}). Expected {EXPECTED}.")
    if kind == MCAP:
        _check_mcap(path, head)
    elif kind == SQLITE3:
        _check_sqlite(path, head, size)
    return kind


def _check_mcap(path: Path, head: bytes) -> None:
    """Read the header and the closing magic number (the MCAP specification, File)."""
    profile = _profile(head)
    if profile not in (None, 'ros2'):
        raise ValueError(
            f"Bag '{path}' is an MCAP file of profile '{profile}', not 'ros2': its messages are "
            'not those of ROS 2. Name the ROS 1 .bag that it was made from, or convert that one '
            "with 'rosbags-convert'."
        )
    with path.open('rb') as file:
        file.seek(max(0, path.stat().st_size - 8))
        end = file.read()
    if end != head[:8]:
        raise ValueError(
            f"Bag '{path}' cannot be read: it has no end, because recording was interrupted or a "
            f"copy is incomplete. Run 'mcap recover {path} -o recovered.mcap' and name the "
            'result.'
        )


def _profile(head: bytes) -> str | None:
    """Return the profile in an MCAP header: opcode 1, length (8), length of the string (4)."""
    if len(head) < 21 or head[8] != 1:
        return None
    (length,) = struct.unpack_from('<I', head, 17)
    return head[21 : 21 + length].decode('utf-8', 'replace')


def _check_sqlite(path: Path, head: bytes, size: int) -> None:
    """Compare the size with the number of pages in the header (SQLite file format, 1.3)."""
    if len(head) < _PAGE_COUNT.stop:
        raise ValueError(f"Bag '{path}' breaks off in its header. Copy it again.")
    page = int.from_bytes(head[16:18], 'big')
    pages = int.from_bytes(head[_PAGE_COUNT], 'big')
    expected = (65536 if page == 1 else page) * pages
    if size < expected:
        raise ValueError(
            f"Bag '{path}' cannot be read: it has {size} bytes, its header says {expected}. Copy "
            "it again, or save what is left with 'sqlite3 … .recover'."
        )


@contextmanager
def readable_storage(path: Path, left_out: dict[str, str]) -> Iterator[Path]:
    """Give the path under which rosbags can read a recording.

    Where a file's suffix or the folder's metadata do not say what lies there, or metadata names
    topics that are not serialised as CDR, that is a folder of links with what is right.

    Args:
        path: a file, or a folder with metadata.yaml.
        left_out: receives the topics that rosbags would refuse the bag for, with the reason.

    Raises:
        ValueError: a file is not a whole recording; says what to do.
    """
    if path.is_dir():
        metadata = _right_metadata(path, left_out)
        if metadata is None:
            yield path
            return
        with TemporaryDirectory(prefix='bag_') as folder:
            _link(path, Path(folder), metadata)
            yield Path(folder)
        return
    suffix = SUFFIXES[check_file(path)]
    if path.suffix == suffix:
        yield path
        return
    with TemporaryDirectory(prefix='bag_') as folder:
        link = Path(folder, path.name + suffix)
        link.symlink_to(path.resolve())
        yield link


def _right_metadata(path: Path, left_out: dict[str, str]) -> dict[str, Any] | None:
    """Return metadata that rosbags can read, or None where it can already.

    What is missing or wrong in it otherwise is left to rosbags, which names it.
    """
    try:
        content = yaml.safe_load((path / METADATA).read_text(encoding='utf-8'))
        info = content['rosbag2_bagfile_information']
        files = [path / Path(name).name for name in info['relative_file_paths']]
        topics = info['topics_with_message_count']
        foreign = {
            topic['topic_metadata']['name']: topic['topic_metadata']['serialization_format']
            for topic in topics
            if topic['topic_metadata']['serialization_format'] != 'cdr'
        }
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
        return None
    kinds = set()
    for file in files:
        if file.is_file() and kind_of(file) != ZSTD:
            kinds.add(check_file(file))
    storage = info.get('storage_identifier')
    is_right = len(kinds) != 1 or kinds == {storage}
    if is_right and not foreign:
        return None
    left_out.update({name: f'serialised as {form}, not as CDR' for name, form in foreign.items()})
    info['topics_with_message_count'] = [
        topic for topic in topics if topic['topic_metadata']['name'] not in foreign
    ]
    if not is_right:
        info['storage_identifier'] = kinds.pop()
    return dict(content)


def _link(path: Path, folder: Path, metadata: dict[str, Any]) -> None:
    (folder / METADATA).write_text(yaml.safe_dump(metadata), encoding='utf-8')
    for file in path.iterdir():
        if file.name != METADATA:
            (folder / file.name).symlink_to(file.resolve())


def _kind(head: bytes) -> str:
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), '')


def _head(path: Path) -> bytes:
    with path.open('rb') as file:
        return file.read(_HEAD)
