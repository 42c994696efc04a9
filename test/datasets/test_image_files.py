import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from mono_depth_ros.datasets.image_files import read_image, read_label_map


@pytest.fixture
def picture():
    """Red on the left, blue on the right."""
    image = np.zeros((32, 48, 3), np.uint8)
    image[:, :24, 0], image[:, 24:, 2] = 200, 200
    return image


def write(path, image, *options):
    assert cv2.imwrite(str(path), image[..., ::-1], options)
    return path


@pytest.mark.parametrize('ending', ['png', 'jpg'])
def test_images_are_rgb(tmp_path, picture, ending):
    read = read_image(write(tmp_path / f'image.{ending}', picture))

    assert read.dtype == np.uint8 and read.flags.c_contiguous
    assert np.abs(read[:, :16].astype(int) - picture[:, :16]).max() < 5
    assert np.abs(read[:, 32:].astype(int) - picture[:, 32:]).max() < 5


def test_gray_becomes_three_equal_channels(tmp_path):
    gray = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert cv2.imwrite(str(tmp_path / 'gray.png'), gray)

    assert np.array_equal(read_image(tmp_path / 'gray.png'), np.stack([gray] * 3, axis=-1))


def test_a_missing_image_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Image '.*nothing\.png' does not exist"):
        read_image(tmp_path / 'nothing.png')


@pytest.mark.parametrize('ending', ['png', 'jpg'])
@pytest.mark.parametrize('share', [0.0, 0.5, 0.99])
def test_an_image_cut_short_is_named_with_its_size(tmp_path, picture, ending, share):
    noisy = np.random.default_rng(0).integers(0, 256, picture.shape, np.uint8)
    path = write(tmp_path / f'image.{ending}', noisy)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])

    size = path.stat().st_size
    with pytest.raises(ValueError, match=rf'image\.{ending}.*\({size} bytes\) cannot be decoded'):
        read_image(path)


def test_the_end_of_a_thumbnail_is_not_the_end_of_a_jpeg(tmp_path, picture):
    path = write(tmp_path / 'image.jpg', picture)
    whole = path.read_bytes()
    thumbnail = whole[:2] + whole[whole.index(b'\xff\xda') :]
    length = (len(thumbnail) + 2).to_bytes(2, 'big')
    with_thumbnail = whole[:2] + b'\xff\xe1' + length + thumbnail + whole[2:]
    path.write_bytes(with_thumbnail)
    read_image(path)

    path.write_bytes(with_thumbnail[:-20])
    with pytest.raises(ValueError, match='cannot be decoded'):
        read_image(path)


def test_more_pixels_than_can_be_decoded_are_refused(tmp_path):
    header = b'IHDR' + (100_000).to_bytes(4, 'big') * 2 + bytes([8, 2, 0, 0, 0])
    data = (13).to_bytes(4, 'big') + header + zlib.crc32(header).to_bytes(4, 'big')
    (tmp_path / 'huge.png').write_bytes(b'\x89PNG\r\n\x1a\n' + data)

    with pytest.raises(ValueError, match=r'huge\.png.*(at most 2\^30 pixels|cannot be decoded)'):
        read_image(tmp_path / 'huge.png')


def test_a_file_that_is_no_image_is_named(tmp_path):
    (tmp_path / 'image.png').write_text('not found')

    with pytest.raises(ValueError, match=r'no image of 8 or 16 bits\. Copy it again'):
        read_image(tmp_path / 'image.png')


@pytest.mark.parametrize('mode', ['L', 'P'])
def test_label_maps_are_numbers_with_or_without_a_palette(tmp_path, mode):
    labels = np.array([[0, 7, 255], [33, 1, 2]], np.uint8)
    image = Image.fromarray(labels)
    if mode == 'P':
        image.putpalette([value for colour in range(256) for value in (255 - colour, 0, 9)])
    image.save(tmp_path / 'labels.png')

    assert np.array_equal(read_label_map(tmp_path / 'labels.png'), labels)


def test_colours_are_no_label_map(tmp_path):
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(tmp_path / 'labels.png')

    with pytest.raises(ValueError, match=r'labels\.png.*mode RGB; expected one class number'):
        read_label_map(tmp_path / 'labels.png')


def test_a_label_map_that_is_no_image_is_named(tmp_path):
    (tmp_path / 'labels.png').write_text('not found')

    with pytest.raises(ValueError, match=r"Label map '.*labels\.png' cannot be decoded"):
        read_label_map(tmp_path / 'labels.png')
