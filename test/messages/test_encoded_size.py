"""Sizes read from headers are those that OpenCV decodes."""

from array import array

import cv2
import numpy as np
import pytest

from mono_depth_ros.messages.encoded_size import is_cut_jpeg, read_encoded_size

PICTURE = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)


def encoded(suffix: str, *options: int) -> bytes:
    return cv2.imencode(suffix, PICTURE, options)[1].tobytes()


JPEG, PNG = encoded('.jpg'), encoded('.png')


def test_a_png_says_its_size():
    assert read_encoded_size(PNG) == (24, 40, 1)


def test_a_jpeg_says_its_size():
    assert read_encoded_size(JPEG) == (24, 40, 1)


def test_a_progressive_jpeg_has_several_scans():
    size = read_encoded_size(encoded('.jpg', cv2.IMWRITE_JPEG_PROGRESSIVE, 1))

    assert size is not None and size[:2] == (24, 40) and 2 < size.scans < 20


@pytest.mark.parametrize('buffer', [bytearray, memoryview, lambda data: array('B', data)])
def test_any_buffer_is_read_where_it_is(buffer):
    assert read_encoded_size(buffer(JPEG)) == read_encoded_size(buffer(PNG)) == (24, 40, 1)


def test_what_follows_the_end_does_no_harm():
    assert read_encoded_size(PNG + bytes(500)) == read_encoded_size(JPEG + bytes(500))
    assert not is_cut_jpeg(JPEG + bytes(500))


def test_the_end_of_a_thumbnail_is_not_that_of_the_image():
    thumbnail = b'\xff\xe1' + (2 + len(JPEG)).to_bytes(2, 'big') + JPEG

    assert read_encoded_size(JPEG[:2] + thumbnail + JPEG[2:])[:2] == (24, 40)
    assert read_encoded_size(JPEG[:2] + thumbnail + JPEG[2:-2]) is None
    assert is_cut_jpeg(JPEG[:2] + thumbnail + JPEG[2:-2])


def test_segments_and_padding_before_the_frame_are_skipped():
    comment = b'\xff\xff\xfe' + (6).to_bytes(2, 'big') + b'\xff\xc0ab'

    assert read_encoded_size(JPEG[:2] + comment + JPEG[2:]) == (24, 40, 1)


@pytest.mark.parametrize(
    'data',
    [
        b'',
        b'\xff\xd8',
        b'\x89PNG\r\n\x1a\n',
        JPEG[:40],
        JPEG[:-2],
        PNG[:30],
        PNG[:-12],
        b'GIF89a',
        JPEG[:2] + b'\x00' + JPEG[2:],
    ],
    ids=len,
)
def test_what_is_cut_off_or_no_such_image_has_no_size(data):
    assert read_encoded_size(data) is None
