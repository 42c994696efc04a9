"""Points of a lidar, of KITTI's scans too, as sparse depth images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.datasets.kitti.calibration import FILE_NAME, read_numbers
from mono_depth_ros.datasets.kitti.drive import VELO_FILE, read_points
from mono_depth_ros.types import Intrinsics, Matrix, Size


def project_points(
    points: Matrix, camera_from_sensor: Matrix, K: Intrinsics, size: Size
) -> Matrix:
    """Project points into a depth image; the nearest of a pixel wins.

    Args:
        points: (N, 3) [m].
        camera_from_sensor: (4, 4), to the optical frame (x right, y down, z forward).
        K: (3, 3) intrinsics [px]; a pixel's middle has whole coordinates.
        size: (height, width) of the image.

    Returns:
        (height, width) depth along the optical axis [m], 0 where no point fell.
    """
    x, y, z = transform_points(points, camera_from_sensor[:3])
    ahead = z > 0
    x, y, z = x[ahead], y[ahead], z[ahead]
    columns = (K[0, 0] * x + K[0, 1] * y) / z + K[0, 2]
    rows = K[1, 1] * y / z + K[1, 2]
    return keep_nearest(np.round(rows), np.round(columns), z, size)


def transform_points(points: Matrix, matrix: Matrix) -> Iterator[NDArray[np.float64]]:
    """Yield the three (N,) coordinates of (N, 3) points behind a (3, 4) matrix.

    Sum by sum: BLAS would start threads for a product of this form, and they would wait.
    """
    x, y, z = points.T
    for row in matrix:
        yield row[0] * x + row[1] * y + row[2] * z + row[3]


def keep_nearest(
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
    values: NDArray[np.float64],
    size: Size,
) -> Matrix:
    """Put (N,) values at whole (N,) pixels; of a pixel the lowest counts, outside none.

    Returns:
        (height, width), 0 where nothing came.
    """
    inside = (columns >= 0) & (rows >= 0) & (columns < size[1]) & (rows < size[0])
    image = np.full(size, np.inf)
    np.minimum.at(image, (rows[inside].astype(int), columns[inside].astype(int)), values[inside])
    image[np.isinf(image)] = 0
    return image


def read_scan(path: Path) -> Matrix:
    """Read the points of a velodyne_points/*.bin file.

    Returns:
        (N, 3) points [m]: x forward, y left, z up.

    Raises:
        ValueError: the file ends within a point.
    """
    # One axis after the other in memory, as they are used.
    axes = read_points(path).T[:3].astype(np.float64)
    return np.asarray(axes.T)


def velodyne_projection(day: Path, camera: int) -> Matrix:
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
    points: Matrix, projection: Matrix, size: tuple[int, int], along: str = 'scanner'
) -> Matrix:
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
