"""KITTI's calibration as frames of REP 103 and REP 105, with the fixed transforms between them.

odom (east, north, up) → base_link (forward, left, up; on the ground) → imu_link → velodyne
(forward, left, up) → camera_…_optical (right, down, forward) of the rectified cameras.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mono_depth_ros.datasets.kitti.calibration import FILE_NAME, read_numbers
from mono_depth_ros.datasets.kitti.drive import CAMERAS, IMU_FILE, VELO_FILE
from mono_depth_ros.geometry.rotations import inverse_rigid, rigid
from mono_depth_ros.types import Matrix

Transform = tuple[str, str, Matrix]

ODOM, BASE, IMU, VELODYNE = 'odom', 'base_link', 'imu_link', 'velodyne'

# By KITTI's drawing of the car: the unit is 0.05 m behind the rear axle, 0.32 m left, 0.93 m above
# the road; the axles are 2.71 m apart, and base_link is halfway between them.
BASE_FROM_IMU = rigid(np.eye(3), (-2.71 / 2 - 0.05, 0.32, 0.93))


def optical_frame(camera: int) -> str:
    """Return the name of a camera's optical frame."""
    return f'{CAMERAS[camera]}_optical'


def fixed_transforms(
    day: Path, cameras: Sequence[int], has_unit: bool
) -> tuple[list[Transform], list[str]]:
    """Return (parent, child, parent_from_child) of the car, and notes on what is not known.

    Args:
        day: folder with the calib_*.txt files.
        cameras: numbers of the cameras to place.
        has_unit: whether the drive has readings of the GPS and inertial unit.

    Raises:
        FileNotFoundError, ValueError: the calibration of the cameras is missing or broken.
    """
    is_linked = (day / IMU_FILE).is_file()
    transforms = [(BASE, IMU, BASE_FROM_IMU)] if has_unit or is_linked else []
    notes = []
    if is_linked:
        transforms.append((IMU, VELODYNE, inverse_rigid(_read_rigid(day / IMU_FILE))))
    else:
        notes.append(f"no '{day / IMU_FILE}': nothing connects base_link with the other sensors")
    places = {camera: _rectified_from_reference(day, camera) for camera in cameras}
    if (day / VELO_FILE).is_file():
        rectification = read_numbers(day / FILE_NAME, 'R_rect_00', 9).reshape(3, 3)
        reference = rigid(rectification, (0, 0, 0)) @ _read_rigid(day / VELO_FILE)
        transforms += [
            (VELODYNE, optical_frame(camera), inverse_rigid(place @ reference))
            for camera, place in places.items()
        ]
        return transforms, notes
    notes.append(f"no '{day / VELO_FILE}': nothing says where the cameras are on the car")
    first = cameras[0]
    transforms += [
        (
            optical_frame(first),
            optical_frame(camera),
            places[first] @ inverse_rigid(places[camera]),
        )
        for camera in cameras[1:]
    ]
    return transforms, notes


def baseline(day: Path, camera: int) -> float:
    """Return how far a camera sits right of the left one of its pair [m]; 0 for a left one."""
    if camera % 2 == 0:
        return 0.0
    left, right = (_rectified_from_reference(day, c)[0, 3] for c in (camera - 1, camera))
    return float(left - right)


def _rectified_from_reference(day: Path, camera: int) -> Matrix:
    """Return the transform (4, 4) from rectified camera 0: P = K [I | t]."""
    P = read_numbers(day / FILE_NAME, f'P_rect_{camera:02}', 12).reshape(3, 4)
    return rigid(np.eye(3), np.linalg.solve(P[:, :3], P[:, 3]))


def _read_rigid(path: Path) -> Matrix:
    return rigid(read_numbers(path, 'R', 9).reshape(3, 3), read_numbers(path, 'T', 3))
