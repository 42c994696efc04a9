"""Messages that no driver should send, each with what the node must make of it.

Everything is a function of the random generator given, so a failure comes back by its seed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np
from live_node import PUBLISHED
from numpy.random import Generator
from ros_harness import camera_info
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from mono_depth_ros.messages.encodings import SUPPORTED_ENCODINGS

BROKEN_INFO = 'bad_camera_info'
BROKEN_IMAGE = frozenset({'undecodable', 'encoding', 'too_large'})
SMALL = 24
GOOD = 0.02
UINT32 = 2**32 - 1
ODD_NUMBERS = (float('nan'), float('inf'), -float('inf'), 0.0, -1.0, 1e300, -1e300, 5e-324)
ODD_MODELS = ('', 'plumb_bob', 'equidistant', 'rational_polynomial', 'fisheye624', '\U0001f4f7')


class Case(NamedTuple):
    """One image with the camera_info that comes before it.

    Attributes:
        name: the kind of message.
        info: what is sent on camera_info before the image; None for a good one of its size.
        image: the image.
        outcomes: what may become of it: PUBLISHED, or causes of which it must be dropped for one.
    """

    name: str
    info: CameraInfo | None
    image: Image | CompressedImage
    outcomes: frozenset[str]


def raw_cases(rng: Generator, count: int) -> Iterator[Case]:
    """Yield broken and a few good raw images, each with its camera_info."""
    kinds = (
        _good_image,
        _short_step,
        _short_data,
        _huge,
        _odd_encoding,
        _no_pixels,
        _any_fields,
        *_INFOS,
    )
    return (_drawn(kinds, rng) for _ in range(count))


def compressed_cases(rng: Generator, count: int) -> Iterator[Case]:
    """Yield broken and a few good compressed images, each with its camera_info."""
    kinds = (_good_compressed, _cut_off, _bomb, _scan_bomb, _flipped, _rubbish, _other_format)
    return (_drawn(kinds, rng) for _ in range(count))


def good_image(rng: Generator, size: tuple[int, int]) -> Image:
    """Return a valid rgb8 image of a (height, width), with random padding."""
    padding = int(rng.integers(0, 9))
    step = size[1] * 3 + padding
    return _image(size, 'rgb8', step, rng.bytes(size[0] * step))


def size_of(image: Image | CompressedImage) -> tuple[int, int]:
    """Return the (height, width) that an image claims; of compressed ones what SMALL allows."""
    return (SMALL, SMALL) if isinstance(image, CompressedImage) else (image.height, image.width)


def _drawn(kinds: tuple[Callable[[Generator], Case], ...], rng: Generator) -> Case:
    """Draw one kind; the first is the good one, which costs a run of the network."""
    good, *others = kinds
    return good(rng) if rng.random() < GOOD else others[int(rng.integers(len(others)))](rng)


def _image(size: tuple[int, int], encoding: str, step: int, data: bytes, **fields: Any) -> Image:
    message = Image(height=size[0], width=size[1], encoding=encoding, step=step, **fields)
    message.data.frombytes(data)
    return message


def _size(rng: Generator) -> tuple[int, int]:
    height, width = rng.integers(1, SMALL + 1, 2)
    return int(height), int(width)


# -- raw images --------------------------------------------------------------------------------


def _good_image(rng: Generator) -> Case:
    return Case('good', None, good_image(rng, _size(rng)), frozenset({PUBLISHED}))


def _short_step(rng: Generator) -> Case:
    size = _size(rng)
    step = int(rng.integers(0, size[1] * 3))
    image = _image(size, 'rgb8', step, rng.bytes(size[0] * size[1] * 3))
    return Case('short step', None, image, frozenset({'undecodable'}))


def _short_data(rng: Generator) -> Case:
    size = _size(rng)
    missing = int(rng.integers(1, size[0] * size[1] * 3 + 1))
    image = _image(size, 'rgb8', size[1] * 3, rng.bytes(size[0] * size[1] * 3 - missing))
    return Case('short data', None, image, frozenset({'undecodable'}))


def _huge(rng: Generator) -> Case:
    """Claim more pixels than memory has, with a distorted camera_info to match."""
    size = tuple(int(side) for side in rng.integers(6001, UINT32 + 1, 2))
    image = _image(size, 'rgb8', min(UINT32, size[1] * 3), rng.bytes(30))
    info = camera_info(size, d=[0.1, 0.0, 0.0, 0.0, 0.0])
    return Case('huge', info, image, frozenset({'too_large'}))


def _odd_encoding(rng: Generator) -> Case:
    size = _size(rng)
    encodings = (
        '',
        'RGB8',
        'rgb8 ',
        '8SC4',
        '32FC1',
        'h264',
        '\x00',
        '\U0001f4f7' * 99,
        rng.bytes(6).hex(),
    )
    encoding = encodings[int(rng.integers(len(encodings)))]
    image = _image(size, encoding, size[1] * 3, rng.bytes(size[0] * size[1] * 3))
    return Case('odd encoding', None, image, frozenset({'encoding'}))


def _no_pixels(rng: Generator) -> Case:
    height, width = ((0, 0), (0, 5), (5, 0), (0, UINT32), (UINT32, 0))[int(rng.integers(5))]
    image = _image((height, width), 'mono8', width, b'')
    return Case('no pixels', camera_info((2, 2)), image, frozenset({'undecodable'}))


def _any_fields(rng: Generator) -> Case:
    """Draw every field on its own: some of these are images, by chance."""
    size = _size(rng)
    encoding = SUPPORTED_ENCODINGS[int(rng.integers(len(SUPPORTED_ENCODINGS)))]
    step = int(rng.integers(0, 8 * SMALL))
    image = _image(
        size,
        encoding,
        step,
        rng.bytes(int(rng.integers(0, SMALL * step // 2 + 1))),
        is_bigendian=int(rng.integers(0, 256)),
    )
    return Case('any fields', None, image, frozenset({PUBLISHED, 'undecodable'}))


# -- calibrations of a good image --------------------------------------------------------------


def _odd_k(rng: Generator) -> Case:
    """Put numbers into K that no focal length can be."""
    size = _size(rng)
    k = list(camera_info(size).k)
    k[int(rng.choice([0, 4]))] = float(rng.choice(ODD_NUMBERS[:5]))
    return Case('odd K', camera_info(size, k=k), good_image(rng, size), frozenset({BROKEN_INFO}))


def _zero_k(rng: Generator) -> Case:
    size = _size(rng)
    info = camera_info(size, k=[0.0] * 9, p=[0.0] * 12)
    return Case('zero K', info, good_image(rng, size), frozenset({BROKEN_INFO}))


def _other_size(rng: Generator) -> Case:
    height, width = _size(rng)
    unknown = (height + 2 * SMALL, width)  # no camera_info has ever been of this size
    return Case(
        'other size',
        camera_info((height, width)),
        good_image(rng, unknown),
        frozenset({'size_mismatch'}),
    )


def _odd_distortion(rng: Generator) -> Case:
    size = _size(rng)
    d = [float(rng.choice([*ODD_NUMBERS, 0.1, -0.3])) for _ in range(int(rng.integers(0, 16)))]
    model = ODD_MODELS[int(rng.integers(len(ODD_MODELS)))]
    info = camera_info(size, d=d, distortion_model=model)
    return Case('odd distortion', info, good_image(rng, size), frozenset({PUBLISHED, BROKEN_INFO}))


def _any_info(rng: Generator) -> Case:
    """Draw every field of a calibration on its own."""
    size = _size(rng)
    info = camera_info(size)
    for name in ('k', 'r', 'p'):
        values = np.array(getattr(info, name))
        hit = rng.random(len(values)) < rng.choice([0.0, 0.1, 1.0])
        values[hit] = rng.choice([*ODD_NUMBERS, 1.0, 3.0, 1e9], int(hit.sum()))
        setattr(info, name, [float(value) for value in values])
    if rng.random() < 0.5:
        info.d = [float(value) for value in rng.choice([0.0, 0.1, -9.0, 1e7, float('nan')], 5)]
    if rng.random() < 0.3:
        info.binning_x, info.binning_y = (int(side) for side in rng.choice([0, 1, 2, UINT32], 2))
    if rng.random() < 0.3:
        for name in ('x_offset', 'y_offset', 'width', 'height'):
            setattr(info.roi, name, int(rng.choice([0, 1, size[1], UINT32])))
    return Case(
        'any camera_info',
        info,
        good_image(rng, size),
        frozenset({PUBLISHED, BROKEN_INFO, 'size_mismatch'}),
    )


_INFOS = (_odd_k, _zero_k, _other_size, _odd_distortion, _any_info)


# -- compressed images -------------------------------------------------------------------------


def _compressed(data: bytes, name: str, outcomes: set[str], kind: str = 'jpeg') -> Case:
    message = CompressedImage(format=kind)
    message.data.frombytes(data)
    return Case(name, camera_info((SMALL, SMALL)), message, frozenset(outcomes))


def _encoded(rng: Generator, side: int = SMALL) -> bytes:
    pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
    suffix, options = (('.jpg', []), ('.png', []), ('.jpg', [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]))[
        int(rng.integers(3))
    ]
    return bytes(cv2.imencode(suffix, pixels, options)[1].tobytes())


def _good_compressed(rng: Generator) -> Case:
    return _compressed(_encoded(rng), 'good', {PUBLISHED})


def _cut_off(rng: Generator) -> Case:
    data = _encoded(rng)
    return _compressed(data[: int(rng.integers(0, len(data) - 12))], 'cut off', {'undecodable'})


def _bomb(rng: Generator) -> Case:
    """Promise many more pixels in the header than the file could hold."""
    data = bytearray(_encoded(rng))
    if data.startswith(b'\x89PNG'):
        data[16:24] = struct.pack('>II', *(int(side) for side in rng.integers(6001, 2**31, 2)))
    else:
        frame = max(data.find(b'\xff\xc0'), data.find(b'\xff\xc2'))
        data[frame + 5 : frame + 9] = struct.pack(
            '>HH', *(int(side) for side in rng.integers(6001, 2**16, 2))
        )
    return _compressed(bytes(data), 'bomb', {'too_large'})


def _scan_bomb(rng: Generator) -> Case:
    """Repeat the last scan of a progressive JPEG: every one costs a pass over the image."""
    pixels = rng.integers(0, 256, (SMALL, SMALL, 3), dtype=np.uint8)
    data = cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    scan = data[data.rfind(b'\xff\xda') : -2]
    return _compressed(data[:-2] + scan * 100 + data[-2:], 'scan bomb', {'too_large'})


def _flipped(rng: Generator) -> Case:
    data = bytearray(_encoded(rng))
    for place in rng.integers(0, len(data), int(rng.integers(1, 20))):
        data[int(place)] = int(rng.integers(0, 256))
    return _compressed(
        bytes(data), 'flipped bytes', {PUBLISHED, 'undecodable', 'too_large', 'size_mismatch'}
    )


def _rubbish(rng: Generator) -> Case:
    start = (b'', b'\xff\xd8', b'\xff\xd8\xff', b'\x89PNG\r\n\x1a\n')[int(rng.integers(4))]
    return _compressed(
        start + rng.bytes(int(rng.integers(0, 400))), 'rubbish', {'undecodable', 'too_large'}
    )


def _other_format(rng: Generator) -> Case:
    """Send what OpenCV could read, but whose size nobody has checked."""
    pixels = rng.integers(0, 256, (SMALL, SMALL, 3), dtype=np.uint8)
    suffix = ('.bmp', '.ppm', '.tiff')[int(rng.integers(3))]
    return _compressed(
        cv2.imencode(suffix, pixels)[1].tobytes(), 'other format', {'undecodable'}, suffix
    )
