"""Image of image messages ↔ arrays, without ROS."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.messages.encoded_size import MAX_PIXELS, find_cut, read_encoded_size
from mono_depth_ros.types import Image

Buffer = Any  # whatever np.frombuffer reads: bytes, array('B'), memoryview, a uint8 array


_MAX_SCANS = 64  # of a progressive JPEG, each of which costs as much as a whole image


class UnsupportedEncodingError(ValueError):
    """The encoding of an image is not one that we decode."""


class TooLargeError(ValueError):
    """The image has more pixels than it may; nothing of it was decoded."""


@dataclass(frozen=True)
class _Layout:
    """How an encoding lays out its pixels; `code` turns the array into RGB."""

    channels: int
    code: int | None
    bytes_per_value: int = 1
    chroma_rows: bool = False  # half as many rows again, with interleaved U and V
    even: str = ''  # which of 'width' and 'height' must be even


# OpenCV 4 and 5 name a mosaic by its second row, ROS by its first: ROS's RGGB is OpenCV's BG.
_MOSAICS = {
    'rggb': cv2.COLOR_BayerBG2RGB,
    'bggr': cv2.COLOR_BayerRG2RGB,
    'gbrg': cv2.COLOR_BayerGR2RGB,
    'grbg': cv2.COLOR_BayerGB2RGB,
}
_LAYOUTS = {
    'rgb8': _Layout(3, None),
    'bgr8': _Layout(3, cv2.COLOR_BGR2RGB),
    'rgba8': _Layout(4, cv2.COLOR_RGBA2RGB),
    'bgra8': _Layout(4, cv2.COLOR_BGRA2RGB),
    'mono8': _Layout(1, cv2.COLOR_GRAY2RGB),
    'rgb16': _Layout(3, None, 2),
    'bgr16': _Layout(3, cv2.COLOR_BGR2RGB, 2),
    'mono16': _Layout(1, cv2.COLOR_GRAY2RGB, 2),
    **{f'bayer_{name}8': _Layout(1, code) for name, code in _MOSAICS.items()},
    **{f'bayer_{name}16': _Layout(1, code, 2) for name, code in _MOSAICS.items()},
    # Video range BT.601. ROS's plain yuv422 starts with U.
    'yuv422': _Layout(2, cv2.COLOR_YUV2RGB_UYVY, even='width'),
    'uyvy': _Layout(2, cv2.COLOR_YUV2RGB_UYVY, even='width'),
    'yuv422_yuy2': _Layout(2, cv2.COLOR_YUV2RGB_YUY2, even='width'),
    'yuyv': _Layout(2, cv2.COLOR_YUV2RGB_YUY2, even='width'),
    'nv12': _Layout(1, cv2.COLOR_YUV2RGB_NV12, chroma_rows=True, even='width height'),
    'nv21': _Layout(1, cv2.COLOR_YUV2RGB_NV21, chroma_rows=True, even='width height'),
}
SUPPORTED_ENCODINGS: tuple[str, ...] = tuple(_LAYOUTS)

_MAX_UINT16 = 65535
# mono16 is what drivers call 16UC1 that know no better name; nobody else sends it as depth.
_DEPTH_TYPES = {'32FC1': 'f4', '16UC1': 'u2', 'mono16': 'u2'}
_FLAGS = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
_DEPTH_HEADER, _PNG = 12, b'\x89PNG'


def decode_image(
    data: Buffer,
    size: tuple[int, int],
    encoding: str,
    step: int,
    is_bigendian: bool,
    max_pixels: int = MAX_PIXELS,
) -> Image:
    """Decode the data of an image message.

    Args:
        data: the bytes of the message.
        size: (height, width) [px].
        encoding: one of `SUPPORTED_ENCODINGS`.
        step: bytes from one row to the next, padding included.
        is_bigendian: byte order of 16-bit values.
        max_pixels: the most that an image may have [px].

    Returns:
        (H, W, 3) uint8 RGB, contiguous; for unpadded rgb8 a view of data.

    Raises:
        UnsupportedEncodingError: another encoding.
        TooLargeError: more than `max_pixels`.
        ValueError: size, step and length of data do not fit together.
    """
    layout = _LAYOUTS.get(encoding)
    if layout is None:
        raise UnsupportedEncodingError(
            f"Image encoding '{encoding}' is not supported. "
            f'Supported: {", ".join(SUPPORTED_ENCODINGS)}.'
        )
    _check_pixels(f'{encoding} image', size, max_pixels)
    rows = _pixel_rows(np.frombuffer(data, np.uint8), size, encoding, step, layout)
    pixels: NDArray[Any] = rows.reshape(len(rows), size[1], -1)
    if layout.bytes_per_value == 2:
        values = pixels.view('>u2' if is_bigendian else '<u2')
        pixels = np.ascontiguousarray(values, np.uint16)
    if layout.code is not None:
        pixels = cv2.cvtColor(pixels, layout.code)
    return np.ascontiguousarray(_eight_bits(pixels))


def decode_compressed(data: Buffer, format_: str = '', max_pixels: int = MAX_PIXELS) -> Image:
    """Decode the data of a compressed image message: a JPEG or a PNG.

    Args:
        data: the bytes of the message.
        format_: its format, such as 'bayer_rggb8; jpeg compressed ': the first word is the
            encoding of the image before it was compressed, as compressed_image_transport writes
            it. A gray image of a mosaic is demosaiced; one that has colours was already.
        max_pixels: the most that an image may have [px], by its header, before it is decoded.

    Returns:
        (H, W, 3) uint8 RGB. The orientation that a JPEG may state is left alone: the camera's
        calibration holds for the pixels as they are.

    Raises:
        TooLargeError: more than `max_pixels`, or scans without end.
        ValueError: no JPEG or PNG, damaged, or cut off.
    """
    encoded = np.frombuffer(data, np.uint8)
    promised = read_encoded_size(encoded)
    if promised is None:
        raise _undecodable(encoded)
    _check_pixels('Compressed image', promised[:2], max_pixels)
    if promised.scans > _MAX_SCANS:
        raise TooLargeError(
            f'Compressed image has {promised.scans} scans; expected at most '
            f'{_MAX_SCANS}. It is damaged, or made to take the decoder hours.'
        )
    mosaic = _mosaic_code(format_)
    pixels = cv2.imdecode(encoded, _FLAGS if mosaic is None else cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise _undecodable(encoded)
    if mosaic is not None and pixels.ndim == 2:
        return _eight_bits(cv2.cvtColor(pixels, mosaic))
    # Without an alpha channel, which only IMREAD_UNCHANGED keeps.
    bgr = np.ascontiguousarray(pixels[..., :3])
    return np.asarray(cv2.cvtColor(_eight_bits(bgr), cv2.COLOR_BGR2RGB), np.uint8)


def _mosaic_code(format_: str) -> int | None:
    """Return how OpenCV demosaics what a compressed image was before, or None for no mosaic."""
    encoding = format_.partition(';')[0].strip()
    return _LAYOUTS[encoding].code if encoding in _LAYOUTS and 'bayer' in encoding else None


def encode_depth(depth: NDArray[np.float32], encoding: str) -> NDArray[Any]:
    """Encode depth (H, W) [m] as an image message's pixels, little endian.

    32FC1 is metres, untouched. 16UC1 is millimetres, rounded, 0 where depth is NaN, infinite,
    not positive or above 65.535 m.
    """
    if encoding == '32FC1':
        return np.ascontiguousarray(depth, '<f4')
    if encoding == '16UC1':
        return depth_as_uint16(depth, 1000)
    raise ValueError(f"Depth encoding '{encoding}' is not supported. Supported: 32FC1, 16UC1.")


def decode_compressed_depth(data: Buffer, format_: str) -> NDArray[np.float32]:
    """Decode the data of a compressedDepth image message: a PNG behind 12 bytes.

    The bytes are an int32 without meaning and the float32 A and B: a 32FC1 image is stored as
    whole numbers n of inverse depth, depth = A / (n - B); 16UC1 is stored as it is
    (compressed_depth_image_transport). A PNG without the 12 bytes is 16UC1 too.

    Args:
        data: the bytes of the message.
        format_: its format, such as '16UC1; compressedDepth png'.

    Returns:
        (H, W) float32 depth [m], NaN where it is unknown.

    Raises:
        UnsupportedEncodingError: another encoding or compression.
        ValueError: the data is no whole 16-bit PNG.
    """
    encoding, _, compression = (part.strip() for part in format_.partition(';'))
    if encoding not in _DEPTH_TYPES or 'rvl' in compression:
        raise UnsupportedEncodingError(
            f"Compressed depth of format '{format_}' is not supported. Supported: 16UC1 and "
            "32FC1 as PNG, such as '16UC1; compressedDepth png'."
        )
    stored = np.frombuffer(data, np.uint8)
    has_header = stored[:4].tobytes() != _PNG
    png = stored[_DEPTH_HEADER:] if has_header else stored
    promised = read_encoded_size(png)
    if promised is not None:
        _check_pixels('Compressed depth', promised[:2], MAX_PIXELS)
    values = cv2.imdecode(png, cv2.IMREAD_UNCHANGED) if promised else None
    if values is None or values.dtype != np.uint16 or values.ndim != 2:
        raise ValueError(
            f'Compressed depth of {stored.size} bytes holds no whole 16-bit gray PNG.'
        )
    if encoding != '32FC1':
        metres = values.astype(np.float32) / np.float32(1000)
    elif has_header:
        a, b = stored[4:_DEPTH_HEADER].copy().view('<f4')
        metres = a / (np.maximum(values, 1).astype(np.float32) - b)
    else:
        raise ValueError(
            "Compressed depth of format '32FC1' lacks the 12 bytes that say what its numbers mean."
        )
    return np.asarray(np.where(values > 0, metres, np.float32(np.nan)), np.float32)


def depth_as_uint16(depth: NDArray[np.float32], per_metre: int) -> NDArray[np.uint16]:
    """Round depth (H, W) [m] to whole numbers: 1000 a metre are millimetres, 256 KITTI's unit.

    What is NaN, infinite, not positive or too far for 16 bits becomes 0.
    """
    with np.errstate(over='ignore'):
        values = np.rint(np.multiply(depth, np.float32(per_metre)))
    known = (values > 0) & (values <= _MAX_UINT16)
    return np.where(known, values, 0).astype('<u2')


def decode_depth(
    data: Buffer, size: tuple[int, int], encoding: str, step: int, is_bigendian: bool
) -> NDArray[np.float32]:
    """Decode the data of a depth image message, the inverse of `encode_depth`.

    Args:
        data: the bytes of the message.
        size: (height, width) [px].
        encoding: 32FC1 (metres) or 16UC1 (millimetres, 0 = unknown), which some drivers call
            mono16.
        step: bytes from one row to the next, padding included.
        is_bigendian: byte order.

    Returns:
        (H, W) float32 depth [m]; NaN where it is unknown, +inf where a 32FC1 says beyond range.

    Raises:
        UnsupportedEncodingError: another encoding.
        ValueError: size, step and length of data do not fit together.
    """
    if encoding not in _DEPTH_TYPES:
        raise UnsupportedEncodingError(
            f"Depth encoding '{encoding}' is not supported. Supported: 32FC1 (metres), 16UC1 "
            '(millimetres).'
        )
    kind = np.dtype(_DEPTH_TYPES[encoding]).newbyteorder('>' if is_bigendian else '<')
    layout = _Layout(1, None, kind.itemsize)
    rows = _pixel_rows(np.frombuffer(data, np.uint8), size, encoding, step, layout)
    values: NDArray[Any] = np.ascontiguousarray(rows).view(kind)
    if encoding == '32FC1':
        return values.astype(np.float32)
    metres = values.astype(np.float32) / np.float32(1000)
    return np.asarray(np.where(values > 0, metres, np.float32(np.nan)), np.float32)


def _pixel_rows(
    data: NDArray[np.uint8], size: tuple[int, int], encoding: str, step: int, layout: _Layout
) -> NDArray[np.uint8]:
    """Return a view (rows, bytes of a row) of the data without the padding, after checks."""
    height, width = size
    what = f'{encoding} image of {width}x{height}'
    if height <= 0 or width <= 0:
        raise ValueError(f'{what} has no pixels; width and height must be positive.')
    for side, length in (('width', width), ('height', height)):
        if side in layout.even and length % 2:
            raise ValueError(f'{what}: {side} must be even, because neighbours share a colour.')
    row = width * layout.channels * layout.bytes_per_value
    if step < row:
        raise ValueError(f'{what}: step {step} is smaller than a row of {row} bytes.')
    rows = height * 3 // 2 if layout.chroma_rows else height
    if step == data.size == rows * row:  # the step of the whole image, which has no padding
        step = row
    if data.size < rows * step:
        raise ValueError(
            f'{what}: data holds {data.size} bytes, but {rows} rows of step {step} '
            f'need {rows * step}.'
        )
    return data[: rows * step].reshape(rows, step)[:, :row]


def _check_pixels(what: str, size: tuple[int, int], max_pixels: int) -> None:
    height, width = size
    if height * width > max_pixels:
        raise TooLargeError(
            f'{what} of {width}x{height} has more than {max_pixels} pixels: '
            f'check who publishes it, or raise max_pixels.'
        )


def _undecodable(encoded: NDArray[np.uint8]) -> ValueError:
    return ValueError(
        f'Compressed image of {encoded.size} bytes cannot be decoded: its data '
        f'{_describe_format(encoded)}. Expected a whole JPEG or PNG; the compressedDepth '
        f'transport is not an image.'
    )


def _eight_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale 16-bit values by 255 / 65535, as cv_bridge does."""
    if pixels.dtype == np.uint8:
        return pixels
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=255 / 65535), np.uint8)


def _describe_format(encoded: NDArray[np.uint8]) -> str:
    start = encoded[:8].tobytes()
    for name, magic in (('JPEG', b'\xff\xd8'), ('PNG', b'\x89PNG')):
        if start.startswith(magic):
            reason = find_cut(encoded) or 'the decoder refuses it'
            return f'starts like a {name} but is damaged: {reason}'
    return f'is neither JPEG nor PNG (starts with {start.hex(" ")})' if start else 'is empty'
