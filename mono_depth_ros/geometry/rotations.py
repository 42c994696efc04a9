"""Rotations as ROS messages carry them: unit quaternions (x, y, z, w) ↔ matrices, in NumPy."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mono_depth_ros.types import Matrix

# A quaternion that is off unit length by more was not meant as a rotation.
_UNIT_TOLERANCE = 1e-2


def quaternion_from_matrix(rotation: ArrayLike) -> NDArray[np.float64]:
    """Return the unit quaternion (4,) x, y, z, w of a rotation (3, 3), with w >= 0.

    It is the eigenvector of the largest eigenvalue of a symmetric 4x4 matrix (Bar-Itzhack, "New
    method for extracting the quaternion from a rotation matrix", JGCD 2000): the nearest rotation
    where rounding has left the matrix not quite orthonormal.
    """
    r = np.asarray(rotation, float)
    k = np.array([
        [r[0, 0] - r[1, 1] - r[2, 2], r[1, 0] + r[0, 1], r[2, 0] + r[0, 2], r[2, 1] - r[1, 2]],
        [r[1, 0] + r[0, 1], r[1, 1] - r[0, 0] - r[2, 2], r[2, 1] + r[1, 2], r[0, 2] - r[2, 0]],
        [r[2, 0] + r[0, 2], r[2, 1] + r[1, 2], r[2, 2] - r[0, 0] - r[1, 1], r[1, 0] - r[0, 1]],
        [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], r[0, 0] + r[1, 1] + r[2, 2]],
    ])  # fmt: skip
    quaternion = np.linalg.eigh(k)[1][:, -1]
    return np.asarray(quaternion if quaternion[3] >= 0 else -quaternion)


def matrix_from_quaternion(quaternion: ArrayLike) -> Matrix:
    """Return the rotation (3, 3) of a quaternion (4,) x, y, z, w of about unit length.

    Raises:
        ValueError: its length is not 1.
    """
    given = np.asarray(quaternion, float)
    length = float(np.linalg.norm(given))
    if not abs(length - 1) < _UNIT_TOLERANCE:
        raise ValueError(
            f'Quaternion (x, y, z, w) = {given.tolist()} has length {length:g}, '
            'expected 1. Check who publishes it.'
        )
    x, y, z, w = given / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def matrix_from_euler(roll: float, pitch: float, yaw: float) -> Matrix:
    """Return the rotation (3, 3) Rz(yaw) Ry(pitch) Rx(roll) [rad]: the fixed axes of REP 103."""
    (sr, sp, sy), (cr, cp, cy) = np.sin([roll, pitch, yaw]), np.cos([roll, pitch, yaw])
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


def rigid(rotation: ArrayLike, translation: ArrayLike) -> Matrix:
    """Return the transform (4, 4) that rotates by (3, 3), then moves by (3,) [m]."""
    transform = np.eye(4)
    transform[:3, :3] = rotation
    transform[:3, 3] = translation
    return transform


def inverse_rigid(transform: Matrix) -> Matrix:
    """Return the inverse of a rigid transform (4, 4)."""
    rotation = transform[:3, :3].T
    return rigid(rotation, -rotation @ transform[:3, 3])
