"""Read image files, with errors that name the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.datasets.file_kinds import (
    IMAGE_ENDINGS,
    FileKind,
    Use,
    is_called_image,
    kind_of,
)
from mono_depth_ros.messages.encoded_size import find_cut


@dataclass(frozen=True)
class FolderContent:
    """What a folder of images holds.

    Attributes:
        images: the files to read, in the order of their names.
        left_out: one sentence for each picture or video that is not read, or not wholly.
        others: names of what is neither.
    """

    images: tuple[Path, ...]
    left_out: tuple[str, ...]
    others: tuple[str, ...]


def find_images(folder: Path) -> FolderContent:
    """Sort out what lies in a folder, by content; a suffix only says what was to be an image.

    Raises:
        FileNotFoundError: there is no image in it.
    """
    images, left_out, others = [], [], []
    for path in sorted(folder.iterdir()):
        kind = _kind_if_known(path)
        if kind.use is Use.PICTURE or (kind.use is Use.UNKNOWN and is_called_image(path)):
            images.append(path)
        if kind.use is Use.VIDEO:
            left_out.append(f'{path.name}: {kind.name}, a video among images: name it itself')
        elif kind.use is not Use.UNKNOWN and kind.note:
            left_out.append(f'{path.name}: {kind}')
        elif kind.use is Use.UNKNOWN and not is_called_image(path):
            others.append(path.name)
    if not images:
        named = f' It holds {name_some(left_out)}.' if left_out else ''
        raise FileNotFoundError(
            f"Folder '{folder}' holds no images ({', '.join(IMAGE_ENDINGS)}).{named} "
            'Name the very folder with the images.'
        )
    return FolderContent(tuple(images), tuple(left_out), tuple(others))


def name_some(sentences: Sequence[str], most: int = 5) -> str:
    """Join the first of them, and count the others."""
    more = [f'{len(sentences) - most} more'] if len(sentences) > most else []
    return '; '.join([*sentences[:most], *more])


def _kind_if_known(path: Path) -> FileKind:
    """Return what a file is; of folders, devices and what may not be read it is unknown."""
    try:
        return kind_of(path) if path.is_file() else FileKind('no file', Use.UNKNOWN)
    except OSError as error:
        return FileKind(str(error.strerror), Use.UNREAD, 'not read')


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read an image file as (H, W, 3) uint8 RGB; gray becomes three equal channels.

    It is turned upright where it says that the camera was held otherwise.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds no image that OpenCV can read; says why.
    """
    image = _decode(path, cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def read_unchanged(path: Path) -> NDArray[Any]:
    """Read an image file with its own type and channels (BGR); errors as of `read_image`."""
    return _decode(path, cv2.IMREAD_UNCHANGED)


def _decode(path: Path, flags: int) -> NDArray[Any]:
    if not path.is_file():
        fault = 'is no file' if path.exists() else 'does not exist'
        raise FileNotFoundError(f"Image '{path}' {fault}.")
    kind = kind_of(path)
    if kind.use in (Use.UNREAD, Use.VIDEO):
        raise ValueError(f"Image '{path}' {kind.clause}. Expected a picture.")
    data = np.fromfile(path, np.uint8)
    fault = find_cut(data)  # OpenCV 4 would fill up a JPEG that was cut off
    try:
        image = cv2.imdecode(data, flags) if data.size and not fault else None
    except cv2.error as error:  # more pixels than OpenCV takes
        raise ValueError(
            f"Image '{path}' cannot be decoded: {error.err}. Expected at most 2^30 pixels."
        ) from error
    if image is None:
        raise ValueError(
            f"Image '{path}' ({data.size} bytes) cannot be decoded: "
            f'{_why_undecodable(kind, fault)}. Copy it again, or leave it out.'
        )
    return _upright(image, data) if kind.name == 'AVIF' else image


def _why_undecodable(kind: FileKind, fault: str) -> str:
    if fault:
        return f'the {kind.name} is not whole, {fault}'
    if kind.use is Use.UNKNOWN:
        return f'the file {kind.start} and is no image of 8 or 16 bits'
    return f'OpenCV {cv2.__version__} reads no image from this {kind.name}'


def _upright(image: NDArray[Any], data: NDArray[np.uint8]) -> NDArray[Any]:
    """Turn an AVIF as its boxes 'irot' and 'imir' say (ISO 23008-12, 6.5), which OpenCV skips."""
    head = data[:65536].tobytes()
    turns, mirror = (head.find(b'\0\0\0\x09' + kind) for kind in (b'irot', b'imir'))
    if turns >= 0:
        image = np.rot90(image, head[turns + 8] & 3)
    if mirror >= 0:
        image = np.flip(image, head[mirror + 8] & 1)
    return np.ascontiguousarray(image)


def read_label_map(path: Path) -> NDArray[np.uint8]:
    """Read a PNG of one class number per pixel, gray or with a palette, as (H, W) uint8.

    Raises:
        ImportError: Pillow, which leaves a palette's numbers alone, is not installed.
        ValueError: the file is no such image.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            mode, labels = image.mode, np.asarray(image)
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(
            f"Label map '{path}' cannot be decoded: {error}. Copy it again."
        ) from error
    if mode not in ('L', 'P'):
        raise ValueError(
            f"Label map '{path}' is an image of mode {mode}; expected one class number of 8 bits "
            'per pixel (gray, or with a palette). Colours have to be turned into numbers first.'
        )
    return labels.astype(np.uint8)
