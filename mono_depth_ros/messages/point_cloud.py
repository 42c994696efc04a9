"""The layout of organised coloured clouds: x, y, z, rgb as in PCL, 16 bytes a point."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOAT32 = 7  # sensor_msgs/PointField.FLOAT32
POINT_FIELDS = tuple((name, 4 * index, FLOAT32, 1) for index, name in enumerate(
    ('x', 'y', 'z', 'rgb')))
POINT_STEP = 16


def pack_cloud(points: NDArray[np.float32], rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pack points and colours into the data of a PointCloud2.

    Args:
        points: (H, W, 3) points [m]; NaN marks invalid ones.
        rgb: (H, W, 3) uint8 colours.

    Returns:
        (H, W, 4) little-endian float32: x, y, z and 0x00RRGGBB by its bits.

    Raises:
        ValueError: the two differ in height or width.
    """
    if points.shape != rgb.shape:
        raise ValueError(f'points {points.shape} and colours {rgb.shape} must have one shape.')
    cloud = np.empty((*points.shape[:2], 4), '<f4')
    cloud[..., :3] = points
    color = cloud.view(np.uint8).reshape(*points.shape[:2], POINT_STEP)[..., 12:]
    color[..., 0], color[..., 1], color[..., 2] = rgb[..., 2], rgb[..., 1], rgb[..., 0]
    color[..., 3] = 0
    return cloud


def unpack_cloud(data: Any, height: int, width: int
                 ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return the (H, W, 3) points [m] and (H, W, 3) uint8 RGB colours of a packed cloud."""
    cloud = np.frombuffer(data, np.uint8).reshape(height, width, POINT_STEP)
    points = cloud[..., :12].copy().view('<f4')
    return points, np.ascontiguousarray(cloud[..., 14:11:-1])
