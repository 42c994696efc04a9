"""Camera calibrations: the YAML file of ROS's camera_calibration, and what must hold for any.

    image_width: 640
    image_height: 480
    camera_name: camera
    camera_matrix: {rows: 3, cols: 3, data: [fx, 0, cx, 0, fy, cy, 0, 0, 1]}
    distortion_model: plumb_bob             # or rational_polynomial, equidistant (fisheye)
    distortion_coefficients: {rows: 1, cols: 5, data: [k1, k2, p1, p2, k3]}
    rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}
    projection_matrix: {rows: 3, cols: 4, data: [fx', 0, cx', 0, 0, fy', cy', 0, 0, 0, 1, 0]}

Only the size and camera_matrix must be there; without distortion the image is as K says.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from mono_depth_ros.messages.camera_info import (
    CameraModel,
    ImageGeometry,
    camera_model,
    image_geometry_for,
)
from mono_depth_ros.messages.distortion import PLUMB_BOB
from mono_depth_ros.types import Matrix

_LOG = logging.getLogger(__name__)
_EXPECTED = (
    'the YAML file that camera_calibration writes: image_width, image_height, '
    'camera_matrix: {data: [9 numbers]}, distortion_model, '
    'distortion_coefficients: {data: […]}'
)
_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def read_calibration_file(path: str | Path) -> CameraModel:
    """Read the camera of a YAML file as camera_calibration writes it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such file, or its camera cannot be right.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"Calibration '{path}' does not exist. Expected {_EXPECTED}.")
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(
            f"Calibration '{path}' is no YAML: {error}. Expected {_EXPECTED}."
        ) from error
    try:
        return camera_model(
            int(content['image_width']),
            int(content['image_height']),
            _numbers(content, 'camera_matrix', 9),
            _numbers(content, 'distortion_coefficients', default=()).tolist(),
            _numbers(content, 'rectification_matrix', 9, _IDENTITY),
            _numbers(content, 'projection_matrix', 12, (0.0,) * 12),
            _distortion_model(content),
        )
    except (KeyError, TypeError) as error:
        reason = f'{error} is missing' if isinstance(error, KeyError) else str(error)
        raise ValueError(
            f"Calibration '{path}' cannot be read: {reason}. Expected {_EXPECTED}."
        ) from error
    except ValueError as error:
        raise ValueError(f"Calibration '{path}': {error}") from error


class Camera(NamedTuple):
    """A camera whose images can be undistorted.

    Attributes:
        model: its calibration.
        geometry: what is done with its images.
    """

    model: CameraModel
    geometry: ImageGeometry


def read_camera_file(path: str | Path, input: str) -> Camera:
    """Read the camera of a YAML file, see `read_calibration_file` and `checked_camera`."""
    return checked_camera(read_calibration_file(path), input, f"Calibration '{path}'")


def checked_camera(model: CameraModel, input: str, where: str) -> Camera:
    """Decide how a camera's images become undistorted ones, and check that K fits their size.

    Args:
        model: the camera.
        input: 'raw', or 'rectified' where the images are rectified already.
        where: file or topic, for messages.

    Raises:
        ValueError: the calibration cannot be used; says what to do.
    """
    geometry = geometry_of(model, input, where)
    check_principal_point(geometry.K_out, model.size, where)
    return Camera(model, geometry)


def geometry_of(model: CameraModel, input: str, where: str) -> ImageGeometry:
    """Decide how images become undistorted ones.

    Args:
        model: the camera.
        input: 'raw', or 'rectified' where the images are rectified already.
        where: file or topic, for messages.

    Raises:
        ValueError: the calibration cannot be used; says what to do.
    """
    try:
        geometry = image_geometry_for(model, input, rectify=True)
    except ValueError as error:
        raise ValueError(f'{where}: {error}') from error
    if geometry.valid is not None and not geometry.valid.any():
        raise ValueError(f'{where}: {geometry.note} Calibrate the camera again.')
    if geometry.note:
        _LOG.warning('%s: %s', where, geometry.note)
    return geometry


def check_principal_point(K: Matrix, size: tuple[int, int], where: str) -> None:
    """Refuse intrinsics whose optical axis misses the image: they belong to another size.

    Raises:
        ValueError: cx or cy is outside an image of this (height, width).
    """
    height, width = size
    if not (0 <= K[0, 2] < width and 0 <= K[1, 2] < height):
        raise ValueError(
            f'{where}: the principal point ({K[0, 2]:.1f}, {K[1, 2]:.1f}) lies outside the image '
            f'of {width}x{height}. The calibration belongs to images of another size: calibrate '
            'at this size, or scale fx, fy, cx and cy with the image.'
        )


def _distortion_model(content: dict[str, Any]) -> str:
    """Return the model's name: camera_calibration writes camera_model: fisheye without another."""
    if content.get('distortion_model'):
        return str(content['distortion_model'])
    camera = str(content.get('camera_model') or PLUMB_BOB)
    return PLUMB_BOB if camera == 'pinhole' else camera


def _numbers(
    content: dict[str, Any],
    key: str,
    count: int | None = None,
    default: tuple[float, ...] | None = None,
) -> Matrix:
    if default is not None and key not in content:
        return np.asarray(default, float)
    values = np.asarray(content[key]['data'], float).ravel()
    if count is not None and values.size != count:
        raise ValueError(f"'{key}' has {values.size} numbers, expected {count}.")
    return values
