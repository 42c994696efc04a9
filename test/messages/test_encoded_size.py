"""Sizes read from headers are those that OpenCV decodes; whole or cut is found by walking."""

import time
from array import array

import cv2
import numpy as np
import pytest

from mono_depth_ros.messages.encoded_size import find_cut, read_encoded_size
from mono_depth_ros.messages.encodings import decode_compressed

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
    assert not find_cut(JPEG + bytes(500))


def test_the_end_of_a_thumbnail_is_not_that_of_the_image():
    thumbnail = b'\xff\xe1' + (2 + len(JPEG)).to_bytes(2, 'big') + JPEG

    assert read_encoded_size(JPEG[:2] + thumbnail + JPEG[2:])[:2] == (24, 40)
    assert read_encoded_size(JPEG[:2] + thumbnail + JPEG[2:-2]) is None
    assert 'its end (FF D9) is missing' in find_cut(JPEG[:2] + thumbnail + JPEG[2:-2])


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


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (2 + len(content)).to_bytes(2, 'big') + content


PROGRESSIVE = encoded('.jpg', cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
RESTARTED = encoded('.jpg', cv2.IMWRITE_JPEG_RST_INTERVAL, 1)
BOX = b'\x00\x00\x00\x20ftypisom'


@pytest.mark.parametrize(
    'tail',
    [
        BOX + b'\xff\xd9 and \xff\xda of a film',
        BOX + b'a scan of a film: \xff\xda',
        JPEG,
        b'\xff\xd9\xff\xd9',
        b'\xff',
        bytes(3) + PROGRESSIVE,
    ],
    ids=['film', 'film with a scan', 'second picture', 'ends', 'half a marker', 'padded picture'],
)
@pytest.mark.parametrize('jpeg', [JPEG, PROGRESSIVE, RESTARTED], ids=len)
def test_only_the_picture_itself_decides_whether_it_is_whole(jpeg, tail):
    assert read_encoded_size(jpeg + tail) == read_encoded_size(jpeg)
    assert find_cut(jpeg + tail) == ''
    assert decode_compressed(jpeg + tail).shape == (24, 40, 3)


@pytest.mark.parametrize('jpeg', [JPEG, PROGRESSIVE, RESTARTED], ids=len)
def test_a_jpeg_cut_anywhere_is_cut(jpeg):
    thumbnail = segment(0xE1, b'Exif' + JPEG)
    whole = jpeg[:2] + thumbnail + jpeg[2:]
    assert find_cut(whole) == ''

    assert all(find_cut(whole[:end]) for end in range(2, len(whole)))


def test_a_cut_picture_before_a_whole_one_is_cut():
    assert 'another picture starts' in find_cut(JPEG[:-2] + JPEG)


def test_zeros_in_place_of_the_end_are_no_end():
    assert 'its end (FF D9) is missing' in find_cut(JPEG[: len(JPEG) // 2] + bytes(len(JPEG)))


def test_fill_bytes_and_junk_between_segments_are_skipped():
    scan = JPEG.index(b'\xff\xda')
    padded = JPEG[:scan] + bytes(5) + b'\xff' * 4 + JPEG[scan:-2] + b'\xff' * 3 + JPEG[-2:]

    assert find_cut(padded) == '' and read_encoded_size(padded) == (24, 40, 1)


def test_damage_within_a_scan_is_no_end_of_it():
    middle = JPEG.index(b'\xff\xda') + 40
    damaged = JPEG[:middle] + b'\xff\x5c\xff\x02' + JPEG[middle:]

    assert find_cut(damaged) == '' and find_cut(damaged[:-2])


def test_a_word_within_a_png_is_not_its_end():
    comment = b'tEXtIEND is how a PNG ends'
    png = PNG[:33] + (len(comment) - 4).to_bytes(4, 'big') + comment + bytes(4) + PNG[33:]

    assert find_cut(png) == '' and 'last chunk (IEND) is missing' in find_cut(png[:-12])


def test_of_other_files_nothing_is_said():
    assert find_cut(b'RIFF') == find_cut(b'') == ''


@pytest.mark.parametrize(
    'unit',
    [b'\xff\xfe\x00\x02', b'\xff\xd0', b'\xff\x00', b'\xff', b'\xff\xda\x00\x02'],
    ids=bytes.hex,
)
def test_a_hostile_jpeg_takes_no_time(unit):
    start = time.perf_counter()

    read_encoded_size(b'\xff\xd8' + unit * (4_000_000 // len(unit)))

    assert time.perf_counter() - start < 2


def test_so_many_parts_are_no_picture():
    assert 'more than 4096 segments' in find_cut(b'\xff\xd8' + b'\xff\xfe\x00\x02' * 9000)
    assert 'more than 65536 chunks' in find_cut(
        PNG[:33] + (bytes(4) + b'tEXt' + bytes(4)) * 70_000
    )
