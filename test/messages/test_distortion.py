"""Distortion models by any name, with as many coefficients as drivers send."""

import cv2
import numpy as np
import pytest

from mono_depth_ros.messages.camera_info import camera_model, image_geometry_for
from mono_depth_ros.messages.distortion import read_distortion

FIVE = (-0.3, 0.1, 0.001, -0.002, 0.05)
EIGHT = (*FIVE, 0.2, -0.1, 0.03)


@pytest.mark.parametrize(
    ('name', 'ros_name'),
    [
        ('plumb_bob', 'plumb_bob'),
        ('radtan', 'plumb_bob'),
        ('Brown-Conrady', 'plumb_bob'),
        ('rational_polynomial', 'rational_polynomial'),
        ('Radial Tangential', 'plumb_bob'),
        ('mei', 'mei'),
    ],
)
def test_a_model_is_known_by_any_of_its_names(name, ros_name):
    assert read_distortion(name, FIVE) == (ros_name, FIVE)


@pytest.mark.parametrize('name', ['equidistant', 'fisheye', 'Kannala_Brandt4', 'equi'])
def test_the_fisheye_of_others_is_the_equidistant_model(name):
    assert read_distortion(name, FIVE[:4]) == ('equidistant', FIVE[:4])


@pytest.mark.parametrize(
    ('name', 'given', 'read'),
    [
        ('plumb_bob', (*FIVE, 0, 0, 0), ('plumb_bob', FIVE)),
        ('plumb_bob', (*FIVE[:4], *[0] * 10), ('plumb_bob', FIVE[:4])),
        ('plumb_bob', EIGHT, ('rational_polynomial', EIGHT)),
        ('plumb_bob', (*EIGHT, 0, 0, 0, 0), ('rational_polynomial', EIGHT)),
        ('plumb_bob', (*EIGHT, 0, 0), ('rational_polynomial', EIGHT)),
        ('rational_polynomial', (*EIGHT, 0, 0), ('rational_polynomial', EIGHT)),
        ('equidistant', (*FIVE[:4], 0), ('equidistant', FIVE[:4])),
        ('fisheye', (0,) * 8, ('equidistant', (0, 0, 0, 0))),
        ('plumb_bob', (0,) * 8, ('plumb_bob', (0, 0, 0, 0))),
        ('plumb_bob', (), ('plumb_bob', ())),
    ],
)
def test_coefficients_beyond_the_name_are_zeros_or_a_longer_vector(name, given, read):
    assert read_distortion(name, given) == read


def test_eight_coefficients_of_plumb_bob_bend_the_image_as_opencv_does():
    K, size = np.array([[210.0, 0, 160], [0, 210.0, 120], [0, 0, 1]]), (320, 240)
    model = camera_model(*size, K.ravel(), EIGHT, np.eye(3), [0] * 12, 'plumb_bob')

    maps = image_geometry_for(model, 'raw', True).maps

    x, y = cv2.initUndistortRectifyMap(K, np.array(EIGHT), None, K, size, cv2.CV_32FC1)
    inside = (x > 1) & (x < 318) & (y > 1) & (y < 238)
    found, expected = maps[0][inside], np.stack([x, y], -1)[inside]
    np.testing.assert_allclose(found, expected, atol=1.01)  # the table's whole pixels
    assert inside.mean() > 0.9
