"""What a file is, by its content: its suffix may be wrong, or missing."""

from __future__ import annotations

import enum
from collections.abc import Hashable
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, TypeVar

IMAGE_ENDINGS = ('.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff', '.webp')

Frame = TypeVar('Frame', bound=Hashable)

_HEAD = 4096  # holds what tells the kinds apart [bytes]
_CONVERT = 'not read: convert it to JPEG or PNG'


class Use(enum.Enum):
    """What can be done with a file."""

    PICTURE = 'a picture'
    VIDEO = 'a video'
    UNREAD = 'not read'
    UNKNOWN = 'of no known kind'


class FileKind(NamedTuple):
    """What a file is.

    Attributes:
        name: of its format, e.g. 'JPEG', or what it starts with where that is unknown.
        use: what can be done with it.
        note: why it is not read, or what of it is not; '' where there is nothing to say.
    """

    name: str
    use: Use
    note: str = ''

    def __str__(self) -> str:
        return f'{self.name}, {self.note}' if self.note else self.name

    @property
    def clause(self) -> str:
        """Say what the file is, in words that follow its name."""
        if self.use in (Use.PICTURE, Use.VIDEO):
            return f'is {self.use.value} ({self.name})'
        return f'{self.start}, {self.note}' if self.use is Use.UNKNOWN else f'is {self}'

    @property
    def start(self) -> str:
        """Say how a file of no known kind starts, in words that follow its name."""
        return self.name if self.name.startswith('starts') else f'is {self.name}'


_STARTS: tuple[tuple[bytes, FileKind], ...] = (
    (b'\xff\xd8', FileKind('JPEG', Use.PICTURE)),
    (b'\x00\x00\x00\x0cjP  \r\n\x87\n', FileKind('JPEG 2000', Use.PICTURE)),
    (b'\xff\x4f\xff\x51', FileKind('JPEG 2000', Use.PICTURE)),
    (b'\x1a\x45\xdf\xa3', FileKind('Matroska or WebM', Use.VIDEO)),
    (b'\x00\x00\x01\xba', FileKind('MPEG', Use.VIDEO)),
    (b'\x00\x00\x01\xb3', FileKind('MPEG', Use.VIDEO)),
    (b'FLV\x01', FileKind('FLV', Use.VIDEO)),
    (b'\x30\x26\xb2\x75\x8e\x66\xcf\x11', FileKind('WMV', Use.VIDEO)),
    (b'OggS', FileKind('Ogg', Use.VIDEO)),
    (b'YUV4MPEG2 ', FileKind('YUV4MPEG2', Use.VIDEO)),
    (b'\x00\x00\x00\x0cJXL \r\n\x87\n', FileKind('JPEG XL', Use.UNREAD, _CONVERT)),
    (b'\xff\x0a', FileKind('JPEG XL', Use.UNREAD, _CONVERT)),
    (b'#?RADIANCE', FileKind('Radiance HDR', Use.UNREAD, _CONVERT)),
    (b'#?RGBE', FileKind('Radiance HDR', Use.UNREAD, _CONVERT)),
    (b'\x76\x2f\x31\x01', FileKind('OpenEXR', Use.UNREAD, _CONVERT)),
    (b'PF\n', FileKind('PFM', Use.UNREAD, _CONVERT)),
    (b'Pf\n', FileKind('PFM', Use.UNREAD, _CONVERT)),
    (b'\0\0\1\0', FileKind('icon', Use.UNREAD, _CONVERT)),
    (b'8BPS', FileKind('Photoshop', Use.UNREAD, _CONVERT)),
    (b'%PDF', FileKind('PDF', Use.UNREAD, _CONVERT)),
    (b'FUJIFILMCCD-RAW', FileKind('camera raw', Use.UNREAD, _CONVERT)),
    (b'IIRO', FileKind('camera raw', Use.UNREAD, _CONVERT)),
    (b'IIRS', FileKind('camera raw', Use.UNREAD, _CONVERT)),
    (b'IIU\x00', FileKind('camera raw', Use.UNREAD, _CONVERT)),
    (b'\x89MCAP0\r\n', FileKind('MCAP', Use.UNREAD, 'a bag: use predict_bag')),
    (b'#ROSBAG V', FileKind('ROS 1 bag', Use.UNREAD, 'a bag: use predict_bag')),
)
# Brands of ISO base media files (ISO 14496-12) that hold pictures; what has others is a video.
_BRANDS = {
    **dict.fromkeys((b'avif', b'avis'), 'AVIF'),
    **dict.fromkeys(
        (b'heic', b'heix', b'heim', b'heis', b'hevc', b'hevx', b'hevm', b'hevs'), 'HEIC'
    ),
    b'crx ': 'camera raw',
}
_MOTION_JPEG = ('.mjpg', '.mjpeg')  # pictures behind each other, which start like one
_ANY_PICTURE = (b'mif1', b'msf1')  # says that it is a picture, but not of which coding
_QUICKTIME = (b'moov', b'mdat', b'wide', b'free', b'skip', b'pnot')
_BITMAP_HEADERS = (12, 40, 52, 56, 64, 108, 124)  # their lengths [bytes]
_FIRST_ONLY = 'only the first of its pictures is read'
# Tags of TIFF 6.0 and DNG, of which others are no pictures to look at.
_SUBFILE, _SAMPLE_FORMAT, _DNG_VERSION = 254, 339, 50706
_SHORT, _FLOAT = 3, 3
_MAX_PAGES = 1000

