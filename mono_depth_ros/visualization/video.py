"""Video files: H.264 where PyAV is installed, which browsers show, or else MPEG-4 Part 2."""

from __future__ import annotations

import sys
from fractions import Fraction
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import cv2

from mono_depth_ros.types import Image

_H264 = 'libx264'
# Of a second; finer rates do not fit into the clock of an mp4.
_RATE_DENOMINATOR = 1001


class Video(Protocol):
    """A file that grows by one picture after the other."""

    def write(self, picture: Image) -> object:
        """Add an (H, W, 3) BGR picture of the file's size."""

    def release(self) -> object:
        """Finish the file."""


class _H264Video:
    def __init__(self, path: Path, rate: float, size: tuple[int, int]) -> None:
        import av

        self._container = av.open(str(path), 'w', format='mp4')
        self._stream = self._container.add_stream(
            _H264, Fraction(rate).limit_denominator(_RATE_DENOMINATOR)
        )
        self._stream.height, self._stream.width = size
        self._stream.pix_fmt = 'yuv420p'  # the only one that every browser shows
        self._container.start_encoding()

    def write(self, picture: Image) -> None:
        from av import VideoFrame

        self._container.mux(self._stream.encode(VideoFrame.from_ndarray(picture, 'bgr24')))

    def release(self) -> None:
        self._container.mux(self._stream.encode())
        self._container.close()


def create_video(path: Path, rate: float, size: tuple[int, int]) -> Video:
    """Create an mp4.

    Args:
        path: of the file.
        rate: pictures per second.
        size: (height, width) of the pictures, both even.

    Raises:
        ValueError: the file cannot be written.
    """
    if not _has_h264():
        _say_that_browsers_refuse_it()
        return _create_mpeg4(path, rate, size)
    try:
        return _H264Video(path, rate, size)
    except OSError as error:
        raise ValueError(
            f"'{path}' cannot be written: the folder is missing or read-only ({error})."
        ) from error


def _create_mpeg4(path: Path, rate: float, size: tuple[int, int]) -> Video:
    # Every OpenCV wheel carries this codec; H.264 is in none.
    codec = cv2.VideoWriter.fourcc(*'mp4v')
    video = cv2.VideoWriter(str(path), codec, rate, size[::-1])
    if not video.isOpened():
        raise ValueError(
            f"'{path}' cannot be written: the folder is missing or read-only, or this OpenCV has "
            'no mp4v codec.'
        )
    return video


def _has_h264() -> bool:
    if find_spec('av') is None:
        return False
    from av import codecs_available

    return _H264 in codecs_available


@lru_cache(maxsize=1)
def _say_that_browsers_refuse_it() -> None:
    print(
        'Note: videos are MPEG-4 Part 2, which browsers do not show; for H.264, install PyAV: '
        'pip install av',
        file=sys.stderr,
    )
