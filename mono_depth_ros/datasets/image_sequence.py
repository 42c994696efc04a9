"""Train from a folder of images or a video, with a calibration file.

The calibration is the YAML file that ROS's camera_calibration writes, see
`mono_depth_ros.messages.calibration_file`; it must belong to images of this very size.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.datasets.image_files import find_images, name_some, read_image
from mono_depth_ros.datasets.motion_limit import MIN_MOTION
from mono_depth_ros.datasets.sample import Source, TrainingSample
from mono_depth_ros.datasets.static_frames import is_moving
from mono_depth_ros.datasets.videos import Video
from mono_depth_ros.messages.calibration_file import read_camera_file
from mono_depth_ros.messages.camera_info import rectify_image
from mono_depth_ros.types import Image


class _Frames(Protocol):
    """Images that have an order."""

    left_out: tuple[str, ...]

    def __len__(self) -> int: ...

    def name(self, index: int) -> str: ...

    def read(self, index: int) -> Image: ...


class ImageSequence:
    """A folder of images, in the order of their names, or a video.

    Args:
        path: the folder or the video file.
        intrinsics: the YAML file of the camera's calibration.
        input: 'raw', or 'rectified' where the images are rectified already.
        offsets: neighbours, in steps after the target (before it: negative); () for a teacher
            alone, to whom every image is a target.
        step: frames from one neighbour to the next: 3 makes 10 Hz of a video of 30 Hz.
        min_motion: least motion between target and source, see `motion_between`
            [px of a 160 px wide image]; 0 keeps frames of a standing camera.

    Attributes:
        summary: what was found and what was left out.
        static: how many targets were left out because the camera stands still.
        left_out: one sentence for each file of the folder that is not read.

    Raises:
        FileNotFoundError, ValueError: images or calibration are missing or wrong; no samples
            remain.
    """

    def __init__(
        self,
        path: str | Path,
        intrinsics: str | Path,
        input: str = 'raw',
        offsets: Sequence[int] = (-1, 1),
        step: int = 1,
        min_motion: float = MIN_MOTION,
    ) -> None:
        if 0 in offsets or step < 1:
            raise ValueError(
                f'offsets are {tuple(offsets)} and step is {step}; expected offsets '
                'none of which is 0, and a step of 1 or more.'
            )
        self.path, self.offsets = Path(path).expanduser(), tuple(offsets)
        self._frames = _open_frames(self.path)
        self._intrinsics = intrinsics
        self._model, self._geometry = read_camera_file(intrinsics, input)
        rows = _neighbours(len(self._frames), np.multiply(self.offsets, step))
        self._rows = rows[is_moving(rows, self.read, min_motion)]
        self.static = len(rows) - len(self._rows)
        self.summary = (
            f'{self.path.name}: {len(self._frames)} images; {len(rows)} with '
            f'neighbours; {self.static} dropped because the camera stands still'
        )
        self.left_out = self._frames.left_out
        if self.left_out:
            self.summary += f'; {len(self.left_out)} left out: {name_some(self.left_out)}'
        if not len(self._rows):
            raise ValueError(
                f"No training samples in '{path}': {self.summary}. Record longer "
                'with a moving camera, raise step, or set min_motion lower.'
            )

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._rows)

    def __getitem__(self, index: int) -> TrainingSample:
        """Read one sample.

        Raises:
            ValueError: an image is broken or of another size than its calibration.
        """
        target, *others = self._rows[index].tolist()
        # In order of time: a video is decoded forwards.
        images = {frame: self.read(frame) for frame in sorted([target, *others])}
        sources = tuple(
            Source(images[other], offset) for offset, other in zip(self.offsets, others)
        )
        return TrainingSample(
            images[target], sources, self._geometry.K_out, self._frames.name(target)
        )

    def read(self, index: int) -> Image:
        """Read one image (H, W, 3) uint8 RGB, rectified where that is needed."""
        image = self._frames.read(index)
        if image.shape[:2] != self._model.size:
            height, width = self._model.size
            raise ValueError(
                f"'{self._frames.name(index)}' is {image.shape[1]}x{image.shape[0]}, but "
                f"'{self._intrinsics}' is for {width}x{height}. Calibrate at the size of the "
                'images; all of them must have one size.'
            )
        return rectify_image(image, self._geometry)


class ImageFolder:
    """The images of one folder in the order of their names."""

    def __init__(self, path: Path) -> None:
        found = find_images(path)
        self._files, self.left_out = found.images, found.left_out

    def __len__(self) -> int:
        return len(self._files)

    def name(self, index: int) -> str:
        """Return the path of an image."""
        return str(self._files[index])

    def read(self, index: int) -> Image:
        """Read an image (H, W, 3) uint8 RGB."""
        return read_image(self._files[index])


def _open_frames(path: Path) -> _Frames:
    if not path.exists():
        raise FileNotFoundError(
            f"'{path}' does not exist. Expected a folder of images or a video file."
        )
    return ImageFolder(path) if path.is_dir() else Video(path)


def _neighbours(count: int, steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (N, 1 + S) frames: targets whose sources all exist."""
    rows = np.arange(count)[:, None] + np.concatenate([[0], steps])
    complete = ((rows >= 0) & (rows < count)).all(axis=1)
    return np.asarray(rows[complete], np.int64)
