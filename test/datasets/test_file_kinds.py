"""What a file is, is found in its content."""

import pytest
from pictures import animated, encoded, iso_media, tiff, write_film

from mono_depth_ros.datasets.file_kinds import Use, kind_of

CONVERT = 'not read: convert it to JPEG or PNG'


def kind(tmp_path, content, name='file'):
    (tmp_path / name).write_bytes(content)
    return kind_of(tmp_path / name)


@pytest.mark.parametrize(
    ('form', 'name'),
    [
        ('JPEG', 'JPEG'),
        ('PNG', 'PNG'),
        ('WEBP', 'WebP'),
        ('BMP', 'BMP'),
        ('TIFF', 'TIFF'),
        ('GIF', 'GIF'),
        ('AVIF', 'AVIF'),
        ('JPEG2000', 'JPEG 2000'),
        ('PPM', 'PNM'),
    ],
)
@pytest.mark.parametrize('suffix', ['', '.mp4', '.heic', '.txt'])
def test_a_picture_is_one_by_whatever_name(tmp_path, form, name, suffix):
    found = kind(tmp_path, encoded(form), f'file{suffix}')

    assert found == (name, Use.PICTURE, '')


@pytest.mark.parametrize(
    ('suffix', 'codec', 'name'),
    [
        ('.mp4', 'mp4v', 'MP4 or QuickTime'),
        ('.mov', 'mp4v', 'MP4 or QuickTime'),
        ('.avi', 'MJPG', 'AVI'),
        ('.mkv', 'mp4v', 'Matroska or WebM'),
        ('.ts', 'mp4v', 'MPEG-TS'),
        ('.flv', 'FLV1', 'FLV'),
    ],
)
def test_a_film_is_one_by_whatever_name(tmp_path, suffix, codec, name):
    path = write_film(tmp_path / f'film{suffix}', 20, codec)
    path.rename(tmp_path / 'film.jpg')

    assert kind_of(tmp_path / 'film.jpg') == (name, Use.VIDEO, '')


@pytest.mark.parametrize(
    ('content', 'shown'),
    [
        (iso_media('heic', 'mif1', 'heic'), f'HEIC, {CONVERT}'),
        (iso_media('mif1', 'miaf', 'heix'), f'HEIC, {CONVERT}'),
        (iso_media('msf1', 'iso8'), f'HEIF, {CONVERT}'),
        (iso_media('crx ', 'crx '), f'camera raw, {CONVERT}'),
        (tiff((254, 4, 1)), f'camera raw, {CONVERT}'),
        (tiff((254, 4, 0), (50706, 1, 1)), f'camera raw, {CONVERT}'),
        (tiff((254, 4, 0), (339, 3, 3)), f'TIFF of floating-point numbers, {CONVERT}'),
        (b'\xff\x0a' + bytes(40), f'JPEG XL, {CONVERT}'),
        (b'\x76\x2f\x31\x01' + bytes(40), f'OpenEXR, {CONVERT}'),
        (b'\x89MCAP0\r\n' + bytes(40), 'MCAP, a bag: use predict_bag'),
    ],
    ids=lambda value: value if isinstance(value, str) else len(value),
)
def test_what_would_be_read_wrongly_is_named_with_the_cure(tmp_path, content, shown):
    found = kind(tmp_path, content, 'image.jpg')

    assert found.use is Use.UNREAD and str(found) == shown


@pytest.mark.parametrize('brands', [('mif1', 'avif'), ('avif', 'mif1'), ('avif', 'heic')])
def test_an_avif_is_told_from_a_heic_by_its_brands(tmp_path, brands):
    assert kind(tmp_path, iso_media(*brands))[:2] == ('AVIF', Use.PICTURE)


@pytest.mark.parametrize('content', [iso_media('qt  '), iso_media('isom', 'mif1', 'heic')])
def test_other_brands_are_films(tmp_path, content):
    assert kind(tmp_path, content).use is Use.VIDEO


@pytest.mark.parametrize('form', ['PNG', 'WEBP', 'TIFF', 'AVIF'])
def test_of_several_pictures_only_the_first_is_read_and_that_is_said(tmp_path, form):
    found = kind(tmp_path, animated(form))

    assert found.use is Use.PICTURE and found.note == 'only the first of its pictures is read'


@pytest.mark.parametrize('options', [{'duration': 100}, {'loop': 0}])
def test_an_animated_gif_is_a_film(tmp_path, options):
    assert kind(tmp_path, animated('GIF', **options)) == ('animated GIF', Use.VIDEO, '')


def test_a_small_copy_within_a_tiff_is_no_further_picture(tmp_path):
    first = tiff((256, 3, 96), following=26)

    copy = kind(tmp_path, first + tiff((254, 4, 1))[8:])
    mask = kind(tmp_path, first + tiff((254, 4, 4))[8:])
    page = kind(tmp_path, first + tiff((254, 4, 2))[8:])

    assert copy.note == mask.note == '' and page.note


@pytest.mark.parametrize(
    'content',
    [
        tiff((256, 3, 9), following=8),
        encoded('GIF')[:30],
        b'GIF89a',
        b'II*\0',
        b'RIFF',
        b'BM',
        b'P6',
    ],
    ids=len,
)
def test_what_is_cut_or_goes_in_circles_is_told_in_time(tmp_path, content):
    assert kind(tmp_path, content).use in (Use.PICTURE, Use.UNKNOWN)


@pytest.mark.parametrize('name', ['film.mjpeg', 'film.mjpg'])
def test_motion_jpeg_is_a_film(tmp_path, name):
    assert kind(tmp_path, encoded('JPEG') * 3, name) == ('Motion JPEG', Use.VIDEO, '')


@pytest.mark.parametrize(
    ('content', 'clause'),
    [
        (b'The freedom of text', 'starts with 54 68 65 20 66 72 65 65, no known picture or video'),
        (b'', 'is empty, no known picture or video'),
        (b'BMW is a car, not a bitmap', None),
        (b'Players: 4', None),
    ],
)
def test_what_is_neither_says_how_it_starts(tmp_path, content, clause):
    found = kind(tmp_path, content, 'image.png')

    assert found.use is Use.UNKNOWN and clause in (None, found.clause)
