"""How many bits 16-bit images use."""

import numpy as np
import pytest

from mono_depth_ros.messages.bit_depth import largest_value, unused_bits


@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize(('bits', 'empty'), [(10, 6), (12, 4), (14, 2), (16, 0)])
def test_a_camera_of_few_bits_leaves_the_upper_ones_empty(bits, empty, order):
    values = np.random.default_rng(0).integers(0, 2**bits, (96, 320)).astype(f'{order}u2')

    largest = largest_value(values.tobytes(), 'mono16', order == '>')

    assert largest is not None
    assert unused_bits(largest) == empty


def test_the_largest_value_of_a_mosaic_is_found_whatever_its_color():
    for row in (0, 1):
        for column in (0, 1):
            values = np.full((96, 320), 7, np.uint16)
            values[row::2, column::2] = 4000
            assert largest_value(values.tobytes(), 'bayer_rggb16', False) == 4000


def test_other_encodings_and_empty_images_have_none():
    assert largest_value(bytes(300), 'rgb8', False) is None
    assert largest_value(b'', 'mono16', False) is None
    assert largest_value(b'\x01', 'mono16', False) is None
    assert unused_bits(0) == 0
