"""The calibrations of one camera: the latest camera_info of every image size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
from sensor_msgs.msg import CameraInfo

from mono_depth_ros.messages.camera_info import CameraModel, ImageGeometry, image_geometry_for
from mono_depth_ros.ros.conversions import described_size, model_from_message

Size = tuple[int, int]

# Rectification maps are as large as images: a camera that changes its ROI must not pile them up.
MAX_SIZES = 8


class FrameDroppedError(Exception):
    """Carry why a frame cannot become depth: a short cause to count, a sentence to act on."""

    def __init__(self, cause: str, text: str) -> None:
        super().__init__(text)
        self.cause = cause


@dataclass
class _Entry:
    """Hold one camera_info, and what follows from it: a model or a fault, later the geometry."""

    info: CameraInfo
    model: CameraModel | None = None
    fault: str = ''
    geometry: ImageGeometry | None = None


class Calibrations:
    """Keep what camera_info said; filled by one thread while another one asks."""

    def __init__(self, topic: str, input: str, rectify: bool) -> None:
        self._topic = topic
        self._input = input
        self._rectify = rectify
        self._entries: dict[Size, _Entry] = {}
        self._latest: _Entry | None = None

    def __bool__(self) -> bool:
        return self._latest is not None

    @property
    def may_rectify(self) -> bool:
        """Say whether an image may come that needs rectification; True as long as unknown."""
        entries = list(self._entries.values())
        return not entries or any(
            entry.geometry is None or entry.geometry.maps is not None for entry in entries
        )

    def update(self, info: CameraInfo) -> None:
        """Take in a camera_info; one that says nothing new costs a comparison."""
        size = described_size(info)
        known = self._entries.get(size)
        if known is None or not _same_calibration(info, known.info):
            known = _read(info)
            self._entries = {**self._kept(), size: known}
        self._latest = known

    def _kept(self) -> dict[Size, _Entry]:
        return {} if len(self._entries) >= MAX_SIZES else self._entries

    def geometry(self, size: Size) -> ImageGeometry:
        """Return how an image of this (height, width) becomes an undistorted one.

        Raises:
            FrameDroppedError: camera_info is unusable, or describes another size.
        """
        entry = self._entries.get(size) or self._latest
        assert entry is not None
        if not entry.fault and entry.model is not None and entry.model.size != size:
            raise FrameDroppedError('size_mismatch', self._mismatch(size))
        if entry.geometry is None and not entry.fault:
            self._find_geometry(entry)
        if entry.geometry is None:
            raise FrameDroppedError(
                'bad_camera_info', f'camera_info on {self._topic}: {entry.fault}'
            )
        return entry.geometry

    def _find_geometry(self, entry: _Entry) -> None:
        """Make the maps once; they belong to this entry, whatever comes in meanwhile."""
        assert entry.model is not None
        try:
            entry.geometry = image_geometry_for(entry.model, self._input, self._rectify)
        except (ValueError, cv2.error) as error:
            entry.fault = (
                f'{error}. K, D, R and P do not go together: check who publishes camera_info.'
                if _is_numerical(error)
                else str(error)
            )

    def _mismatch(self, size: Size) -> str:
        described = ', '.join(f'{width}x{height}' for height, width in self._entries)
        return (
            f'the image is {size[1]}x{size[0]}, but camera_info on {self._topic} describes '
            f'{described}: publish the camera_info of this very image'
        )


def _read(info: CameraInfo) -> _Entry:
    try:
        return _Entry(info, model_from_message(info))
    except ValueError as error:
        return _Entry(info, fault=str(error))


def _is_numerical(error: Exception) -> bool:
    """Tell an error of a matrix library from a sentence of our own."""
    return type(error) is not ValueError


def _same_calibration(info: CameraInfo, last: CameraInfo) -> bool:
    return all(
        _plain(getattr(info, name)) == _plain(getattr(last, name))
        for name in (
            'height',
            'width',
            'distortion_model',
            'd',
            'k',
            'r',
            'p',
            'binning_x',
            'binning_y',
            'roi',
        )
    )


def _plain(value: Any) -> Any:
    """Return arrays as their bytes: NaN equals itself there, and it costs less."""
    return value.tobytes() if hasattr(value, 'tobytes') else value
