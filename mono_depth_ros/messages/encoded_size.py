"""The size of a JPEG or PNG, read from its header: what to know before it takes memory."""

import re
from typing import Any, NamedTuple

# Above 8192x4096 and every camera that a robot carries; a decoder takes a few bytes for each.
MAX_PIXELS = 36_000_000

_JPEG, _PNG = b'\xff\xd8', b'\x89PNG\r\n\x1a\n'
_JPEG_SCAN = b'\xff\xda'
_SCAN_OR_END, _PNG_END = re.compile(b'\xff[\xda\xd9]'), re.compile(b'IEND')
# More scans than this are not counted: whoever reads the size refuses far fewer.
_MAX_COUNTED = 1000
_PNG_TAIL = 64  # where the end of a PNG usually is [bytes]
# Start of frame, of every coding: 0xC0 to 0xCF without tables (C4), extensions (C8), (CC).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LONE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})  # without a length behind them


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
    view = memoryview(data)
    start = bytes(view[:8])
    if start == _PNG:
        return _read_png(view)
    if start.startswith(_JPEG):
        return _read_jpeg(view)
    return None


def is_cut_jpeg(data: Any) -> bool:
    """Say whether this is a JPEG whose end is missing.

    The end of a thumbnail, which sits before the scan of the image itself, is not its end.
    """
    view = memoryview(data)
    return bytes(view[:2]) == _JPEG and not _scans(view)[1]


def _read_png(data: memoryview) -> EncodedSize | None:
    """Read the first chunk: length, 'IHDR', width, height, as the standard has it (W3C 11.2.2)."""
    if bytes(data[12:16]) != b'IHDR' or len(data) < 33:
        return None
    tail = max(33, len(data) - _PNG_TAIL)
    if not (_PNG_END.search(data, tail) or _PNG_END.search(data, 33)):
        return None
    return EncodedSize(_number(data, 20, 4), _number(data, 16, 4), 1)


def _read_jpeg(data: memoryview) -> EncodedSize | None:
    """Walk the segments to the start of frame (ITU-T T.81, B.2.2): length, bits, height, width."""
    offset = len(_JPEG)
    while offset + 9 <= len(data) and data[offset] == 0xFF:
        marker = data[offset + 1]
        if marker in _FRAMES:
            scans, is_whole = _scans(data)
            size = _number(data, offset + 5, 2), _number(data, offset + 7, 2)
            return EncodedSize(*size, scans) if is_whole else None
        if marker == 0xFF:  # markers may be padded
            offset += 1
        elif marker in _LONE_MARKERS:
            offset += 2
        else:
            offset += 2 + _number(data, offset + 2, 2)
    return None


def _scans(data: memoryview) -> tuple[int, bool]:
    """Return how many scans a JPEG has, and whether its end comes behind the last of them."""
    scans, is_whole = 0, False
    for marker in _SCAN_OR_END.finditer(data):
        is_whole = marker[0] != _JPEG_SCAN
        scans += not is_whole
        if scans > _MAX_COUNTED:
            return scans, True
    return scans, is_whole


def _number(data: memoryview, offset: int, length: int) -> int:
    return int.from_bytes(data[offset : offset + length], 'big')
