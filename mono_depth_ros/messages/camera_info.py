"""The fields of a CameraInfo message → a camera model → what to do with its images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from mono_depth_ros.messages.distortion import COEFFICIENTS, EQUIDISTANT, read_distortion
from mono_depth_ros.types import Matrix

Mask = NDArray[np.bool_]
Maps = tuple[NDArray[Any], NDArray[Any]]

# What no lens comes near; beyond, float32 and the distortion's polynomials overflow.
_FOCAL_LENGTHS = (1.0, 1e7)  # [px]
_MAX_NORMALISED_FOCAL = 32  # a lens that sees 2 degrees, if f is in parts of the image
_MIN_SIDE = 8  # [px], beyond which no camera has its centre in the first pixel
_MAX_ENTRY = 1e7  # of K and P [px], and of D
_NEGLIGIBLE = 0.05  # [px]
_TOLERANCE = 1 / 32  # [px], the resolution of cv2.remap
_MAX_WITHOUT_SOURCE = 0.2  # of a rectified image, before somebody should look at it


@dataclass(frozen=True, eq=False)
class CameraModel:
    """The calibration of one image, ROI and binning applied.

    Attributes:
        size: (height, width) of the image [px].
        K: (3, 3) intrinsics of the image as it leaves the camera [px]; all zero where only the
            rectified image has been described, by P.
        D: coefficients of the distortion model.
        R: (3, 3) rectified_from_camera rotation.
        P: (3, 4) projection into the rectified image [px]; all zero where it is not known.
        distortion_model: its name in ROS.
    """

    size: tuple[int, int]
    K: Matrix
    D: tuple[float, ...]
    R: Matrix
    P: Matrix
    distortion_model: str

    @property
    def is_distorted(self) -> bool:
        """Say whether K alone does not describe the image.

        The equidistant model bends rays even if all its coefficients are 0.
        """
        return any(self.D) or (self.distortion_model == EQUIDISTANT and len(self.D) > 0)

    @property
    def rectified_K(self) -> Matrix:  # noqa: N802 - K is the field's name
        """(3, 3) intrinsics of the rectified image: P[:3, :3], or K where P is not known."""
        return self.P[:, :3] if self.P.any() else self.K


@dataclass(frozen=True, eq=False)
class ImageGeometry:
    """What to do with the images of a camera.

    Attributes:
        K_out: (3, 3) intrinsics of the images after `rectify_image` [px].
        maps: what cv2.remap needs, or None when the images stay as they are.
        note: what the user should know, or ''.
        valid: (H, W) bool, False where a rectified pixel has no source; None when all have one.
    """

    K_out: Matrix
    maps: Maps | None = None
    note: str = ''
    valid: Mask | None = None


def camera_model(
    width: int,
    height: int,
    K: ArrayLike,
    D: Sequence[float],
    R: ArrayLike,
    P: ArrayLike,
    distortion_model: str,
    binning: tuple[int, int] = (0, 0),
    roi: tuple[int, int, int, int] = (0, 0, 0, 0),
) -> CameraModel:
    """Read the fields of a CameraInfo message.

    Args:
        width: of the sensor's full, unbinned image [px].
        height: the same.
        K: 9 values, row by row.
        D: coefficients of the distortion model.
        R: 9 values; all zero is taken as not filled in, that is the identity.
        P: 12 values; all zero is taken as not known.
        distortion_model: its name in ROS.
        binning: (x, y); 0 is the same as 1.
        roi: (x_offset, y_offset, width, height) in unbinned pixels; all zero is the full image.

    Raises:
        ValueError: the camera is not calibrated, or the calibration cannot be right.
    """
    K_full, P_full = np.reshape(K, (3, 3)).astype(float), np.reshape(P, (3, 4)).astype(float)
    rotation = np.reshape(R, (3, 3)).astype(float)
    _check_intrinsics(K_full, P_full, min(width, height))
    coefficients = tuple(float(value) for value in D)
    if not np.isfinite([*coefficients, *rotation.ravel()]).all():
        raise ValueError(
            f'D = {coefficients} and R = {rotation.ravel().tolist()} must be finite; '
            f'run camera_calibration again.'
        )
    if any(abs(value) > _MAX_ENTRY for value in coefficients):
        raise ValueError(
            f'D = {coefficients} has entries beyond {_MAX_ENTRY:g}; run camera_calibration again.'
        )
    distortion_model, coefficients = read_distortion(distortion_model, coefficients)
    rotation = rotation if rotation.any() else np.eye(3)
    size = _checked_size(width, height, binning, roi)
    to_image = _roi_and_binning(binning, roi)
    return CameraModel(
        size, to_image @ K_full, coefficients, rotation, to_image @ P_full, distortion_model
    )


def image_geometry_for(model: CameraModel, input: str, rectify: bool) -> ImageGeometry:
    """Decide on the intrinsics of a camera's images, and on how to rectify them.

    Args:
        model: the camera.
        input: 'rectified' when the images are rectified already, 'raw' when they are not.
        rectify: rectify raw images.

    Raises:
        ValueError: the calibration does not allow it; says what to do.
    """
    if input not in ('raw', 'rectified'):
        raise ValueError(f"input is '{input}'; expected 'raw' or 'rectified'.")
    if input == 'rectified':
        return _geometry_of_rectified(model)
    if not model.K.any():
        raise ValueError(
            'K is all zero and P is not: camera_info describes the rectified image alone. Set '
            'input:=rectified if the images are rectified, or calibrate the camera.'
        )
    if not model.is_distorted:
        return ImageGeometry(model.K)
    if not rectify:
        return ImageGeometry(model.K, note=_distortion_note(model))
    _check_model(model)
    x, y = _source_pixels(model)
    columns, rows = np.meshgrid(np.arange(model.size[1]), np.arange(model.size[0]))
    if np.hypot(x - columns, y - rows).max() < _NEGLIGIBLE:
        return ImageGeometry(model.K)
    valid = _is_inside(x, y) & _is_one_to_one(model)
    maps = _remap_tables(x, y, valid)
    return ImageGeometry(
        model.rectified_K, maps, _source_note(valid), None if valid.all() else valid
    )


def _source_note(valid: Mask) -> str:
    if not valid.any():
        return 'No pixel of the rectified image has a source; check R and P.'
    missing = 1 - valid.mean()
    if missing <= _MAX_WITHOUT_SOURCE:
        return ''
    return (
        f'{missing:.0%} of the rectified image has no source in the camera image: are the images '
        'rectified already? Then set input:=rectified.'
    )


def rectify_image(image: NDArray[np.uint8], geometry: ImageGeometry) -> NDArray[np.uint8]:
    """Rectify an image (H, W, 3); pixels without a source become black."""
    if geometry.maps is None:
        return image
    expected = geometry.maps[0].shape[:2]
    if image.shape[:2] != expected:
        raise ValueError(
            f'Image is {image.shape[1]}x{image.shape[0]}, but its camera_info is for '
            f'{expected[1]}x{expected[0]}.'
        )
    return np.asarray(cv2.remap(image, *geometry.maps, cv2.INTER_LINEAR), np.uint8)


def _geometry_of_rectified(model: CameraModel) -> ImageGeometry:
    if not model.P.any() and model.is_distorted:
        raise ValueError(
            'The images are declared rectified, but P in camera_info is all zero and D is not, '
            'so nobody knows the intrinsics of the rectified image. Set input:=raw if the images '
            'are raw, or publish a camera_info with P.'
        )
    return ImageGeometry(model.rectified_K)


def _check_intrinsics(K: Matrix, P: Matrix, side: int) -> None:
    if not K.any() and not P.any():
        raise ValueError(
            'The camera is not calibrated: K is all zero. Run camera_calibration, '
            'or remap camera_info to a topic that has a calibration.'
        )
    for name, matrix in (('K', K), ('P', P)):
        if not matrix.any():
            continue
        text = f'{name} = {matrix.ravel().tolist()}'
        if _is_normalised(matrix, side):
            raise ValueError(
                f'{text} is normalised, in parts of the image rather than in pixels: multiply '
                'its first row by the width and its second row by the height.'
            )
        if not np.isfinite(matrix).all():
            raise ValueError(f'{text} has values that are not finite; calibrate the camera again.')
        if not all(_FOCAL_LENGTHS[0] <= matrix[i, i] <= _FOCAL_LENGTHS[1] for i in (0, 1)):
            raise ValueError(
                f'{text} has focal lengths {matrix[0, 0]:g} and {matrix[1, 1]:g}; '
                f'they must be positive, {_FOCAL_LENGTHS[0]:g} to '
                f'{_FOCAL_LENGTHS[1]:g} pixels. Calibrate the camera again.'
            )
        if np.abs(matrix).max() > _MAX_ENTRY:
            raise ValueError(
                f'{text} has entries beyond {_MAX_ENTRY:g} pixels. Calibrate the camera again.'
            )
        if not np.array_equal(matrix[2, :3], (0, 0, 1)):
            raise ValueError(
                f'{text} must have 0 0 1 in its last row. Check who publishes camera_info.'
            )


def _is_normalised(matrix: Matrix, side: int) -> bool:
    """Say whether intrinsics are in parts of the image's sides, of which one has `side` pixels."""
    focal, center = matrix[[0, 1], [0, 1]], matrix[:2, 2]
    if not (focal > 0).all():
        return False
    # Of a long lens the focal length says nothing, but its centre lies in the first pixel.
    in_parts = (focal < _MAX_NORMALISED_FOCAL).all() and (center > 0).all() and (center <= 1).all()
    return bool((focal < 1).any() or (in_parts and side > _MIN_SIDE))


