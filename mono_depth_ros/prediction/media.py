"""What predict_depth reads: images, folders of images, videos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from mono_depth_ros.datasets.file_kinds import (
    IMAGE_ENDINGS,
    FileKind,
    Use,
    is_called_image,
    kind_of,
)
from mono_depth_ros.datasets.image_files import find_images, name_some, read_image
from mono_depth_ros.datasets.videos import open_video, video_fault
from mono_depth_ros.types import Image

# A network has nothing to see in less [px].
MIN = 32
_USUAL_RATE = 25.0
_RARE_ENDINGS = ('.avif', '.gif', '.jp2', '.jfif', '.jpe', '.mpo', '.pgm', '.pnm', '.ppm')


@dataclass(frozen=True)
class Clip:
    """Images that belong together: one picture each, or one film.

    Attributes:
        files: the image files, or the one video.
        count: of images; of a video as it announces.
        rate: of a video [frames/s]; None for image files.
    """

    files: tuple[Path, ...]
    count: int
    rate: float | None = None


@dataclass(frozen=True, eq=False)
class Frame:
    """One image that was read, or why it was not.

    Attributes:
        stem: of the names of its outputs.
        image: (H, W, 3) uint8 RGB, None where it cannot be used.
        fault: why not.
    """

    stem: str
    image: Image | None
    fault: str = ''


@dataclass
class Inputs:
    """What there is to read.

    Attributes:
        images: the image files, with those of the folders.
        videos: the video files.
        left_out: one sentence for each picture or video that is not read, or not wholly.
        others: names of files in folders that are neither.
    """

    images: list[Path] = field(default_factory=list)
    videos: list[Path] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    def clips(self) -> list[Clip]:
        """Return the images as one clip, and each video as one.

        Raises:
            ValueError: there is neither, a file is no video, or two would get the same names.
        """
        stems = [(stem_of(path), path) for path in self.images]
        _refuse_equal_names([*stems, *((path.stem, path) for path in self.videos)])
        clips = [Clip(tuple(self.images), len(self.images))] if self.images else []
        clips += [_video(path) for path in self.videos]
        if not clips:
            count = len(self.left_out)
            raise ValueError(f'none of {count} files can be read: {name_some(self.left_out)}')
        return clips


def find_inputs(paths: Sequence[Path]) -> Inputs:
    """Sort out what the paths are, by content.

    Raises:
        FileNotFoundError: a path does not exist, or a folder holds no images.
    """
    found = Inputs()
    for path in paths:
        if path.is_dir():
            content = find_images(path)
            found.images += content.images
            found.left_out += content.left_out
            found.others += content.others
        elif not path.exists():
            raise FileNotFoundError(
                f"'{path}' does not exist. Expected images, folders of images, or videos."
            )
        else:
            _add_file(path, found)
    return found


def _add_file(path: Path, found: Inputs) -> None:
    """Sort out one file; what is of no known kind and not called an image may be a video."""
    kind = kind_of(path) if path.is_file() else FileKind('no file', Use.UNKNOWN)
    if kind.use is not Use.UNKNOWN and kind.note:
        found.left_out.append(f'{path.name}: {kind}')
    if kind.use is Use.PICTURE or (kind.use is Use.UNKNOWN and is_called_image(path)):
        found.images.append(path)
    elif kind.use is not Use.UNREAD:
        found.videos.append(path)


def read_clip(clip: Clip) -> Iterator[Frame]:
    """Read the images of a clip one after the other."""
    frames = _read_files(clip.files) if clip.rate is None else _read_video(clip)
    for frame in frames:
        if frame.image is not None and min(frame.image.shape[:2]) < MIN:
            height, width = frame.image.shape[:2]
            fault = (
                f"'{frame.stem}' is {width}x{height}: a side of less than {MIN} pixels "
                'shows a network nothing'
            )
            yield Frame(frame.stem, None, fault)
        else:
            yield frame


def _read_files(files: Sequence[Path]) -> Iterator[Frame]:
    for file in files:
        try:
            yield Frame(stem_of(file), read_image(file))
        except (OSError, ValueError) as error:
            yield Frame(stem_of(file), None, str(error))


def _read_video(clip: Clip) -> Iterator[Frame]:
    [path] = clip.files
    capture, read = open_video(path), 0
    try:
        while True:
            ok, image = capture.read()
            if not ok:
                break
            rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
            yield Frame(f'{path.stem}_{read:06}', np.asarray(rgb, np.uint8))
            read += 1
    finally:
        capture.release()
    fault = video_fault(path, read)
    if fault:
        yield Frame(path.stem, None, fault)


def stem_of(path: Path) -> str:
    """Return an image's name without its suffix; what else follows a dot is part of the name."""
    return path.stem if path.suffix.lower() in (*IMAGE_ENDINGS, *_RARE_ENDINGS) else path.name


def _video(path: Path) -> Clip:
    capture = open_video(path)
    count, rate = (capture.get(key) for key in (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FPS))
    capture.release()
    return Clip((path,), max(0, int(count)), rate if 0 < rate < 1000 else _USUAL_RATE)


def _refuse_equal_names(names: Sequence[tuple[str, Path]]) -> None:
    first: dict[str, Path] = {}
    for name, path in names:
        other = first.setdefault(name, path)
        if other is not path:
            raise ValueError(
                f"'{other}' and '{path}' would be written under the same name. Run "
                'them one after the other, each with its own --output.'
            )
