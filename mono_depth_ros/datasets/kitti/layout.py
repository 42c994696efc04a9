"""The calibration files of KITTI raw, written for cameras and a lidar of any robot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from mono_depth_ros.datasets.kitti.calibration import FILE_NAME
from mono_depth_ros.datasets.kitti.drive import IMU_FILE, VELO_FILE
from mono_depth_ros.geometry.rotations import inverse_rigid, rigid
from mono_depth_ros.types import Matrix

# KITTI's P_rect_xx says where a camera is, but not that it looks another way.
_PARALLEL = np.radians(0.2)


@dataclass(frozen=True, eq=False)
class PlacedCamera:
    """A camera whose images are written rectified.

    Attributes:
        K: (3, 3) of the written images [px].
        size: (height, width) of them.
        rotation: (3, 3) rectified_from_optical.
        optical_from_reference: (4, 4) from the optical frame of the reference camera.
    """

    K: Matrix
    size: tuple[int, int]
    rotation: Matrix
    optical_from_reference: Matrix

    def rectified_from(self, reference: PlacedCamera) -> Matrix:
        """Return the transform (4, 4) from the reference's rectified frame.

        Raises:
            ValueError: the two do not look the same way once they are rectified.
        """
        transform = (
            rigid(self.rotation, (0, 0, 0))
            @ self.optical_from_reference
            @ inverse_rigid(rigid(reference.rotation, (0, 0, 0)))
        )
        angle = float(np.arccos(np.clip((np.trace(transform[:3, :3]) - 1) / 2, -1, 1)))
        if angle > _PARALLEL:
            raise ValueError(
                f'its rectified images look {np.degrees(angle):.1f} degrees away from those of '
                "the first camera, which KITTI's layout cannot say. Rectify the cameras as a "
                'pair, or write each as a drive of its own.'
            )
        return np.asarray(transform)


def camera_text(cameras: Mapping[int, PlacedCamera], date: str) -> str:
    """Return calib_cam_to_cam.txt; the first camera takes the place of KITTI's camera 0.

    Raises:
        ValueError: a camera does not look the same way as the first one.
    """
    reference = next(iter(cameras.values()))
    lines = [f'calib_time: {date}']
    if 0 not in cameras:
        lines.append(_line('R_rect_00', reference.rotation))
    for number, camera in cameras.items():
        try:
            place = camera.rectified_from(reference)[:3, 3]
        except ValueError as error:
            raise ValueError(f'Camera {number:02}: {error}') from error
        P = np.hstack([camera.K, (camera.K @ place)[:, None]])
        size = camera.size[::-1]
        values: dict[str, ArrayLike] = {
            'S': size,
            'K': camera.K,
            'D': np.zeros(5),
            'R': np.eye(3),
            'T': place,
            'S_rect': size,
            'R_rect': camera.rotation,
            'P_rect': P,
        }
        lines += [_line(f'{key}_{number:02}', value) for key, value in values.items()]
    return '\n'.join(lines) + '\n'


def rigid_text(transform: Matrix, date: str) -> str:
    """Return a calib_velo_to_cam.txt or calib_imu_to_velo.txt of a transform (4, 4)."""
    return (
        '\n'.join(
            [
                f'calib_time: {date}',
                _line('R', transform[:3, :3]),
                _line('T', transform[:3, 3]),
                'delta_f: 0 0',
                'delta_c: 0 0',
            ]
        )
        + '\n'
    )


def write_day(
    day: Path,
    cameras: Mapping[int, PlacedCamera],
    date: str,
    camera_from_lidar: Matrix | None,
    lidar_from_imu: Matrix | None,
) -> None:
    """Write the calib_*.txt files of a day; another drive of that day must have the same.

    Args:
        day: the folder, which exists.
        cameras: by number; the first one is the reference.
        date: for the files' first line.
        camera_from_lidar: (4, 4) into the reference's optical frame, where it is known.
        lidar_from_imu: (4, 4), where it is known.

    Raises:
        ValueError: the day has another calibration already, or the cameras are not parallel.
    """
    texts = {FILE_NAME: camera_text(cameras, date)}
    if camera_from_lidar is not None:
        texts[VELO_FILE] = rigid_text(camera_from_lidar, date)
    if lidar_from_imu is not None:
        texts[IMU_FILE] = rigid_text(lidar_from_imu, date)
    for name, text in texts.items():
        path = day / name
        if path.exists() and path.read_text(encoding='utf-8') != text:
            raise ValueError(
                f"'{path}' exists and is another calibration, but a day of KITTI has one for all "
                'its drives. Write into another folder.'
            )
    for name, text in texts.items():
        (day / name).write_text(text, encoding='utf-8')


def _line(key: str, values: ArrayLike) -> str:
    """Write numbers so that they are read back to the last bit."""
    numbers = np.asarray(values, float).ravel().tolist()
    return f'{key}: {" ".join(repr(number) for number in numbers)}'
