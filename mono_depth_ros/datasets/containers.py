"""Whether a video file is whole, by walking its container; what it announces proves nothing."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from mono_depth_ros.datasets.file_kinds import kind_of

_MP4_NEEDED = (b'moov', b'mdat', b'moof')
# Of Matroska (RFC 9559): what holds everything, and what holds frames.
_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675
_MAX_PARTS = 200_000  # hours of a film that was written in fragments


def find_break(path: Path) -> str:
    """Say what a video file lacks: a part that its container announces and that is not there.

    Returns:
        A clause on the file, '' where nothing is missing or its container does not tell (known:
        MP4 and QuickTime, Matroska and WebM, AVI).
    """
    if not path.is_file():
        return ''
    walk = _WALKS.get(kind_of(path).name)
    if walk is None:
        return ''
    with path.open('rb') as file:
        return walk(file, path.stat().st_size)


def _walk_mp4(file: BinaryIO, size: int) -> str:
    """Walk the boxes: length, type, content (ISO 14496-12, 4.2)."""
    place, kinds = 0, set()
    for _ in range(_MAX_PARTS):
        if size - place < 8:
            return '' if b'moov' in kinds else "it has no box 'moov', which says where frames are"
        file.seek(place)
        head = file.read(16)
        length, kind = int.from_bytes(head[:4], 'big'), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:16], 'big')
        elif length == 0:
            length = size - place
        if length < 8 or not kind.isalnum():
            return ''
        if place + length > size and kind in _MP4_NEEDED:
            return _missing(f"box '{kind.decode()}'", length, size - place)
        kinds.add(kind)
        place += length
    return ''


def _walk_matroska(file: BinaryIO, size: int) -> str:
    """Walk the elements: identifier, length, content (RFC 8794, 4)."""
    place = 0
    for _ in range(_MAX_PARTS):
        file.seek(place)
        head = file.read(12)
        identifier, width = _variable(head, keep_marker=True)
        length, more = _variable(head[width:], keep_marker=False)
        if not width or not more:
            return ''
        place += width + more
        # What is written live has no length: a segment is walked into.
        is_unknown = length == (1 << 7 * more) - 1
        if is_unknown and identifier != _SEGMENT:
            return ''
        if not is_unknown:
            if place + length > size and identifier in (_SEGMENT, _CLUSTER):
                name = 'segment' if identifier == _SEGMENT else 'cluster'
                return _missing(name, length, size - place)
            place += length
    return ''


def _variable(data: bytes, keep_marker: bool) -> tuple[int, int]:
    """Return a number whose leading zero bits say its width, and that width [bytes], or 0, 0."""
    width = 9 - data[0].bit_length() if data else 0
    if not 0 < width < 9 or len(data) < width:
        return 0, 0
    number = int.from_bytes(data[:width], 'big')
    return (number if keep_marker else number & (1 << 7 * width) - 1), width


def _walk_avi(file: BinaryIO, size: int) -> str:
    """Walk the chunks to the lists of frames (AVI RIFF file reference): type, length, content."""
    place, lists = 0, set()
    for _ in range(_MAX_PARTS):
        file.seek(place)
        head = file.read(12)
        kind, length, form = head[:4], int.from_bytes(head[4:8], 'little'), head[8:12]
        if len(head) < 12:
            return '' if b'movi' in lists else "it has no list 'movi', which holds the frames"
        if kind == b'RIFF':
            place += 12
            continue
        if place + 8 + length > size and kind == b'LIST' and form.isalnum():
            return _missing(f"list '{form.decode()}'", length, size - place - 8)
        lists.add(form)
        place += 8 + length + length % 2
    return ''


def _missing(part: str, length: int, there: int) -> str:
    return f'its {part} is to have {length} bytes, of which {there} are there'


_WALKS = {'MP4 or QuickTime': _walk_mp4, 'Matroska or WebM': _walk_matroska, 'AVI': _walk_avi}