_Order = Literal['little', 'big']


def kind_of(path: Path) -> FileKind:
    """Tell what a file is from its first bytes.

    Raises:
        OSError: it cannot be read.
    """
    with path.open('rb') as file:
        head = file.read(_HEAD)
        for starts, walk in _WALKED:
            if head.startswith(starts):
                return walk(file, head)
    for start, kind in _STARTS:
        if head.startswith(start):
            is_film = kind.name == 'JPEG' and path.suffix.lower() in _MOTION_JPEG
            return FileKind('Motion JPEG', Use.VIDEO) if is_film else kind
    for look in (_png, _riff, _iso_media, _bitmap, _pixmap, _drawing, _stream):
        found = look(head)
        if found is not None:
            return found
    shown = f'starts with {head[:8].hex(" ")}' if head else 'empty'
    return FileKind(shown, Use.UNKNOWN, 'no known picture or video')


def is_called_image(path: Path) -> bool:
    """Say whether a file's suffix is that of an image, whatever it holds."""
    return path.suffix.lower() in IMAGE_ENDINGS


def add_frame(files: dict[Frame, Path], frame: Frame, path: Path) -> None:
    """Add the file of a frame.

    Raises:
        ValueError: there is another file of it: a PNG and its JPEG, say.
    """
    other = files.setdefault(frame, path)
    if other is not path:
        raise ValueError(
            f"'{other}' and '{path.name}' are both of one frame; expected one file per frame. "
            'Remove one of them.'
        )


def _png(head: bytes) -> FileKind | None:
    if not head.startswith(b'\x89PNG\r\n\x1a\n'):
        return None
    is_animated = b'acTL' in head.partition(b'IDAT')[0]
    return FileKind('PNG', Use.PICTURE, _FIRST_ONLY if is_animated else '')


def _riff(head: bytes) -> FileKind | None:
    if head[:4] != b'RIFF':
        return None
    if head[8:12] == b'WEBP':
        is_animated = head[12:16] == b'VP8X' and len(head) > 20 and bool(head[20] & 2)
        return FileKind('WebP', Use.PICTURE, _FIRST_ONLY if is_animated else '')
    return FileKind('AVI', Use.VIDEO) if head[8:12] in (b'AVI ', b'AVIX') else None


def _iso_media(head: bytes) -> FileKind | None:
    if head[4:8] in _QUICKTIME[:2] or (head[:1] == b'\0' and head[4:8] in _QUICKTIME):
        return FileKind('MP4 or QuickTime', Use.VIDEO)
    if head[4:8] != b'ftyp':
        return None
    end = min(len(head), int.from_bytes(head[:4], 'big'))
    brands = [head[place : place + 4] for place in (8, *range(16, end, 4))]
    usual = brands if brands[0] in _ANY_PICTURE else brands[:1]
    name = next((_BRANDS[brand] for brand in usual if brand in _BRANDS), '')
    if name == 'AVIF':
        return FileKind(name, Use.PICTURE, _FIRST_ONLY if b'avis' in brands[:1] else '')
    if name or brands[0] in _ANY_PICTURE:
        return FileKind(name or 'HEIF', Use.UNREAD, _CONVERT)
    return FileKind('MP4 or QuickTime', Use.VIDEO)


