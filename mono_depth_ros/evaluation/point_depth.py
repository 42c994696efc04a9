"""Points of a lidar as sparse depth images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Size = tuple[int, int]


def project_points(points: Array, camera_from_sensor: Array, K: Array, size: Size) -> Array:
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


def transform_points(points: Array, matrix: Array) -> Iterator[Array]:
    """Yield the three (N,) coordinates of (N, 3) points behind a (3, 4) matrix.

    Sum by sum: BLAS would start threads for a product of this form, and they would wait.
    """
    x, y, z = points.T
    for row in matrix:
        yield row[0] * x + row[1] * y + row[2] * z + row[3]


def keep_nearest(rows: Array, columns: Array, values: Array, size: Size) -> Array:
    """Put (N,) values at whole (N,) pixels; of a pixel the lowest counts, outside none.

    Returns:
        (height, width), 0 where nothing came.
    """
    inside = (columns >= 0) & (rows >= 0) & (columns < size[1]) & (rows < size[0])
    image = np.full(size, np.inf)
    np.minimum.at(image, (rows[inside].astype(int), columns[inside].astype(int)), values[inside])
    image[np.isinf(image)] = 0
    return image
