"""What predict_depth reads: images, folders of images, videos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mono_depth_ros.datasets.image_files import read_image
from mono_depth_ros.datasets.image_sequence import IMAGE_ENDINGS, open_video
from mono_depth_ros.types import Image

# A network has nothing to see in less [px].
MIN = 32
_USUAL_RATE = 25.0


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


def find_clips(paths: Sequence[Path]) -> list[Clip]:
    """Sort out what the paths are.

    Raises:
        FileNotFoundError: a path does not exist, or a folder holds no images.
        ValueError: a file is no video, or two inputs would get the same names.
    """
    images: list[Path] = []
    videos: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = sorted(p for p in path.iterdir() if p.suffix.lower() in IMAGE_ENDINGS)
            if not found:
                raise FileNotFoundError(
                    f"Folder '{path}' holds no images ({', '.join(IMAGE_ENDINGS)}). Name the very "
                    'folder with the images.'
                )
            images += found
        elif not path.exists():
            raise FileNotFoundError(
                f"'{path}' does not exist. Expected images, folders of images, or videos."
            )
        else:
            (images if path.suffix.lower() in IMAGE_ENDINGS else videos).append(path)
    _refuse_equal_names([*images, *videos])
    clips = [Clip(tuple(images), len(images))] if images else []
    return clips + [_video(path) for path in videos]


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
            yield Frame(file.stem, read_image(file))
        except ValueError as error:
            yield Frame(file.stem, None, str(error))


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
    if read < 0.9 * clip.count:  # what a video announces is an estimate
        yield Frame(
            path.stem,
            None,
            f"video '{path}' breaks off after {read} of {clip.count} frames: copy it again",
        )


def _video(path: Path) -> Clip:
    capture = open_video(path)
    count, rate = (capture.get(key) for key in (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FPS))
    capture.release()
    return Clip((path,), max(0, int(count)), rate if 0 < rate < 1000 else _USUAL_RATE)


def _refuse_equal_names(paths: Sequence[Path]) -> None:
    first: dict[str, Path] = {}
    for path in paths:
        other = first.setdefault(path.stem, path)
        if other is not path:
            raise ValueError(
                f"'{other}' and '{path}' would be written under the same name. Run "
                'them one after the other, each with its own --output.'
            )
