"""The size of a JPEG or PNG, and whether it is whole: what to know before it takes memory."""

import re
from typing import Any, NamedTuple

# Above 8192x4096 and every camera that a robot carries; a decoder takes a few bytes for each.
MAX_PIXELS = 36_000_000

_JPEG, _PNG = b'\xff\xd8', b'\x89PNG\r\n\x1a\n'
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_MARKER = re.compile(b'\xff([^\x00\xff])', re.DOTALL)
# What may follow a scan: tables, segments, another scan, the end. FF 00 and the restart markers
# D0 to D7 belong to it, and what else its bytes spell is damage that decoders skip.
_AFTER_SCAN = re.compile(b'\xff([\xc4\xcc\xd8-\xdd\xe0-\xef\xfe])')
# Start of frame, of every coding: 0xC0 to 0xCF without tables (C4), extensions (C8), (CC).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LONE_MARKERS = frozenset({0x01, *range(0xD0, 0xD8)})  # without a length behind them
# More scans than this are not counted: whoever reads the size refuses far fewer.
_MAX_COUNTED = 1000
# Far above any real file: 64 KiB segments for a JPEG of 256 MiB, and chunks of 4 KiB for a PNG.
_MAX_SEGMENTS, _MAX_CHUNKS = 4096, 65536


class EncodedSize(NamedTuple):
    """What the header of a compressed image promises."""

    height: int
    width: int
    scans: int


def read_encoded_size(data: Any) -> EncodedSize | None:
    """Read the size from the header of a JPEG or PNG, decoding and copying nothing.

    Args:
        data: bytes, or whatever else is a buffer of bytes: an array, a memoryview.

    Returns:
        Height and width [px] and the number of scans (passes over the image, 1 for a PNG);
        None for a file of another kind, or one that is damaged or whose end is missing.
        OpenCV 4 would fill up a JPEG that was cut off.
    """
    size, fault = _walk(data)
    return None if fault else size


def find_cut(data: Any) -> str:
    """Say what a JPEG or PNG lacks of its end, '' where it is whole or a file of another kind.

    Its segments and scans are walked: neither the end of a thumbnail within a segment nor that of
    what lies behind the picture (a film, a second picture) is taken for its own.
    """
    return _walk(data)[1]


def _walk(data: Any) -> tuple[EncodedSize | None, str]:
    """Return the size of a JPEG or PNG, None for another file, and what is wrong, or ''."""
    view = memoryview(data)
    start = bytes(view[:8])
    if start == _PNG:
        return _walk_png(view)
    if start.startswith(_JPEG):
        return _walk_jpeg(view)
    return None, ''


def _walk_png(data: memoryview) -> tuple[EncodedSize | None, str]:
    """Walk the chunks: length, type, content, checksum, as the standard has it (W3C 5.3)."""
    if bytes(data[12:16]) != b'IHDR' or len(data) < 33:
        return None, 'its header (IHDR) is not whole'
    size = EncodedSize(_number(data, 20, 4), _number(data, 16, 4), 1)
    place = len(_PNG)
    for _ in range(_MAX_CHUNKS):
        if bytes(data[place + 4 : place + 8]) == b'IEND':
            return size, ''
        place += 12 + _number(data, place, 4)
        if place >= len(data):
            return size, 'its last chunk (IEND) is missing'
    return size, f'it has more than {_MAX_CHUNKS} chunks'


def _walk_jpeg(data: memoryview) -> tuple[EncodedSize | None, str]:
    """Walk segments and scans to the end of the image (ITU-T T.81, B.1 and B.2)."""
    if bytes(data[2:3]) != b'\xff':
        return None, 'no marker follows its start'
    frame, scans, place, pattern = (0, 0), 0, len(_JPEG), _MARKER
    for _ in range(_MAX_SEGMENTS):
        found = pattern.search(data, place)
        if found is None:
            return None, 'its end (FF D9) is missing'
        marker, place, pattern = found[1][0], found.end(), _MARKER
        if marker == _END or scans > _MAX_COUNTED:
            return EncodedSize(*frame, scans), '' if scans and any(
                frame
            ) else 'it ends without an image'
        if marker == _START:
            return None, 'another picture starts (FF D8) before its end (FF D9)'
        if marker in _LONE_MARKERS:
            continue
        if marker in _FRAMES:  # length, bits, height, width
            frame = _number(data, place + 3, 2), _number(data, place + 5, 2)
        if marker == _SCAN:
            scans, pattern = scans + 1, _AFTER_SCAN
        place += _number(data, place, 2)
    return None, f'it has more than {_MAX_SEGMENTS} segments'


def _number(data: memoryview, offset: int, length: int) -> int:
    return int.from_bytes(data[offset : offset + length], 'big')
