"""The size of a JPEG or PNG, read from its header: what to know before it takes memory."""

from typing import NamedTuple

# Above 8192x4096 and every camera that a robot carries; a decoder takes a few bytes for each.
MAX_PIXELS = 36_000_000

_JPEG, _PNG = b'\xff\xd8', b'\x89PNG\r\n\x1a\n'
_JPEG_END, _JPEG_SCAN, _PNG_END = b'\xff\xd9', b'\xff\xda', b'IEND'
# Start of frame, of every coding: 0xC0 to 0xCF without tables (C4), extensions (C8), (CC).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LONE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})  # without a length behind them


class EncodedSize(NamedTuple):
    """What the header of a compressed image promises."""

    height: int
    width: int
    scans: int


def read_encoded_size(data: bytes) -> EncodedSize | None:
    """Read the size from the header of a JPEG or PNG, decoding nothing.

    Returns:
        Height and width [px] and the number of scans (passes over the image, 1 for a PNG);
        None for a file of another kind, or one that is damaged or whose end is missing.
        OpenCV 4 would fill up a JPEG that was cut off.
    """
    if data.startswith(_PNG):
        return _read_png(data)
    if data.startswith(_JPEG):
        return _read_jpeg(data)
    return None


def _read_png(data: bytes) -> EncodedSize | None:
    """Read the first chunk: length, 'IHDR', width, height, as the standard has it (W3C 11.2.2)."""
    if data[12:16] != b'IHDR' or len(data) < 33 or data.rfind(_PNG_END) < 33:
        return None
    return EncodedSize(_number(data, 20, 4), _number(data, 16, 4), 1)


def _read_jpeg(data: bytes) -> EncodedSize | None:
    """Walk the segments to the start of frame (ITU-T T.81, B.2.2): length, bits, height, width."""
    place = len(_JPEG)
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker in _FRAMES:
            if data.rfind(_JPEG_END) <= data.rfind(_JPEG_SCAN):
                return None
            return EncodedSize(
                _number(data, place + 5, 2), _number(data, place + 7, 2), data.count(_JPEG_SCAN)
            )
        if marker == 0xFF:  # markers may be padded
            place += 1
        elif marker in _LONE_MARKERS:
            place += 2
        else:
            place += 2 + _number(data, place + 2, 2)
    return None


def _number(data: bytes, place: int, length: int) -> int:
    return int.from_bytes(data[place : place + length], 'big')
