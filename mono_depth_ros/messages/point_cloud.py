"""The layout of our point clouds: organised, x y z rgb, 16 bytes a point, little endian."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FLOAT32 = 7  # sensor_msgs/PointField.FLOAT32
POINT_FIELDS: tuple[tuple[str, int, int, int], ...] = (
    ('x', 0, FLOAT32, 1), ('y', 4, FLOAT32, 1), ('z', 8, FLOAT32, 1), ('rgb', 12, FLOAT32, 1))
POINT_STEP = 16  # [bytes]


def pack_cloud(points: NDArray[np.float32], rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Interleave points and colours.

    Args:
        points: (H, W, 3) [m]; NaN where there is no depth.
        rgb: (H, W, 3) uint8.

    Returns:
        (H, W, 4) float32 whose bytes are the data of the message: x, y, z and the colour
        0x00RRGGBB, its bits taken for a float.
    """
    if points.shape != rgb.shape or points.ndim != 3 or points.shape[2] != 3:
        raise ValueError(f'Points {points.shape} and colours {rgb.shape} must both be (H, W, 3).')
    # B, G, R, A in memory is 0xAARRGGBB as a little-endian number.
    bgra = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2BGRA)
    colors = (bgra.view('<u4') & np.uint32(0xFFFFFF)).view(np.float32)
    cloud = np.empty((*points.shape[:2], 4), np.float32)
    # It copies bits; a sum would flush the colours, tiny as floats, to zero.
    cv2.mixChannels([np.ascontiguousarray(points, np.float32), colors], [cloud],
                    [0, 0, 1, 1, 2, 2, 3, 3])
    return cloud


def unpack_cloud(data: Any, height: int,
                 width: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return points (H, W, 3) [m] and colours (H, W, 3) uint8 RGB of a packed cloud."""
    values = np.frombuffer(data, np.uint8)
    expected = height * width * POINT_STEP
    if values.size != expected:
        raise ValueError(f'A cloud of {width}x{height} points holds {expected} bytes at '
                         f'{POINT_STEP} a point, not {values.size}.')
    cells = values.reshape(height, width, POINT_STEP)
    points = cells[..., :12].copy().view('<f4')
    return points, np.ascontiguousarray(cells[..., 14:11:-1])
