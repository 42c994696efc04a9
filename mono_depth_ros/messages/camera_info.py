"""CameraInfo's numbers → the pinhole that the depth image has, and the way there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Maps = tuple[NDArray[Any], NDArray[Any]]  # int16 pixels and uint16 fractions of cv2.remap
Size = tuple[int, int]

# Distortion model: how many coefficients it may have.
DISTORTION_MODELS = {'plumb_bob': (4, 5), 'rational_polynomial': (5, 8, 12, 14),
                     'equidistant': (4,)}
INPUTS = ('raw', 'rectified')


@dataclass(frozen=True, eq=False)
class CameraModel:
    """Hold the calibration of one image, ROI and binning applied.

    Attributes:
        size: (height, width) of the very image.
        K: (3, 3) intrinsics of the raw image [px].
        D: distortion coefficients, empty for none.
        R: (3, 3) rotation from the camera to the rectified camera.
        P: (3, 4) projection of the rectified image [px], all zero if not given.
        distortion_model: plumb_bob, rational_polynomial, equidistant, or another name.
    """

    size: Size
    K: Matrix
    D: tuple[float, ...]
    R: Matrix
    P: Matrix
    distortion_model: str

    @property
    def is_distorted(self) -> bool:
        """Whether any distortion coefficient is not zero."""
        return any(self.D)


@dataclass(frozen=True, eq=False)
class ImageGeometry:
    """Hold what turns an image into an undistorted pinhole image.

    Attributes:
        K: (3, 3) intrinsics of the undistorted image [px].
        maps: for cv2.remap, or None when the image is undistorted as it comes.
        valid: (H, W) where the undistorted image has a source, or None for everywhere.
        note: what the user should know, or ''.
    """

    K: Matrix
    maps: Maps | None = None
    valid: NDArray[np.bool_] | None = None
    note: str = ''


def camera_model(
    width: int, height: int, K: Any, D: Sequence[float], R: Any, P: Any,
    distortion_model: str, *,
    binning: tuple[int, int] = (0, 0), roi: tuple[int, int, int, int] = (0, 0, 0, 0),
) -> CameraModel:
    """Read CameraInfo's fields, applying ROI and binning as image_geometry does.

    Args:
        width: width of the full, unbinned image.
        height: height of the full, unbinned image.
        K: 9 values, row by row, in any form that NumPy takes; so for R and P.
        D: distortion coefficients.
        R: 9 values; all zero is taken as the identity.
        P: 12 values; all zero means not given.
        distortion_model: name of the model of D.
        binning: (x, y); 0 means 1.
        roi: (x_offset, y_offset, width, height) in full-resolution pixels; all zero: everything.

    Raises:
        ValueError: not calibrated (K all zero), or numbers that cannot be a camera.
    """
    K = np.asarray(K, np.float64).reshape(3, 3).copy()
    P = np.asarray(P, np.float64).reshape(3, 4).copy()
    R = np.asarray(R, np.float64).reshape(3, 3)
    _check_intrinsics(K)
    _check_finite(D, R, P)
    x_offset, y_offset, roi_width, roi_height = roi
    if any(roi):
        width, height = roi_width or width - x_offset, roi_height or height - y_offset
    x_bin, y_bin = (max(1, count) for count in binning)
    for matrix in (K, P):
        if matrix.any():
            matrix[0, 2] -= x_offset
            matrix[1, 2] -= y_offset
            matrix[0] /= x_bin
            matrix[1] /= y_bin
    return CameraModel((height // y_bin, width // x_bin), K, tuple(float(d) for d in D),
                       R if R.any() else np.eye(3), P, distortion_model)


def _check_intrinsics(K: Matrix) -> None:
    if not K.any():
        raise ValueError('K is all zero: the camera is not calibrated. Run camera_calibration, '
                         'or load its calibration file in the camera driver.')
    if not np.isfinite(K).all() or K[0, 0] <= 0 or K[1, 1] <= 0:
        raise ValueError(f'K has focal lengths {K[0, 0]} and {K[1, 1]}: both must be positive '
                         'numbers [px]. Calibrate the camera anew.')


def _check_finite(D: Sequence[float], R: Matrix, P: Matrix) -> None:
    for name, values in (('D', np.asarray(D, np.float64)), ('R', R), ('P', P)):
        if not np.isfinite(values).all():
            raise ValueError(f'{name} holds NaN or infinity: {values.ravel().tolist()}. '
                             'Calibrate the camera anew.')


def image_geometry_for(model: CameraModel, input: str, rectify: bool) -> ImageGeometry:
    """Decide how an image becomes an undistorted one, and which K that one has.

    Args:
        model: the camera's calibration.
        input: 'raw': the image is as the sensor saw it; 'rectified': it is undistorted already,
            D is ignored and K is that of P.
        rectify: whether a raw image with distortion or rotation is rectified; otherwise K is
            used as if there was none, and the note says how wrong that is.

    Raises:
        ValueError: unknown input or distortion model, or a calibration that lacks P.
    """
    if input not in INPUTS:
        raise ValueError(f"input '{input}' is not one of {', '.join(INPUTS)}.")
    if input == 'rectified':
        return ImageGeometry(_rectified_intrinsics(model))
    if not model.is_distorted and np.allclose(model.R, np.eye(3)):
        return ImageGeometry(model.K)
    if model.is_distorted:
        _check_distortion(model)
    if rectify:
        return _rectification(model)
    return ImageGeometry(model.K, note=(
        f'rectify is off, so distortion is ignored: pixels at the corners are '
        f'{_corner_error(model):.1f} px off; set rectify:=true'))


def _rectified_intrinsics(model: CameraModel) -> Matrix:
    if model.P[:, :3].any():
        return np.array(model.P[:, :3])
    if model.is_distorted:
        raise ValueError('P is all zero although D is not: the intrinsics of the rectified image '
                         'are unknown. Publish a camera_info with P, or set input:=raw.')
    return model.K


def _check_distortion(model: CameraModel) -> None:
    counts = DISTORTION_MODELS.get(model.distortion_model)
    if counts is None:
        raise ValueError(
            f"Distortion model '{model.distortion_model}' is not supported. Supported: "
            f"{', '.join(DISTORTION_MODELS)}; or rectify the image elsewhere and set "
            'input:=rectified.')
    if len(model.D) not in counts:
        raise ValueError(f"'{model.distortion_model}' has {' or '.join(map(str, counts))} "
                         f'coefficients, but D has {len(model.D)}.')


def _rectification(model: CameraModel) -> ImageGeometry:
    """Make the maps K, D, R → P once; P all zero keeps the raw image's K."""
    height, width = model.size
    new_K = model.P[:, :3].copy() if model.P[:, :3].any() else model.K
    D = np.asarray(model.D, np.float64)
    if model.distortion_model == 'equidistant' and model.is_distorted:
        x, y = cv2.fisheye.initUndistortRectifyMap(
            model.K, D, model.R, new_K, (width, height), cv2.CV_32FC1)
    else:
        x, y = cv2.initUndistortRectifyMap(
            model.K, D if D.size else np.zeros(5), model.R, new_K, (width, height), cv2.CV_32FC1)
    valid = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    maps = cv2.convertMaps(x, y, cv2.CV_16SC2)
    return ImageGeometry(new_K, (maps[0], maps[1]), None if valid.all() else valid)


def _corner_error(model: CameraModel) -> float:
    """Return how far distortion moves the corners of the image at most [px]."""
    height, width = model.size
    corners = np.array([[[x, y]] for x in (0, width - 1) for y in (0, height - 1)], np.float64)
    D = np.asarray(model.D, np.float64)
    undistort: Any = (cv2.fisheye if model.distortion_model == 'equidistant' else cv2
                      ).undistortPoints
    ideal = undistort(corners, model.K, D, R=model.R, P=model.K)
    return float(np.linalg.norm(ideal - corners, axis=-1).max())


def rectify_image(image: NDArray[np.uint8], geometry: ImageGeometry) -> NDArray[np.uint8]:
    """Return the undistorted image, black where it has no source; itself if nothing is to do."""
    if geometry.maps is None:
        return image
    return np.asarray(cv2.remap(image, *geometry.maps, cv2.INTER_LINEAR), np.uint8)