def _check_model(model: CameraModel) -> None:
    if model.is_distorted and model.distortion_model not in COEFFICIENTS:
        raise ValueError(
            f"Distortion model '{model.distortion_model}' cannot be rectified. Supported: "
            f'{", ".join(COEFFICIENTS)}. Rectify the images elsewhere and set input:=rectified, '
            f'or set rectify:=false to use K as it is.'
        )


def image_size(
    width: int, height: int, binning: tuple[int, int], roi: tuple[int, int, int, int]
) -> tuple[int, int]:
    """Return the (height, width) of the images that a CameraInfo means, usable or not [px].

    The arguments are those of `camera_model`; a side that the ROI leaves 0 is the sensor's.
    """
    return ((roi[3] or height) // max(1, binning[1]), (roi[2] or width) // max(1, binning[0]))


def _checked_size(
    width: int, height: int, binning: tuple[int, int], roi: tuple[int, int, int, int]
) -> tuple[int, int]:
    if any(roi) and not (roi[2] > 0 and roi[3] > 0):
        raise ValueError(
            f'roi has offset ({roi[0]}, {roi[1]}) but size {roi[2]}x{roi[3]}; '
            f'expected its width and height, or zeros for the full image.'
        )
    size = image_size(width, height, binning, roi)
    if min(size) <= 0:
        raise ValueError(
            f'camera_info is for an image of {size[1]}x{size[0]} (width {width}, '
            f'height {height}, roi {roi}, binning {binning}); it must have pixels.'
        )
    return size


def _roi_and_binning(binning: tuple[int, int], roi: tuple[int, int, int, int]) -> Matrix:
    """Return (3, 3) image_from_sensor: subtract the offset, then divide, as image_geometry."""
    columns, rows = max(1, binning[0]), max(1, binning[1])
    return np.array(
        [[1 / columns, 0, -roi[0] / columns], [0, 1 / rows, -roi[1] / rows], [0, 0, 1]]
    )


def _source_pixels(model: CameraModel) -> tuple[Matrix, Matrix]:
    """Return, for each rectified pixel, its place x, y in the raw image, both (H, W)."""
    height, width = model.size
    arguments = (
        model.K,
        np.array(_opencv_coefficients(model)),
        model.R,
        model.rectified_K,
        (width, height),
        cv2.CV_32FC1,
    )
    if model.is_distorted and model.distortion_model == EQUIDISTANT:
        x, y = cv2.fisheye.initUndistortRectifyMap(*arguments)
    else:
        x, y = cv2.initUndistortRectifyMap(*arguments)
    return np.asarray(x, float), np.asarray(y, float)


def _is_one_to_one(model: CameraModel) -> Mask:
    """Say which rectified pixels the distortion model holds for, (H, W).

    Behind the camera, and where its polynomial turns back, it shows the image a second time.
    """
    height, width = model.size
    columns, rows = np.arange(width), np.arange(height)[:, None]
    to_camera = np.linalg.inv(model.rectified_K @ model.R)
    x, y, z = (row[0] * columns + row[1] * rows + row[2] for row in to_camera)
    return np.asarray(np.arctan2(np.hypot(x, y), z) < _turning_angle(model))


def _turning_angle(model: CameraModel) -> float:
    """Return the first angle off the axis at which the radial distortion turns back [rad]."""
    angles = np.linspace(0, np.pi / 2, 2000)[:-1]
    if model.is_distorted and model.distortion_model == EQUIDISTANT:
        squared = angles**2
        radii = angles * np.polyval([*reversed(model.D), 1], squared)
    else:
        k1, k2, _, _, k3, k4, k5, k6 = (*model.D, *[0.0] * 8)[:8]
        radii = np.tan(angles)
        squared = radii**2
        radii = radii * np.polyval([k3, k2, k1, 1], squared) / np.polyval([k6, k5, k4, 1], squared)
    turned = np.flatnonzero(np.diff(radii) <= 0)
    return float(angles[turned[0]] if turned.size else np.pi / 2)


def _opencv_coefficients(model: CameraModel) -> tuple[float, ...]:
    return model.D if model.is_distorted else (0.0, 0.0, 0.0, 0.0)


def _is_inside(x: Matrix, y: Matrix) -> Mask:
    height, width = x.shape
    return np.asarray(
        (x >= -_TOLERANCE)
        & (x <= width - 1 + _TOLERANCE)
        & (y >= -_TOLERANCE)
        & (y <= height - 1 + _TOLERANCE)
    )


def _remap_tables(x: Matrix, y: Matrix, valid: Mask) -> Maps:
    height, width = x.shape
    # Where there is no source: a place surely outside that fits the tables' short integers.
    columns = np.where(valid, np.clip(x, 0, width - 1), -9).astype(np.float32)
    rows = np.where(valid, np.clip(y, 0, height - 1), -9).astype(np.float32)
    return cv2.convertMaps(columns, rows, cv2.CV_16SC2)


def _distortion_note(model: CameraModel) -> str:
    """Say how far K alone misses the corners of a distorted image."""
    if not model.is_distorted:
        return ''
    if model.distortion_model not in COEFFICIENTS:
        return (
            f"The image is distorted by '{model.distortion_model}' and stays so; K is used as "
            f'it is, depth and cloud are wrong towards the corners.'
        )
    height, width = model.size
    corners = np.array([[x, y, 1.0] for x in (0, width - 1) for y in (0, height - 1)])
    rays = corners @ np.linalg.inv(model.K).T
    project = (
        cv2.fisheye.projectPoints if model.distortion_model == EQUIDISTANT else cv2.projectPoints
    )
    pixels, _ = project(rays[None], np.zeros(3), np.zeros(3), model.K, np.array(model.D))
    off = np.linalg.norm(pixels.reshape(4, 2) - corners[:, :2], axis=1).max()
    return (
        f'The image is distorted and stays so: with K alone its corners are off by up to '
        f'{off:.0f} px, and so are depth and cloud. Set rectify:=true to rectify it.'
    )
