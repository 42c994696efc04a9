"""Image encodings of sensor_msgs ↔ arrays: zero-copy views where possible, exact errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Buffer = Any  # whatever np.frombuffer takes: bytes, array('B'), memoryview
Decoder = Callable[[NDArray[Any]], NDArray[Any]]
Size = tuple[int, int]

MILLIMETRES_MAX = 65535


class UnsupportedEncodingError(ValueError):
    """Say that an encoding is not among the supported ones."""


def _convert(code: int) -> Decoder:
    return lambda pixels: cv2.cvtColor(pixels, code)


def _to_8_bit(pixels: NDArray[np.uint16]) -> Pixels:
    """Map the full 16-bit range to 8 bits, rounding: 65535 becomes 255."""
    return ((pixels.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def _gray_16(pixels: NDArray[np.uint16]) -> Pixels:
    return cv2.cvtColor(_to_8_bit(pixels), cv2.COLOR_GRAY2RGB).astype(np.uint8, copy=False)


def _bayer_16(code: int) -> Decoder:
    return lambda pixels: cv2.cvtColor(_to_8_bit(pixels), code)


# OpenCV names a Bayer pattern by the pixels of its second row and column, ROS by those of the
# first: rggb is OpenCV's BG.
_BAYER = {'rggb': cv2.COLOR_BayerBG2RGB, 'bggr': cv2.COLOR_BayerRG2RGB,
          'gbrg': cv2.COLOR_BayerGR2RGB, 'grbg': cv2.COLOR_BayerGB2RGB}
# Encoding: channels of 8 or 16 bits per pixel, and how they become RGB.
_BYTES: dict[str, tuple[int, Decoder]] = {
    'rgb8': (3, np.ascontiguousarray),
    'bgr8': (3, _convert(cv2.COLOR_BGR2RGB)),
    'rgba8': (4, _convert(cv2.COLOR_RGBA2RGB)),
    'bgra8': (4, _convert(cv2.COLOR_BGRA2RGB)),
    'mono8': (1, _convert(cv2.COLOR_GRAY2RGB)),
    **{f'bayer_{name}8': (1, _convert(code)) for name, code in _BAYER.items()},
    'yuv422': (2, _convert(cv2.COLOR_YUV2RGB_UYVY)),
    'uyvy': (2, _convert(cv2.COLOR_YUV2RGB_UYVY)),
    'yuyv': (2, _convert(cv2.COLOR_YUV2RGB_YUYV)),
    'yuv422_yuy2': (2, _convert(cv2.COLOR_YUV2RGB_YUYV)),
}
_WORDS: dict[str, tuple[int, Decoder]] = {
    'mono16': (1, _gray_16),
    **{f'bayer_{name}16': (1, _bayer_16(code)) for name, code in _BAYER.items()},
}
_PLANAR: dict[str, Decoder] = {
    'nv12': _convert(cv2.COLOR_YUV2RGB_NV12),
    'nv21': _convert(cv2.COLOR_YUV2RGB_NV21),
}
_EVEN_WIDTH = {'yuv422', 'uyvy', 'yuyv', 'yuv422_yuy2'}
SUPPORTED_ENCODINGS: tuple[str, ...] = (*_BYTES, *_WORDS, *_PLANAR)


def decode_image(data: Buffer, size: Size, encoding: str, step: int, is_bigendian: bool = False
                 ) -> Pixels:
    """Decode the data of a sensor_msgs/Image.

    Args:
        data: the message's data, any object with the buffer protocol.
        size: (height, width) of the image.
        encoding: one of SUPPORTED_ENCODINGS, as in sensor_msgs/image_encodings.
        step: bytes per row, with padding.
        is_bigendian: byte order of 16-bit encodings.

    Returns:
        (H, W, 3) uint8 RGB, contiguous. YUV is BT.601 in its limited range, 16-bit values are
        scaled by 255/65535.

    Raises:
        UnsupportedEncodingError: the encoding is not among SUPPORTED_ENCODINGS.
        ValueError: data, size and step do not fit each other.
    """
    name = encoding.lower()
    if name not in SUPPORTED_ENCODINGS:
        raise UnsupportedEncodingError(
            f"Image encoding '{encoding}' is not supported. Supported: "
            f"{', '.join(SUPPORTED_ENCODINGS)}; install cv_bridge for others.")
    _check_size(name, size)
    if name in _PLANAR:
        rows = _rows(data, (size[0] * 3 // 2, size[1]), name, step)
        return _rgb(_PLANAR[name](np.ascontiguousarray(rows)))
    channels, decoder = (_BYTES | _WORDS)[name]
    width_bytes = size[1] * channels * (2 if name in _WORDS else 1)
    rows = _rows(data, (size[0], width_bytes), name, step)
    if name in _WORDS:
        words = np.ascontiguousarray(rows).view('>u2' if is_bigendian else '<u2')
        return _rgb(decoder(words.astype(np.uint16, copy=False)))
    pixels = rows.reshape(*size, channels) if channels > 1 else rows
    return _rgb(decoder(pixels))


def _rgb(pixels: NDArray[Any]) -> Pixels:
    return np.ascontiguousarray(pixels, dtype=np.uint8)


def _check_size(name: str, size: Size) -> None:
    height, width = size
    if height < 1 or width < 1:
        raise ValueError(f'The image is {width}x{height} pixels: it has none.')
    if (name in _EVEN_WIDTH and width % 2) or (name in _PLANAR and (width % 2 or height % 2)):
        raise ValueError(f"The image is {width}x{height}, but '{name}' stores colour for pairs "
                         'of pixels: width (and for nv12 height) must be even.')


def _rows(data: Buffer, shape: Size, name: str, step: int) -> Pixels:
    """View the data as (rows, bytes per row), padding cut off, without copying."""
    height, row_bytes = shape
    if step < row_bytes:
        raise ValueError(f"step is {step} bytes, but a row of '{name}' needs {row_bytes}: the "
                         'publisher filled width, encoding or step wrongly.')
    flat = np.frombuffer(data, np.uint8)
    needed = step * (height - 1) + row_bytes
    if flat.size < needed:
        raise ValueError(f"The image has {flat.size} bytes of data, but {height} rows of {step} "
                         f"bytes in '{name}' need {needed}: it is truncated.")
    stride = flat.strides[0]
    return np.lib.stride_tricks.as_strided(flat, shape, (step * stride, stride), writeable=False)


def decode_compressed(data: Buffer) -> Pixels:
    """Decode a JPEG or PNG file in memory to (H, W, 3) uint8 RGB, contiguous.

    Raises:
        ValueError: not an image that OpenCV reads, or a truncated one.
    """
    flat = np.frombuffer(data, np.uint8)
    image = cv2.imdecode(flat, cv2.IMREAD_UNCHANGED) if flat.size else None
    if image is None:
        raise ValueError(
            f'The compressed image ({flat.size} bytes, starting {flat[:4].tobytes().hex(" ")}) '
            'cannot be decoded: expected a complete JPEG or PNG file.')
    if image.dtype == np.uint16:
        image = _to_8_bit(np.asarray(image, np.uint16))
    if image.ndim == 2:
        return _rgb(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB))
    code = cv2.COLOR_BGRA2RGB if image.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return _rgb(cv2.cvtColor(image, code))


def encode_depth(depth: NDArray[np.float32], encoding: str) -> NDArray[Any]:
    """Encode a depth map for sensor_msgs/Image, little endian.

    Args:
        depth: (H, W) depth [m], NaN = no estimate, inf = beyond range.
        encoding: '32FC1' keeps metres, NaN and inf (REP 117/118); '16UC1' is millimetres,
            rounded, 0 = invalid or beyond 65.535 m.

    Returns:
        (H, W) float32 or uint16.

    Raises:
        ValueError: another encoding.
    """
    if encoding == '32FC1':
        return depth.astype('<f4', copy=False)
    if encoding != '16UC1':
        raise ValueError(f"depth encoding '{encoding}' is not one of 32FC1, 16UC1.")
    millimetres = np.rint(depth * np.float32(1000))
    valid = (millimetres > 0) & (millimetres <= MILLIMETRES_MAX)
    return np.where(valid, millimetres, 0).astype('<u2')
