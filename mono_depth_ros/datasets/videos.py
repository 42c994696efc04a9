"""Read video files, with errors that name the file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mono_depth_ros.datasets.containers import find_break
from mono_depth_ros.datasets.file_kinds import FileKind, Use, kind_of
from mono_depth_ros.types import Image

# Decoding a few frames more is cheaper, and always exact, while a jump starts at a key frame.
MAX_SKIP = 30
_SAME_TIME = 0.5  # [ms]
# Open files of the process that this one is a fork of: closing one would wait for ever for the
# threads of its decoder, which a fork does not have.
_INHERITED: list[tuple[int, Any] | None] = []


class Video:
    """The frames of a video file, counted by decoding it once.

    Raises:
        ValueError: it is no video, or not whole.
    """

    left_out: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        self.path = path
        self._capture: tuple[int, Any] | None = None
        self._next = 0
        capture = open_video(path)
        times = []
        while capture.grab():
            times.append(capture.get(cv2.CAP_PROP_POS_MSEC))
        capture.release()
        fault = video_fault(path, len(times))
        if fault:
            raise ValueError(fault)
        self._times = np.array(times)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open file behind: another process opens its own."""
        return {**self.__dict__, '_capture': None}

    def __len__(self) -> int:
        return len(self._times)

    def name(self, index: int) -> str:
        """Return the path and the frame's number."""
        return f'{self.path}#{index}'

    def read(self, index: int) -> Image:
        """Decode a frame (H, W, 3) uint8 RGB.

        Raises:
            ValueError: the file cannot be decoded there, or jumps to another frame.
        """
        capture = self._capture_before(index)
        while self._next < index and capture.grab():
            self._next += 1
        ok, image = capture.read()
        self._next += 1
        if not ok or abs(capture.get(cv2.CAP_PROP_POS_MSEC) - self._times[index]) > _SAME_TIME:
            self._capture = None
            raise ValueError(
                f"Frame {index} of video '{self.path}' cannot be reached. Write its frames as "
                f"images (ffmpeg -i '{self.path.name}' frames/%06d.png) and train from those."
            )
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)

    def _capture_before(self, index: int) -> Any:
        """Return the open video at this frame or some before it."""
        if self._capture is None or self._capture[0] != os.getpid():
            _INHERITED.append(self._capture)
            self._capture, self._next = (os.getpid(), open_video(self.path)), 0
        capture = self._capture[1]
        if self._next <= index <= self._next + MAX_SKIP or self._jumps(capture, index):
            return capture
        self._capture, self._next = (os.getpid(), open_video(self.path)), 0
        return self._capture[1]

    def _jumps(self, capture: Any, index: int) -> bool:
        """Jump to before a frame by its time; say whether the time tells where that led.

        Numbers would not do: those of a film with a variable rate are made from times.
        """
        if index <= MAX_SKIP:
            return False
        capture.set(cv2.CAP_PROP_POS_MSEC, float(self._times[index - 1]))
        if not capture.grab():
            return False
        away = np.abs(self._times - capture.get(cv2.CAP_PROP_POS_MSEC))
        found = np.flatnonzero(away < _SAME_TIME)
        self._next = int(found[0]) + 1 if len(found) == 1 else len(self._times) + 1
        return self._next <= index


def open_video(path: Path) -> Any:
    """Open a video file as a cv2.VideoCapture.

    Raises:
        ValueError: it is a picture, or OpenCV cannot decode it.
    """
    kind = kind_of(path) if path.is_file() else FileKind('no file', Use.UNKNOWN)
    may_be_one = kind.use in (Use.VIDEO, Use.UNKNOWN)
    capture = cv2.VideoCapture(str(path)) if may_be_one else None
    if capture is None or not capture.isOpened():
        is_like_one = f'it starts like {kind.name}' if kind.use is Use.VIDEO else ''
        reason = find_break(path) or is_like_one or f'it {kind.clause}'
        raise ValueError(
            f"'{path}' ({path.stat().st_size} bytes) is no video that OpenCV can decode: "
            f'{reason}. Expected e.g. mp4 or avi; ffmpeg converts others, or writes the frames '
            'as images into a folder.'
        )
    return capture


def video_fault(path: Path, count: int) -> str:
    """Say what is wrong with a video of which so many frames were read, '' if nothing is.

    How many frames it announces proves nothing: it may be made from its duration, or count what
    an edit list leaves out.
    """
    broken = find_break(path)
    if broken:
        return (
            f"Video '{path}' is cut off after {count} frames that can be decoded: {broken}. "
            'Copy it again.'
        )
    if not count:
        return (
            f"OpenCV {cv2.__version__} decodes no frame of video '{path}'. Convert it "
            f"(ffmpeg -i '{path.name}' -c:v libx264 converted.mp4)."
        )
    return ''
