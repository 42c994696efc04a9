import zlib

import cv2
import numpy as np
import pytest
from pictures import animated, encoded, iso_media, tiff, turned, write_film
from pictures import picture as quarters
from PIL import Image

from mono_depth_ros.datasets.image_files import (
    find_images,
    name_some,
    read_image,
    read_label_map,
    read_unchanged,
)


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


FORMS = ('JPEG', 'PNG', 'WEBP', 'BMP', 'TIFF', 'GIF', 'AVIF', 'JPEG2000', 'PPM')


def is_like(image, expected):
    return image.shape == expected.shape and np.abs(image.astype(int) - expected).mean() < 4


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('name', ['image', 'image.png', 'image.mp4', 'image.0001'])
def test_an_image_is_read_by_whatever_name(tmp_path, form, name):
    (tmp_path / name).write_bytes(encoded(form))

    assert is_like(read_image(tmp_path / name), quarters())


@pytest.mark.parametrize('form', ['JPEG', 'PNG', 'WEBP', 'TIFF', 'AVIF'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_an_image_is_upright_as_viewers_show_it(tmp_path, form, orientation):
    (tmp_path / 'image').write_bytes(turned(form, orientation))
    flips = {1: 0, 2: 0, 3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}  # quarter turns to the left
    expected = np.rot90(
        quarters()[:, ::-1] if orientation in (2, 4, 5, 7) else quarters(), flips[orientation]
    )

    assert is_like(read_image(tmp_path / 'image'), expected)


@pytest.mark.parametrize(
    ('form', 'mode'),
    [('JPEG', 'CMYK'), ('TIFF', 'CMYK'), ('PNG', 'RGBA'), ('WEBP', 'RGBA')],
)
def test_colors_are_those_of_the_image_in_any_mode(tmp_path, form, mode):
    (tmp_path / 'image').write_bytes(encoded(form, mode=mode))

    assert is_like(read_image(tmp_path / 'image'), quarters())


@pytest.mark.parametrize(
    ('form', 'mode'), [('PNG', 'LA'), ('PNG', 'L'), ('JPEG', 'L'), ('TIFF', 'L')]
)
def test_gray_is_gray_with_or_without_alpha(tmp_path, form, mode):
    (tmp_path / 'image').write_bytes(encoded(form, mode=mode))
    gray = np.asarray(Image.fromarray(quarters()).convert('L'))

    assert is_like(read_image(tmp_path / 'image'), np.stack([gray] * 3, -1))


@pytest.mark.parametrize('suffix', ['.png', '.tif'])
def test_sixteen_bits_become_eight(tmp_path, suffix):
    path = tmp_path / f'image{suffix}'
    assert cv2.imwrite(str(path), quarters()[..., ::-1].astype(np.uint16) * 257)

    assert is_like(read_image(path), quarters())
    assert read_unchanged(path).dtype == np.uint16


@pytest.mark.parametrize('form', ['PNG', 'WEBP', 'TIFF', 'AVIF'])
def test_the_first_of_several_pictures_is_read(tmp_path, form):
    (tmp_path / 'image').write_bytes(animated(form))

    assert is_like(read_image(tmp_path / 'image'), quarters())


@pytest.mark.parametrize('form', FORMS)
def test_a_cut_image_of_any_kind_is_refused_without_guessing(tmp_path, form):
    data = encoded(form)
    (tmp_path / 'image.jpg').write_bytes(data[: int(0.8 * len(data))])

    with pytest.raises(ValueError, match='cannot be decoded: ') as raised:
        read_image(tmp_path / 'image.jpg')

    expected = 'is not whole, its ' if form in ('JPEG', 'PNG') else 'reads no image from this '
    assert expected in str(raised.value)


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        (iso_media('heic', 'mif1'), 'is HEIC, not read: convert it to JPEG or PNG'),
        (tiff((254, 4, 1)), 'is camera raw, not read: convert it'),
        (iso_media('qt  '), r'is a video \(MP4 or QuickTime\)'),
    ],
)
def test_what_would_be_read_wrongly_is_refused_by_name(tmp_path, content, reason):
    (tmp_path / 'image.jpg').write_bytes(content)

    for read in (read_image, read_unchanged):
        with pytest.raises(ValueError, match=rf"image\.jpg' {reason}"):
            read(tmp_path / 'image.jpg')


def test_everything_in_a_folder_is_read_or_named(tmp_path):
    for name, content in {
        'a.jpg': encoded('JPEG'),
        'b.heic': iso_media('heic', 'mif1'),
        'c': encoded('PNG'),
        'd.tif': animated('TIFF'),
        'e.png': b'',
        'notes.txt': b'text',
    }.items():
        (tmp_path / name).write_bytes(content)
    write_film(tmp_path / 'f.mp4', 3)
    (tmp_path / 'g.jpg').symlink_to('nothing')
    (tmp_path / 'more').mkdir()

    found = find_images(tmp_path)

    assert [path.name for path in found.images] == ['a.jpg', 'c', 'd.tif', 'e.png', 'g.jpg']
    assert found.left_out == (
        'b.heic: HEIC, not read: convert it to JPEG or PNG',
        'd.tif: TIFF, only the first of its pictures is read',
        'f.mp4: MP4 or QuickTime, a video among images: name it itself',
    )
    assert found.others == ('more', 'notes.txt')


def test_a_folder_without_images_says_what_it_holds(tmp_path):
    for number in range(7):
        (tmp_path / f'{number}.heic').write_bytes(iso_media('heic', 'mif1'))

    with pytest.raises(FileNotFoundError, match=r'holds no images.*0\.heic: HEIC.*2 more'):
        find_images(tmp_path)


def test_a_few_are_named_and_the_others_counted():
    assert name_some('abc') == 'a; b; c' and name_some('abc', 1) == 'a; 2 more'


@pytest.mark.parametrize('mode', ['L', 'P'])
def test_label_maps_are_numbers_with_or_without_a_palette(tmp_path, mode):
    labels = np.array([[0, 7, 255], [33, 1, 2]], np.uint8)
    image = Image.fromarray(labels)
    if mode == 'P':
        image.putpalette([value for color in range(256) for value in (255 - color, 0, 9)])
    image.save(tmp_path / 'labels.png')

    assert np.array_equal(read_label_map(tmp_path / 'labels.png'), labels)


def test_colors_are_no_label_map(tmp_path):
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(tmp_path / 'labels.png')

    with pytest.raises(ValueError, match=r'labels\.png.*mode RGB; expected one class number'):
        read_label_map(tmp_path / 'labels.png')


def test_a_label_map_that_is_no_image_is_named(tmp_path):
    (tmp_path / 'labels.png').write_text('not found')

    with pytest.raises(ValueError, match=r"Label map '.*labels\.png' cannot be decoded"):
        read_label_map(tmp_path / 'labels.png')
