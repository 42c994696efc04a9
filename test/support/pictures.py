"""Small pictures and films of every kind, made in memory."""

import io

import cv2
import numpy as np
from PIL import Image


def picture(size: tuple[int, int] = (64, 96)) -> np.ndarray:
    """Return an (H, W, 3) uint8 RGB image whose four quarters differ: red, green, blue, gray."""
    height, width = size
    image = np.full((height, width, 3), 128, np.uint8)
    top, left = slice(height // 2), slice(width // 2)
    image[top, left], image[height // 2 :, left], image[top, width // 2 :] = np.eye(3) * 240
    return image


def encoded(form: str, image: np.ndarray | None = None, mode: str = 'RGB', **options) -> bytes:
    """Encode a picture with Pillow, in one of its modes."""
    file = io.BytesIO()
    Image.fromarray(picture() if image is None else image).convert(mode).save(
        file, form, **options
    )
    return file.getvalue()


def animated(form: str, **options) -> bytes:
    """Encode three pictures as one file, the first of them `picture()`."""
    first, *others = (Image.fromarray(np.roll(picture(), 30 * turn, 1)) for turn in range(3))
    file = io.BytesIO()
    first.save(file, form, save_all=True, append_images=others, **options)
    return file.getvalue()


def turned(form: str, orientation: int) -> bytes:
    """Encode a picture that says how the camera was held (EXIF 1 to 8)."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(form, exif=exif)


def iso_media(major: str, *compatible: str) -> bytes:
    """Return the first box of an ISO base media file, and an empty one."""
    brands = ''.join((major, '\0' * 4, *compatible)).encode()
    return (8 + len(brands)).to_bytes(4, 'big') + b'ftyp' + brands + b'\0\0\0\x08free'


def tiff(*entries: tuple[int, int, int], following: int = 0) -> bytes:
    """Return the directory of a TIFF of (tag, type, value)."""
    numbers = b''.join(
        tag.to_bytes(2, 'little')
        + form.to_bytes(2, 'little')
        + b'\1\0\0\0'
        + n.to_bytes(4, 'little')
        for tag, form, n in entries
    )
    count = len(entries).to_bytes(2, 'little')
    return b'II*\0\x08\0\0\0' + count + numbers + following.to_bytes(4, 'little')


def numbered(index: int, size: tuple[int, int] = (64, 96)) -> np.ndarray:
    """Return an (H, W, 3) uint8 image of 8 bars, black or white, that spell a number."""
    bars = np.unpackbits(np.uint8(index)).repeat(size[1] // 8) * np.uint8(255)
    return np.tile(bars[None, :, None], (size[0], 1, 3))


def number_in(image: np.ndarray) -> int:
    """Read the number that the bars spell."""
    bars = image.mean(axis=(0, 2)).reshape(8, -1).mean(axis=1)
    return int(np.packbits(bars > 128)[0])


def write_film(path, count: int, codec: str = 'mp4v', size: tuple[int, int] = (64, 96)):
    """Write a film of numbered frames."""
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 10, size[::-1])
    assert video.isOpened()
    for index in range(count):
        video.write(numbered(index, size))
    video.release()
    return path


def element(identifier: str, content: bytes, length: int | None = None) -> bytes:
    """Return an element of Matroska (RFC 8794), of its own length or of a false one."""
    size = len(content) if length is None else length
    return bytes.fromhex(identifier) + (size | 1 << 56).to_bytes(8, 'big') + content


def write_irregular_film(path, times: list[int], size: tuple[int, int] = (64, 96)):
    """Write a Matroska film of JPEGs at given times [ms] that announces 30 frames a second."""
    jpegs = (encoded('JPEG', numbered(n, size)) for n in range(len(times)))
    height, width = (element(i, side.to_bytes(2, 'big')) for i, side in zip(('ba', 'b0'), size))
    track = element('d7', b'\1') + element('73c5', b'\1') + element('83', b'\1')
    track += element('86', b'V_MJPEG') + element('23e383', (33_333_333).to_bytes(4, 'big'))
    info = element('2ad7b1', (1_000_000).to_bytes(3, 'big'))
    info += element('4489', np.array(times[-1] + 500, '>f8').tobytes())
    clusters = b''.join(
        element(
            '1f43b675',
            element('e7', time.to_bytes(4, 'big')) + element('a3', b'\x81\0\0\x80' + jpeg),
        )
        for time, jpeg in zip(times, jpegs)
    )
    tracks = element('1654ae6b', element('ae', track + element('e0', width + height)))
    head = element('1a45dfa3', element('4282', b'matroska'))
    path.write_bytes(head + element('18538067', element('1549a966', info) + tracks + clusters))
    return path


def trim_film(path, milliseconds: int):
    """Let the edit list of an mp4 end early, as phones do when a film is trimmed."""
    data = bytearray(path.read_bytes())
    duration = data.index(b'elst') + 12
    data[duration : duration + 4] = milliseconds.to_bytes(4, 'big')
    path.write_bytes(data)
    return path
