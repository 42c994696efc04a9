"""KITTI's laser scans as sparse depth images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.datasets.kitti.calibration import FILE_NAME, read_numbers
from mono_depth_ros.datasets.kitti.drive import VELO_FILE, read_points
from mono_depth_ros.evaluation.point_depth import keep_nearest, transform_points

Array = NDArray[np.float64]


def read_scan(path: Path) -> Array:
    """Read the points of a velodyne_points/*.bin file.

    Returns:
        (N, 3) points [m]: x forward, y left, z up.

    Raises:
        ValueError: the file ends within a point.
    """
    # One axis after the other in memory, as they are used.
    axes = read_points(path).T[:3].astype(np.float64)
    return np.asarray(axes.T)


def velodyne_projection(day: Path, camera: int) -> Array:
    """Return the (3, 4) matrix from the scanner's points to a rectified camera's pixels.

    Args:
        day: folder with the calib_*.txt files.
        camera: 0 to 3.

    Raises:
        FileNotFoundError, ValueError: a calibration is missing or broken.
    """
    camera_from_scanner = np.eye(4)
    scanner_file = day / VELO_FILE
    camera_from_scanner[:3, :3] = read_numbers(scanner_file, 'R', 9).reshape(3, 3)
    camera_from_scanner[:3, 3] = read_numbers(scanner_file, 'T', 3)
    rectification = np.eye(4)
    rectification[:3, :3] = read_numbers(day / FILE_NAME, 'R_rect_00', 9).reshape(3, 3)
    P = read_numbers(day / FILE_NAME, f'P_rect_{camera:02}', 12).reshape(3, 4)
    return P @ rectification @ camera_from_scanner


def velodyne_depth(
    points: Array, projection: Array, size: tuple[int, int], along: str = 'scanner'
) -> Array:
    """Project scanned points into a depth image by the rules of the Eigen protocol.

    A pixel's value there is the point's x, forward from the scanner, not from the camera 0.27 m
    ahead of it. Points behind either are dropped, the nearest of a pixel wins, and pixels count
    from 1 (the round-to-pixel minus 1 of KITTI's own tools).

    Args:
        points: (N, 3) points [m]: x forward, y left, z up.
        projection: (3, 4) from velodyne_projection.
        size: (height, width) of the image.
        along: which way depth is measured: the 'scanner's x axis, or the 'camera's optical axis.

    Returns:
        (height, width) [m], 0 where no point fell.

    Raises:
        ValueError: along is neither.
    """
    if along not in ('scanner', 'camera'):
        raise ValueError(f"along is '{along}'; expected scanner or camera.")
    forward = points[:, 0]
    u, v, z = transform_points(points, projection)
    ahead = (forward >= 0) & (z > 0)
    u, v, z, forward = u[ahead], v[ahead], z[ahead], forward[ahead]
    values = forward if along == 'scanner' else z
    return keep_nearest(np.round(v / z) - 1, np.round(u / z) - 1, values, size)
