import struct
from types import SimpleNamespace

import numpy as np
import pytest

from mono_depth_ros.messages.point_cloud import (
    POINT_FIELDS,
    POINT_STEP,
    pack_cloud,
    read_cloud,
    unpack_cloud,
)

POINTS = np.arange(24, dtype=np.float32).reshape(2, 4, 3) / 8
RGB = (np.arange(24).reshape(2, 4, 3) * 10 + 1).astype(np.uint8)


def test_a_point_is_sixteen_bytes_with_its_color_as_00rrggbb():
    data = pack_cloud(POINTS, RGB).tobytes()

    x, y, z, color = struct.unpack_from('<fffI', data, 5 * POINT_STEP)

    assert (x, y, z) == tuple(POINTS[1, 1])
    red, green, blue = RGB[1, 1].tolist()
    assert color == red << 16 | green << 8 | blue


def test_the_fields_are_those_that_rviz_and_pcl_expect():
    assert POINT_FIELDS == (('x', 0, 7, 1), ('y', 4, 7, 1), ('z', 8, 7, 1), ('rgb', 12, 7, 1))


def test_a_cloud_survives_the_round_trip_with_its_invalid_points_and_all_colors():
    points, rgb = POINTS.copy(), RGB.copy()
    points[0, 1] = np.nan
    rgb[1] = [[0, 0, 1], [255, 255, 255], [0, 0, 0], [127, 128, 129]]

    points_again, rgb_again = unpack_cloud(pack_cloud(points, rgb).tobytes(), 2, 4)

    np.testing.assert_array_equal(points_again, points)
    np.testing.assert_array_equal(rgb_again, rgb)


def test_a_strided_picture_is_packed_like_a_copy():
    large = np.repeat(np.repeat(RGB, 2, axis=0), 2, axis=1)

    np.testing.assert_array_equal(
        pack_cloud(POINTS, large[::2, ::2]).tobytes(), pack_cloud(POINTS, RGB).tobytes()
    )


def test_points_and_colors_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match=r'Points \(2, 4, 3\) and colours \(2, 3, 3\)'):
        pack_cloud(POINTS, RGB[:, :3])


def test_a_cloud_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r'4x2 points holds 128 bytes at 16 a point, not 127'):
        unpack_cloud(bytes(127), 2, 4)


def cloud_message(layout, order, rows, *, fields=None, padding=0):
    """Build a message of structured points (H, W) the way drivers lay them out."""
    kinds = {'f4': 7, 'f8': 8, 'u2': 4}
    dtype = np.dtype([(name, order + kind) for name, kind in layout])
    data = np.zeros((len(rows), len(rows[0])), dtype)
    for row, points in enumerate(rows):
        data[row] = [tuple(point) for point in points]
    raw = np.zeros((len(rows), data.shape[1] * dtype.itemsize + padding), np.uint8)
    raw[:, : raw.shape[1] - padding] = data.view(np.uint8).reshape(len(rows), -1)
    described = [
        SimpleNamespace(name=name, offset=dtype.fields[name][1], count=1, datatype=kinds[kind])
        for name, kind in layout
    ]
    return SimpleNamespace(
        height=len(rows),
        width=len(rows[0]),
        fields=fields or described,
        is_bigendian=order == '>',
        point_step=dtype.itemsize,
        row_step=raw.shape[1],
        data=raw.tobytes(),
    )


@pytest.mark.parametrize('order', ['<', '>'])
def test_clouds_of_any_layout_are_read(order):
    layout = [('ring', 'u2'), ('z', 'f4'), ('x', 'f8'), ('y', 'f4'), ('reflectivity', 'u2')]
    rows = [[(1, 3, 1, 2, 40), (1, np.nan, 0, 0, 0)], [(2, 6, 4, 5, 60), (2, 9, 7, 8, 80)]]

    points, intensity = read_cloud(cloud_message(layout, order, rows, padding=5))

    assert points.dtype == intensity.dtype == np.float32
    expected = [[1, 2, 3], [0, 0, np.nan], [4, 5, 6], [7, 8, 9]]
    assert np.array_equal(points, expected, equal_nan=True)
    assert intensity.tolist() == [40, 0, 60, 80]


@pytest.mark.parametrize('row_step', [48, 12, 0, 10**9])
def test_points_without_padding_are_read_whatever_row_step_says(row_step):
    """A driver wrote the length of the whole cloud, others of one point, or nothing."""
    layout = [(name, 'f4') for name in 'xyz']
    message = cloud_message(layout, '<', [[(1, 2, 3), (4, 5, 6)], [(7, 8, 9), (0, 1, 2)]])
    message.row_step = row_step

    points, _ = read_cloud(message)

    assert points.tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9], [0, 1, 2]]


def test_a_cloud_without_intensity_says_so():
    layout = [(name, 'f4') for name in 'xyz']

    assert read_cloud(cloud_message(layout, '<', [[(1, 2, 3)]]))[1] is None


def test_clouds_that_do_not_fit_their_header_are_refused():
    layout = [(name, 'f4') for name in 'xyz']
    message = cloud_message(layout, '<', [[(1, 2, 3)]])

    with pytest.raises(ValueError, match=r'fields x, y; expected x, y, z'):
        read_cloud(SimpleNamespace(**{**vars(message), 'fields': message.fields[:2]}))
    with pytest.raises(ValueError, match=r'needs 12 bytes, not 7'):
        read_cloud(SimpleNamespace(**{**vars(message), 'data': message.data[:7]}))
    message.fields[2].datatype = 99
    with pytest.raises(ValueError, match=r'do not fit into a point of 12 bytes'):
        read_cloud(message)
