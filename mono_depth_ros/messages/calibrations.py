"""CameraInfo messages, of rclpy or of a bag, and the latest calibration of every image size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from mono_depth_ros.messages.camera_info import (
    CameraModel,
    ImageGeometry,
    camera_model,
    image_geometry_for,
    image_size,
)
from mono_depth_ros.types import Size


class CalibrationError(ValueError):
    """An image has no usable calibration; `cause` is size_mismatch or bad_camera_info."""

    def __init__(self, cause: str, text: str) -> None:
        super().__init__(text)
        self.cause = cause


def camera_from_message(info: Any) -> CameraModel:
    """Read a CameraInfo of rclpy, or of a bag of ROS 1 or ROS 2, into a camera model.

    Raises:
        ValueError: not calibrated (K all zero) or otherwise unusable.
    """
    k, d, r, p = (_numbers(info, name) for name in 'kdrp')
    return camera_model(
        info.width, info.height, k, tuple(d), r, p, info.distortion_model, *_binning_and_roi(info)
    )


def calibration_of(info: Any) -> tuple[Any, ...]:
    """Return all of a CameraInfo but its header; equal where two say the same, NaN included."""
    numbers = (np.asarray(_numbers(info, name), float).tobytes() for name in 'kdrp')
    return (
        *numbers,
        info.width,
        info.height,
        info.distortion_model,
        *_binning_and_roi(info),
    )


def _numbers(info: Any, name: str) -> Any:
    """Return k, d, r or p of a CameraInfo; ROS 1 names them in capitals."""
    return getattr(info, name) if hasattr(info, name) else getattr(info, name.upper())


def _binning_and_roi(info: Any) -> tuple[tuple[int, int], tuple[int, int, int, int]]:
    roi = info.roi
    return ((info.binning_x, info.binning_y), (roi.x_offset, roi.y_offset, roi.width, roi.height))


@dataclass
class _Entry:
    """One calibration, and what follows from it: a model or a fault, later the geometry."""

    said: tuple[Any, ...] = ()
    model: CameraModel | None = None
    fault: str = ''
    geometry: ImageGeometry | None = None


class Calibrations:
    """The latest calibration of every image size; filled by one thread while another one asks.

    Args:
        source: where they come from, for messages, such as 'camera_info on /camera_info'.
        input: 'raw', or 'rectified' where the images are rectified already.
        rectify: whether raw images are rectified.
        max_sizes: more sizes than this are forgotten, because rectification maps are as large as
            images; None keeps all.
    """

    def __init__(
        self, source: str, input: str, rectify: bool = True, max_sizes: int | None = None
    ) -> None:
        self._source = source
        self._input = input
        self._rectify = rectify
        self._max_sizes = max_sizes
        self._entries: dict[Size, _Entry] = {}
        self._latest: _Entry | None = None

    def __bool__(self) -> bool:
        return self._latest is not None

    def __len__(self) -> int:
        """Return how many sizes are known."""
        return len(self._entries)

    @property
    def may_rectify(self) -> bool:
        """Say whether an image may come that needs rectification; True as long as unknown."""
        entries = list(self._entries.values())
        return not entries or any(
            entry.geometry is None or entry.geometry.maps is not None for entry in entries
        )

    def update(self, info: Any) -> bool:
        """Take in a CameraInfo; one that says nothing new costs a comparison.

        Returns:
            True where it contradicts what was known for its size.
        """
        size = image_size(info.width, info.height, *_binning_and_roi(info))
        said = calibration_of(info)
        known = self._entries.get(size)
        if known is not None and said == known.said:
            self._latest = known
            return False
        self._keep(size, _read(info, said))
        return known is not None

    def add(self, model: CameraModel) -> None:
        """Take in a camera that was read already."""
        self._keep(model.size, _Entry(model=model))

    def _keep(self, size: Size, entry: _Entry) -> None:
        is_full = self._max_sizes is not None and len(self._entries) >= self._max_sizes
        self._entries = {**({} if is_full else self._entries), size: entry}
        self._latest = entry

    def geometry(self, size: Size) -> ImageGeometry:
        """Return how an image of this (height, width) becomes an undistorted one.

        Raises:
            CalibrationError: the calibration is unusable, or of another size.
        """
        entry = self._entries.get(size) or self._latest
        assert entry is not None
        if not entry.fault and entry.model is not None and entry.model.size != size:
            raise CalibrationError('size_mismatch', self._mismatch(size))
        if entry.geometry is None and not entry.fault:
            self._find_geometry(entry)
        if entry.geometry is None:
            raise CalibrationError('bad_camera_info', f'{self._source}: {entry.fault}')
        return entry.geometry

    def _find_geometry(self, entry: _Entry) -> None:
        """Make the maps once; they belong to this entry, whatever comes in meanwhile."""
        assert entry.model is not None
        try:
            entry.geometry = image_geometry_for(entry.model, self._input, self._rectify)
        except (np.linalg.LinAlgError, cv2.error) as error:
            entry.fault = (
                f'{error}. K, D, R and P do not go together: check who publishes camera_info.'
            )
        except ValueError as error:
            entry.fault = str(error)

    def _mismatch(self, size: Size) -> str:
        described = ', '.join(f'{width}x{height}' for height, width in self._entries)
        return (
            f'the image is {size[1]}x{size[0]}, but {self._source} describes {described}: give '
            'the calibration of this very image'
        )


def _read(info: Any, said: tuple[Any, ...]) -> _Entry:
    try:
        return _Entry(said, camera_from_message(info))
    except ValueError as error:
        return _Entry(said, fault=str(error))
