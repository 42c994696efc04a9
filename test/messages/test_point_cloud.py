import struct

import numpy as np
import pytest

from mono_depth_ros.messages.point_cloud import (
    POINT_FIELDS,
    POINT_STEP,
    pack_cloud,
    unpack_cloud,
)

POINTS = np.arange(24, dtype=np.float32).reshape(2, 4, 3) / 8
RGB = (np.arange(24).reshape(2, 4, 3) * 10 + 1).astype(np.uint8)


def test_a_point_is_sixteen_bytes_with_its_colour_as_00rrggbb():
    data = pack_cloud(POINTS, RGB).tobytes()

    x, y, z, colour = struct.unpack_from('<fffI', data, 5 * POINT_STEP)

    assert (x, y, z) == tuple(POINTS[1, 1])
    red, green, blue = RGB[1, 1].tolist()
    assert colour == red << 16 | green << 8 | blue


def test_the_fields_are_those_that_rviz_and_pcl_expect():
    assert POINT_FIELDS == (('x', 0, 7, 1), ('y', 4, 7, 1), ('z', 8, 7, 1), ('rgb', 12, 7, 1))


def test_a_cloud_survives_the_round_trip_with_its_invalid_points_and_all_colours():
    points, rgb = POINTS.copy(), RGB.copy()
    points[0, 1] = np.nan
    rgb[1] = [[0, 0, 1], [255, 255, 255], [0, 0, 0], [127, 128, 129]]

    points_again, rgb_again = unpack_cloud(pack_cloud(points, rgb).tobytes(), 2, 4)

    np.testing.assert_array_equal(points_again, points)
    np.testing.assert_array_equal(rgb_again, rgb)


def test_a_strided_picture_is_packed_like_a_copy():
    large = np.repeat(np.repeat(RGB, 2, axis=0), 2, axis=1)

    np.testing.assert_array_equal(pack_cloud(POINTS, large[::2, ::2]).tobytes(),
                                  pack_cloud(POINTS, RGB).tobytes())


def test_points_and_colours_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match=r'Points \(2, 4, 3\) and colours \(2, 3, 3\)'):
        pack_cloud(POINTS, RGB[:, :3])


def test_a_cloud_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r'4x2 points holds 128 bytes at 16 a point, not 127'):
        unpack_cloud(bytes(127), 2, 4)