def _bitmap(head: bytes) -> FileKind | None:
    is_one = head[:2] == b'BM' and int.from_bytes(head[14:18], 'little') in _BITMAP_HEADERS
    return FileKind('BMP', Use.PICTURE) if is_one else None


def _pixmap(head: bytes) -> FileKind | None:
    is_one = head[:1] == b'P' and head[1:2] in b'123456' and head[2:3].isspace()
    return FileKind('PNM', Use.PICTURE) if is_one else None


def _drawing(head: bytes) -> FileKind | None:
    is_one = head.lstrip().startswith((b'<svg', b'<?xml')) and b'<svg' in head
    return FileKind('SVG', Use.UNREAD, _CONVERT) if is_one else None


def _stream(head: bytes) -> FileKind | None:
    """Tell an MPEG transport stream by its packets of 188 bytes, or 192 with a time before."""
    for start, length in ((0, 188), (4, 192)):
        if len(head) >= 3 * length and set(head[start : 3 * length : length]) == {0x47}:
            return FileKind('MPEG-TS', Use.VIDEO)
    return None


def _gif(file: BinaryIO, head: bytes) -> FileKind:
    """Walk the blocks up to a second picture: with it, a GIF 89a is a film."""
    file.seek(13 + _palette(head[10:11]))
    pictures = 0
    while pictures < 2:
        block = file.read(1)
        if block == b',':  # a picture: its place and size, flags, palette
            pictures += 1
            file.seek(_palette(file.read(9)[8:]), 1)
        elif block != b'!':  # of an extension
            break
        file.read(1)
        while length := int.from_bytes(file.read(1), 'big'):
            file.seek(length, 1)
    if pictures > 1 and head.startswith(b'GIF89a'):
        return FileKind('animated GIF', Use.VIDEO)
    return FileKind('GIF', Use.PICTURE, _FIRST_ONLY if pictures > 1 else '')


def _palette(flags: bytes) -> int:
    """Return the length of a GIF's palette [bytes] from the flags before it."""
    bits = int.from_bytes(flags, 'big')
    return 3 << (bits & 7) + 1 if bits & 0x80 else 0


def _tiff(file: BinaryIO, head: bytes) -> FileKind:
    """Walk the directories of a TIFF, of which camera raw files are a kind too."""
    order: _Order = 'little' if head[:2] == b'II' else 'big'
    place, pages, seen = int.from_bytes(head[4:8], order), 0, set[int]()
    while place and place not in seen and len(seen) < _MAX_PAGES:
        tags, following = _directory(file, place, order)
        if not seen and _is_raw(tags, head):
            return FileKind('camera raw', Use.UNREAD, _CONVERT)
        if not seen and tags.get(_SAMPLE_FORMAT) == _FLOAT:
            return FileKind('TIFF of floating-point numbers', Use.UNREAD, _CONVERT)
        pages += not tags.get(_SUBFILE, 0) & 0b101  # neither a small copy nor a mask
        seen.add(place)
        place = following
    return FileKind('TIFF', Use.PICTURE, _FIRST_ONLY if pages > 1 else '')


def _is_raw(tags: dict[int, int], head: bytes) -> bool:
    """Say whether the first picture is only the preview of what the sensor saw."""
    return _DNG_VERSION in tags or bool(tags.get(_SUBFILE, 0) & 1) or head[8:10] == b'CR'


def _directory(file: BinaryIO, place: int, order: _Order) -> tuple[dict[int, int], int]:
    """Return the tags of a TIFF's directory with what is in their 4 bytes of value."""
    file.seek(place)
    data = file.read(12 * int.from_bytes(file.read(2), order))
    tags = {}
    for at in range(0, len(data), 12):
        tag, form = (int.from_bytes(data[at + n : at + n + 2], order) for n in (0, 2))
        width = 2 if form == _SHORT else 4
        tags[tag] = int.from_bytes(data[at + 8 : at + 8 + width], order)
    return tags, int.from_bytes(file.read(4), order)


_WALKED = (((b'II*\0', b'MM\0*'), _tiff), ((b'GIF87a', b'GIF89a'), _gif))
