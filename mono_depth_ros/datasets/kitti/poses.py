"""The poses.txt of a KITTI drive: read it, and find it from the images where there is none."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from mono_depth_ros.datasets.image_files import read_image
from mono_depth_ros.datasets.kitti.calibration import FILE_NAME, read_camera
from mono_depth_ros.datasets.kitti.drive import find_sensors, sensor_files
from mono_depth_ros.datasets.visual_odometry import FoundPoses, find_poses
from mono_depth_ros.types import Matrix

POSES = 'poses.txt'


@lru_cache(maxsize=64)
def read_poses(path: Path) -> Matrix | None:
    """Return world_from_camera (N, 3, 4) of a drive's camera 0; None if there is no such file.

    Raises:
        ValueError: it does not hold 12 numbers per line.
    """
    if not path.is_file():
        return None
    try:
        return np.loadtxt(path).reshape(-1, 3, 4)
    except ValueError as error:
        raise ValueError(f"'{path}': expected 12 numbers per line, {error}") from error


def motion_of(poses: Matrix | None, index: int, offset: int, x: float) -> Matrix | None:
    """Return source_from_target (4, 4) of a camera that sits x to the right of camera 0.

    None where the poses do not say it.
    """
    if poses is None or not 0 <= index + offset < len(poses) or index >= len(poses):
        return None
    target, source = np.eye(4), np.eye(4)
    target[:3], source[:3] = poses[index], poses[index + offset]
    camera_from_first = _to_the_right(-x)
    motion = camera_from_first @ np.linalg.inv(source) @ target @ np.linalg.inv(camera_from_first)
    return np.asarray(motion)


def write_drive_poses(path: Path, found: FoundPoses) -> None:
    """Write them as KITTI's odometry does: 12 numbers per image."""
    np.savetxt(path, found.poses.reshape(-1, 12), '%.9e')


def find_drive_poses(root: Path, drive: str, camera_height: float) -> FoundPoses:
    """Find the poses of camera 0 of a drive by its first camera that has images.

    Raises:
        FileNotFoundError: there is no calibration, or no image.
        ValueError: images are missing in between, broken or show no motion over a road.
    """
    folder = root / drive
    sensor = find_sensors(folder)[0]
    files = sensor_files(folder / sensor)
    numbers = [int(file.stem) for file in files]
    if numbers != list(range(len(files))):
        missing = next(place for place, own in enumerate(numbers) if place != own)
        raise ValueError(
            f"'{files[0].parent}' has no image {missing:010}; a line of {POSES} is an image's "
            'number, and motion is found from each to the next: expected all from 0 on.'
        )
    camera = read_camera(folder.parent / FILE_NAME, int(sensor[-2:]))
    images = (cv2.cvtColor(read_image(file), cv2.COLOR_RGB2GRAY) for file in files)
    try:
        poses = find_poses(
            (np.asarray(image, np.uint8) for image in images), camera.K, camera_height
        )
    except ValueError as error:
        raise ValueError(f"'{drive}', {sensor}: {error}") from error
    whole = np.tile(np.eye(4), (len(poses), 1, 1))
    whole[:, :3] = poses
    return FoundPoses(drive, (_to_the_right(camera.x) @ whole @ _to_the_right(-camera.x))[:, :3])


def _to_the_right(x: float) -> Matrix:
    moved = np.eye(4)
    moved[0, 3] = x
    return moved
