"""The layout of our point clouds: organised, x y z rgb, 16 bytes a point, little endian."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FLOAT32 = 7  # sensor_msgs/PointField.FLOAT32
POINT_FIELDS: tuple[tuple[str, int, int, int], ...] = (
    ('x', 0, FLOAT32, 1),
    ('y', 4, FLOAT32, 1),
    ('z', 8, FLOAT32, 1),
    ('rgb', 12, FLOAT32, 1),
)
POINT_STEP = 16  # [bytes]

# sensor_msgs/PointField's datatypes.
_DATATYPES = dict(enumerate(('i1', 'u1', 'i2', 'u2', 'i4', 'u4', 'f4', 'f8'), start=1))
_INTENSITIES = ('intensity', 'reflectivity', 'reflectance', 'i')


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
    planes = [np.ascontiguousarray(points[..., axis], np.float32) for axis in range(3)]
    # It copies bits; a sum would flush the colours, tiny as floats, to zero.
    return np.asarray(cv2.merge([*planes, colors[..., 0]]), np.float32)


def unpack_cloud(
    data: Any, height: int, width: int
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return points (H, W, 3) [m] and colours (H, W, 3) uint8 RGB of a packed cloud."""
    values = np.frombuffer(data, np.uint8)
    expected = height * width * POINT_STEP
    if values.size != expected:
        raise ValueError(
            f'A cloud of {width}x{height} points holds {expected} bytes at '
            f'{POINT_STEP} a point, not {values.size}.'
        )
    cells = values.reshape(height, width, POINT_STEP)
    points = cells[..., :12].copy().view('<f4')
    return points, np.ascontiguousarray(cells[..., 14:11:-1])


def read_cloud(message: Any) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Read a PointCloud2 of any layout, whoever deserialised it.

    Returns:
        (N, 3) points [m] in the message's frame, NaN where the message has none, and (N,)
        intensities as they are; None without such a field.

    Raises:
        ValueError: it has no x, y, z, or its data does not fit its header.
    """
    fields = {field.name: field for field in message.fields}
    if not {'x', 'y', 'z'} <= fields.keys():
        raise ValueError(
            f'The cloud has the fields {", ".join(fields) or "none"}; expected x, y, z.'
        )
    intensity = next((name for name in _INTENSITIES if name in fields), None)
    records = _records(message, [fields[name] for name in ('x', 'y', 'z', intensity) if name])
    points = np.stack([records[name].astype(np.float32) for name in 'xyz'], axis=-1)
    return points, None if intensity is None else records[intensity].astype(np.float32)


def ply_bytes(points: NDArray[np.float32], rgb: NDArray[np.uint8], comment: str) -> bytes:
    """Return a binary PLY file of (N, 3) points [m] with (N, 3) uint8 RGB colours."""
    vertex = np.dtype([('xyz', '<f4', 3), ('rgb', 'u1', 3)])
    vertices = np.empty(len(points), vertex)
    vertices['xyz'], vertices['rgb'] = points, rgb
    properties = [f'property float {name}' for name in 'xyz']
    properties += [f'property uchar {name}' for name in ('red', 'green', 'blue')]
    header = [
        'ply',
        'format binary_little_endian 1.0',
        f'comment {comment}',
        f'element vertex {len(points)}',
        *properties,
        'end_header',
        '',
    ]
    return '\n'.join(header).encode('ascii', 'replace') + vertices.tobytes()


def _records(message: Any, fields: list[Any]) -> NDArray[Any]:
    """Return the (N,) structured points of a cloud, one row after the other."""
    height, width, step = message.height, message.width, message.point_step
    order = '>' if message.is_bigendian else '<'
    try:
        layout = np.dtype(
            {
                'names': [field.name for field in fields],
                'formats': [order + _DATATYPES[field.datatype] for field in fields],
                'offsets': [field.offset for field in fields],
                'itemsize': step,
            }
        )
    except (KeyError, ValueError) as error:
        raise ValueError(
            f'The cloud has fields that do not fit into a point of {step} bytes: {error}.'
        ) from error
    data = np.frombuffer(message.data, np.uint8)
    row_step = message.row_step or step * width
    if data.size == height * step * width:  # no room for padding, whatever row_step says
        row_step = step * width
    if data.size < height * row_step or row_step < step * width:
        raise ValueError(
            f'A cloud of {width}x{height} points at {step} bytes a point and '
            f'{row_step} a row needs {height * row_step} bytes, not {data.size}.'
        )
    rows = data[: height * row_step].reshape(height, row_step)[:, : step * width]
    return np.ascontiguousarray(rows).reshape(-1).view(layout)
