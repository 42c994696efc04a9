"""Find the poses of what training reads, KITTI drives and bags, and put them where it looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.datasets.bag.options import BagOptions
from mono_depth_ros.datasets.bag.poses import poses_file, write_poses
from mono_depth_ros.datasets.bag.recording import BagRecording
from mono_depth_ros.datasets.kitti.poses import POSES, find_drive_poses, write_drive_poses
from mono_depth_ros.datasets.split_making import find_bags, find_drives, is_bag
from mono_depth_ros.datasets.visual_odometry import FoundPoses, find_poses

KITTI, BAGS = 'kitti_raw', 'rosbag'


@dataclass(frozen=True)
class PoseSource:
    """One drive or bag.

    Attributes:
        name: as split files have it.
        data: the data set that reads it: 'kitti_raw' or 'rosbag'.
        file: where its poses belong.
        find: finds and writes them for a camera's height above the road [m].
    """

    name: str
    data: str
    file: Path
    find: Callable[[float], FoundPoses]


def pose_sources(root: Path, options: BagOptions) -> list[PoseSource]:
    """Return the bag that root is, the bags that it holds, or the drives of KITTI's layout.

    Args:
        root: a bag, a folder of bags, or the folder of KITTI's recording days.
        options: which camera of a bag, and how its images are to be taken.

    Raises:
        FileNotFoundError: there is neither.
    """
    if is_bag(root):
        return [_bag(root, options)]
    if root.is_dir() and any(is_bag(path) for path in root.iterdir()):
        return [_bag(root / name, options) for name in find_bags(root)]
    return [
        PoseSource(drive, KITTI, root / drive / POSES, partial(_find_drive, root, drive))
        for drive in find_drives(root)
    ]


def _bag(path: Path, options: BagOptions) -> PoseSource:
    return PoseSource(path.name, BAGS, poses_file(path), partial(_find_bag, path, options))


def _find_drive(root: Path, drive: str, camera_height: float) -> FoundPoses:
    found = find_drive_poses(root, drive, camera_height)
    write_drive_poses(root / drive / POSES, found)
    return found


def _find_bag(path: Path, options: BagOptions, camera_height: float) -> FoundPoses:
    recording = BagRecording(path, replace(options, offsets=()))
    count = len(recording.stamps)
    try:
        images = (_gray(recording.read(index)) for index in range(count))
        poses = find_poses(images, recording.K, camera_height)
    except ValueError as error:
        raise ValueError(f"Bag '{path}': {error}") from error
    finally:
        recording.close()
    write_poses(poses_file(path), recording.stamps.tolist(), poses)
    return FoundPoses(path.name, poses)


def _gray(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
