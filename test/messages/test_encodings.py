from array import array

import cv2
import numpy as np
import pytest

from mono_depth_ros.messages.encodings import (
    SUPPORTED_ENCODINGS,
    TooLargeError,
    UnsupportedEncodingError,
    decode_compressed,
    decode_compressed_depth,
    decode_depth,
    decode_image,
    encode_depth,
)

RGB = np.array(
    [[[255, 0, 1], [2, 200, 3], [4, 5, 150]], [[10, 20, 30], [40, 50, 60], [70, 80, 90]]], np.uint8
)
PADDING = 5

MOSAICS = ('rggb', 'bggr', 'gbrg', 'grbg')


def padded(rows):
    """Bytes of rows (H, bytes) with rubbish after each row, and the step."""
    rows = rows.reshape(rows.shape[0], -1)
    rubbish = np.full((rows.shape[0], PADDING), 0xA5, np.uint8)
    data = np.hstack([rows, rubbish])
    return data.tobytes(), data.shape[1]


def bytes_of(values, is_bigendian=False):
    """(H, ...) array of 8- or 16-bit values -> (H, bytes) uint8."""
    if values.dtype == np.uint16:
        values = values.astype('>u2' if is_bigendian else '<u2')
    return np.ascontiguousarray(values).reshape(values.shape[0], -1).view(np.uint8)


def video_range_rgb(y, u, v):
    """BT.601 with Y in 16..235."""
    luma, u, v = 1.164383 * (y - 16), u - 128, v - 128
    rgb = np.stack([luma + 1.596027 * v, luma - 0.391762 * u - 0.812968 * v, luma + 2.017232 * u])
    return np.clip(np.rint(rgb), 0, 255)


@pytest.mark.parametrize(
    ('encoding', 'channels'),
    [('rgb8', [0, 1, 2]), ('bgr8', [2, 1, 0]), ('rgba8', [0, 1, 2, 0]), ('bgra8', [2, 1, 0, 0])],
)
def test_color_images_with_padded_rows_come_out_as_rgb(encoding, channels):
    data, step = padded(bytes_of(RGB[..., channels]))

    decoded = decode_image(data, (2, 3), encoding, step, False)

    np.testing.assert_array_equal(decoded, RGB)
    assert decoded.dtype == np.uint8 and decoded.flags.c_contiguous


@pytest.mark.parametrize('is_bigendian', [False, True])
@pytest.mark.parametrize(('encoding', 'channels'), [('rgb16', [0, 1, 2]), ('bgr16', [2, 1, 0])])
def test_sixteen_bit_color_is_scaled_in_either_byte_order(encoding, channels, is_bigendian):
    values = RGB[..., channels].astype(np.uint16) * 257
    data, step = padded(bytes_of(values, is_bigendian))

    decoded = decode_image(data, (2, 3), encoding, step, is_bigendian)

    np.testing.assert_array_equal(decoded, RGB)


def test_mono8_is_repeated_in_all_three_channels():
    data, step = padded(bytes_of(RGB[..., 0]))

    decoded = decode_image(data, (2, 3), 'mono8', step, False)

    np.testing.assert_array_equal(decoded, np.repeat(RGB[..., :1], 3, axis=2))


@pytest.mark.parametrize('is_bigendian', [False, True])
def test_mono16_is_scaled_by_255_over_65535_and_rounded_for_every_value(is_bigendian):
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    data, step = padded(bytes_of(values, is_bigendian))

    decoded = decode_image(data, (256, 256), 'mono16', step, is_bigendian)

    np.testing.assert_array_equal(decoded[..., 1], np.rint(values / 257).astype(np.uint8))


def mosaic(pattern, color, dtype):
    values = np.empty((8, 10), dtype)
    for place, letter in enumerate(pattern):
        values[place // 2 :: 2, place % 2 :: 2] = color['rgb'.index(letter)]
    return values


@pytest.mark.parametrize('pattern', MOSAICS)
def test_a_bayer_mosaic_of_one_color_shows_that_color(pattern):
    data, step = padded(bytes_of(mosaic(pattern, (200, 100, 50), np.uint8)))

    decoded = decode_image(data, (8, 10), f'bayer_{pattern}8', step, False)

    assert (decoded == (200, 100, 50)).all()


@pytest.mark.parametrize('is_bigendian', [False, True])
@pytest.mark.parametrize('pattern', MOSAICS)
def test_a_sixteen_bit_bayer_mosaic_of_one_color_shows_that_color(pattern, is_bigendian):
    values = mosaic(pattern, (200 * 257, 100 * 257, 50 * 257), np.uint16)
    data, step = padded(bytes_of(values, is_bigendian))

    decoded = decode_image(data, (8, 10), f'bayer_{pattern}16', step, is_bigendian)

    assert (decoded == (200, 100, 50)).all()


@pytest.mark.parametrize(
    ('encoding', 'order'),
    [('yuv422', 'uyvy'), ('uyvy', 'uyvy'), ('yuyv', 'yuyv'), ('yuv422_yuy2', 'yuyv')],
)
def test_yuv422_pairs_share_a_color_in_video_range_bt601(encoding, order):
    luma = np.array([[16, 235, 81, 145], [60, 60, 200, 201]], np.uint8)
    u, v = np.array([[128, 90], [240, 100]], np.uint8), np.array([[128, 200], [110, 34]], np.uint8)
    pairs = {'y': [luma[:, 0::2], luma[:, 1::2]], 'u': [u], 'v': [v]}
    rows = np.stack([pairs[letter].pop(0) for letter in order], axis=-1)
    data, step = padded(bytes_of(rows))

    decoded = decode_image(data, (2, 4), encoding, step, False)

    expected = video_range_rgb(
        luma.astype(float), *(np.repeat(c, 2, 1).astype(float) for c in (u, v))
    )
    np.testing.assert_allclose(decoded, np.moveaxis(expected, 0, -1), atol=1)
    assert decoded[0, 0].tolist() == [0, 0, 0] and decoded[0, 1].tolist() == [255, 255, 255]


@pytest.mark.parametrize(('encoding', 'order'), [('nv12', (0, 1)), ('nv21', (1, 0))])
def test_nv12_shares_a_color_between_four_pixels(encoding, order):
    luma = np.array([[16, 235, 81, 145], [60, 60, 200, 201]], np.uint8)
    chroma = np.array([[[128, 128], [90, 200]]], np.uint8)
    rows = np.vstack([luma, chroma[..., order].reshape(1, 4)])
    data, step = padded(rows)

    decoded = decode_image(data, (2, 4), encoding, step, False)

    u, v = (np.kron(chroma[..., i], np.ones((2, 2))) for i in range(2))
    expected = np.moveaxis(video_range_rgb(luma.astype(float), u, v), 0, -1)
    np.testing.assert_allclose(decoded, expected, atol=1)


def test_rgb8_without_padding_is_a_view_of_the_message():
    data = array('B', RGB.tobytes())

    decoded = decode_image(data, (2, 3), 'rgb8', 9, False)

    assert np.shares_memory(decoded, np.frombuffer(data, np.uint8))


def test_every_encoding_gives_the_size_that_was_asked_for():
    for encoding in SUPPORTED_ENCODINGS:
        assert decode_image(bytes(6 * 48), (4, 6), encoding, 48, False).shape == (4, 6, 3)


def test_bytes_after_the_last_row_do_not_matter():
    decoded = decode_image(RGB.tobytes() + b'more', (2, 3), 'rgb8', 9, False)

    np.testing.assert_array_equal(decoded, RGB)


def test_an_unknown_encoding_is_named_with_the_supported_ones():
    with pytest.raises(UnsupportedEncodingError, match=r"'32FC1' is not supported.*bgr8.*nv12"):
        decode_image(b'', (1, 1), '32FC1', 4, False)


@pytest.mark.parametrize(
    ('size', 'encoding', 'step', 'length', 'message'),
    [
        ((2, 3), 'rgb8', 9, 17, r'of 3x2: data holds 17 bytes, but 2 rows of step 9 need 18'),
        ((2, 3), 'mono16', 5, 99, r'step 5 is smaller than a row of 6 bytes'),
        ((0, 3), 'mono8', 3, 99, r'3x0 has no pixels'),
        ((2, 0), 'mono8', 3, 99, r'0x2 has no pixels'),
        ((2, 3), 'yuv422', 6, 99, r'yuv422 image of 3x2: width must be even'),
        ((2, 3), 'nv12', 3, 99, r'width must be even'),
        ((3, 2), 'nv12', 2, 99, r'height must be even'),
        ((2, 4), 'nv12', 4, 8, r'data holds 8 bytes, but 3 rows of step 4 need 12'),
    ],
)
def test_a_header_that_does_not_fit_its_data_is_refused(size, encoding, step, length, message):
    with pytest.raises(ValueError, match=message):
        decode_image(bytes(length), size, encoding, step, False)


def encoded(extension, pixels):
    return cv2.imencode(extension, pixels)[1].tobytes()


def test_a_png_comes_back_pixel_for_pixel():
    np.testing.assert_array_equal(decode_compressed(encoded('.png', RGB[..., ::-1])), RGB)


@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
@pytest.mark.parametrize('pattern', MOSAICS)
def test_a_compressed_mosaic_shows_its_colors(pattern, suffix):
    """compressed_image_transport compresses a mosaic as the gray image that it looks like."""
    color = (200, 190, 180)  # near each other, so that a JPEG keeps them
    data = encoded(suffix, mosaic(pattern, color, np.uint8))

    decoded = decode_compressed(data, f'bayer_{pattern}8; {suffix[1:]} compressed ')

    np.testing.assert_allclose(decoded, np.full((8, 10, 3), color), atol=6)


def test_a_compressed_mosaic_of_sixteen_bits_shows_its_colors():
    values = mosaic('gbrg', (200 * 257, 100 * 257, 50 * 257), np.uint16)

    decoded = decode_compressed(encoded('.png', values), 'bayer_gbrg16; png compressed ')

    assert (decoded == (200, 100, 50)).all()


def test_a_mosaic_that_was_demosaiced_before_it_was_compressed_stays_as_it_is():
    data = encoded('.png', RGB[..., ::-1])

    decoded = decode_compressed(data, 'bayer_rggb8; png compressed bgr8')

    np.testing.assert_array_equal(decoded, RGB)


def test_a_gray_image_of_no_mosaic_stays_gray():
    gray = mosaic('rggb', (200, 100, 50), np.uint8)

    decoded = decode_compressed(encoded('.png', gray), 'mono8; png compressed ')

    np.testing.assert_array_equal(decoded, np.repeat(gray[..., None], 3, axis=2))


def test_a_step_of_the_whole_image_is_taken_for_one_of_a_row():
    rows = bytes_of(RGB)

    decoded = decode_image(rows.tobytes(), (2, 3), 'rgb8', rows.size, False)

    np.testing.assert_array_equal(decoded, RGB)


def test_a_jpeg_comes_back_in_rgb():
    picture = np.full((16, 16, 3), (200, 60, 20), np.uint8)

    decoded = decode_compressed(array('B', encoded('.jpg', picture[..., ::-1])))

    np.testing.assert_allclose(decoded, picture, atol=3)


def test_a_sixteen_bit_grey_png_is_scaled_like_mono16():
    grey = np.array([[0, 128, 129, 65535]], np.uint16)

    decoded = decode_compressed(encoded('.png', grey))

    assert decoded[0, :, 0].tolist() == [0, 0, 1, 255]
    assert decoded.shape == (1, 4, 3)


def test_the_orientation_that_a_jpeg_states_is_left_alone():
    quarter_turn = b'II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0'
    segment = b'Exif\0\0' + quarter_turn
    jpeg = encoded('.jpg', np.zeros((8, 16, 3), np.uint8))
    tagged = jpeg[:2] + b'\xff\xe1' + (len(segment) + 2).to_bytes(2, 'big') + segment + jpeg[2:]

    assert decode_compressed(tagged).shape == (8, 16, 3)


@pytest.mark.parametrize(
    ('data', 'message'),
    [
        (b'', r'0 bytes cannot be decoded: its data is empty'),
        (b'\xff\xd8\xff\xe0rubbish', r'11 bytes .* starts like a JPEG but is damaged'),
        (b'\x89PNG', r'starts like a PNG but is damaged'),
        (b'\x01\x02', r'neither JPEG nor PNG \(starts with 01 02\)'),
    ],
)
def test_compressed_data_that_cannot_be_decoded_says_what_it_looks_like(data, message):
    with pytest.raises(ValueError, match=message):
        decode_compressed(data)


def test_depth_in_metres_is_kept_bit_for_bit():
    depth = np.array([[np.nan, np.inf, 1.5]], np.float32)

    assert encode_depth(depth, '32FC1').tobytes() == depth.astype('<f4').tobytes()


def test_depth_in_millimetres_is_rounded_and_zero_where_it_says_nothing():
    depth = np.array(
        [[np.nan, np.inf, -np.inf, -1.0, 0.0, 1.2346, 1.2344, 65.535, 65.536, 1e38]], np.float32
    )

    millimetres = encode_depth(depth, '16UC1')

    assert millimetres.dtype == np.dtype('<u2')
    assert millimetres.tolist() == [[0, 0, 0, 0, 0, 1235, 1234, 65535, 0, 0]]


def test_another_depth_encoding_is_refused():
    with pytest.raises(ValueError, match=r"'64FC1' is not supported. Supported: 32FC1, 16UC1"):
        encode_depth(np.ones((1, 1), np.float32), '64FC1')


def test_an_image_of_too_many_pixels_is_refused_whatever_its_data():
    with pytest.raises(TooLargeError, match=r'rgb8 image of 100x50 has more than 4999 pixels'):
        decode_image(b'', (50, 100), 'rgb8', 300, False, max_pixels=4999)


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
def test_a_compressed_image_is_refused_by_the_size_in_its_header(suffix):
    data = encoded(suffix, np.zeros((8, 16, 3), np.uint8))

    assert decode_compressed(data, max_pixels=128).shape == (8, 16, 3)
    with pytest.raises(TooLargeError, match='Compressed image of 16x8 has more than 127 pixels'):
        decode_compressed(data, max_pixels=127)


def test_a_jpeg_of_scans_without_end_is_refused():
    jpeg = encoded('.jpg', np.zeros((8, 16, 3), np.uint8))
    scan = jpeg[jpeg.rfind(b'\xff\xda') : -2]

    with pytest.raises(TooLargeError, match='has 66 scans; expected at most 64'):
        decode_compressed(jpeg[:-2] + scan * 65 + jpeg[-2:])


@pytest.mark.parametrize('suffix', ['.bmp', '.tiff'])
def test_files_whose_size_nobody_read_are_not_decoded(suffix):
    with pytest.raises(ValueError, match='neither JPEG nor PNG'):
        decode_compressed(encoded(suffix, np.zeros((8, 16, 3), np.uint8)))


@pytest.mark.parametrize('is_bigendian', [False, True])
@pytest.mark.parametrize(
    ('encoding', 'kind', 'expected'),
    [
        ('32FC1', 'f4', [[1.5, np.nan], [np.inf, 80.25]]),
        ('16UC1', 'u2', [[1.5, np.nan], [0.001, 65.535]]),
        ('mono16', 'u2', [[1.5, np.nan], [0.001, 65.535]]),
    ],
)
def test_depth_images_of_either_byte_order_come_out_in_metres(
    encoding, kind, expected, is_bigendian
):
    values = expected if encoding == '32FC1' else [[1500, 0], [1, 65535]]
    pixels = np.array(values, ('>' if is_bigendian else '<') + kind)
    data, step = padded(pixels.view(np.uint8))

    depth = decode_depth(data, (2, 2), encoding, step, is_bigendian)

    np.testing.assert_allclose(depth, np.array(expected, np.float32), rtol=1e-6)
    assert depth.dtype == np.float32


def test_depth_survives_both_ways():
    depth = np.array([[0.25, np.nan, np.inf]], np.float32)

    pixels = encode_depth(depth, '32FC1')

    np.testing.assert_array_equal(
        decode_depth(pixels.tobytes(), (1, 3), '32FC1', 12, False), depth
    )


@pytest.mark.parametrize(
    ('encoding', 'size', 'error'),
    [
        (
            'mono8',
            (1, 3),
            r"Depth encoding 'mono8' is not supported. Supported: 32FC1 \(metres\)",
        ),
        ('32FC1', (2, 3), 'data holds 12 bytes, but 2 rows of step 12 need 24'),
        ('32FC1', (1, 4), 'step 12 is smaller than a row of 16 bytes'),
    ],
)
def test_depth_that_cannot_be_is_refused(encoding, size, error):
    with pytest.raises(ValueError, match=error):
        decode_depth(bytes(12), size, encoding, 12, False)


def compressed_depth(values, a=0.0, b=0.0):
    """Pack whole numbers as compressed_depth_image_transport does."""
    _, png = cv2.imencode('.png', np.array(values, np.uint16))
    return np.array([0, a, b], '<f4').tobytes() + png.tobytes()


def test_compressed_millimetres_are_metres_with_and_without_the_transports_bytes():
    data = compressed_depth([[1500, 0]])

    for form in (data, data[12:]):
        np.testing.assert_allclose(
            decode_compressed_depth(form, '16UC1; compressedDepth png'), [[1.5, np.nan]]
        )


def test_compressed_inverse_depth_is_metres():
    """The transport's own quantisation: Z0 = 100, up to 10 m."""
    a = 100.0 * 101
    b = 1 - a / 10
    depth = np.array([2.0, 5.0])

    decoded = decode_compressed_depth(
        compressed_depth([[*np.rint(a / depth + b), 0]], a, b), '32FC1; compressedDepth'
    )

    np.testing.assert_allclose(decoded, [[2, 5, np.nan]], rtol=1e-3)


@pytest.mark.parametrize(
    ('format_', 'data', 'error'),
    [
        ('16UC1; compressedDepth rvl', b'', "'16UC1; compressedDepth rvl' is not supported"),
        ('rgb8; jpeg compressed bgr8', b'', 'is not supported. Supported: 16UC1 and 32FC1 as PNG'),
        ('16UC1; compressedDepth png', bytes(40), '40 bytes holds no whole 16-bit gray PNG'),
        ('16UC1; compressedDepth png', b'', '0 bytes holds no whole'),
        ('32FC1; compressedDepth png', compressed_depth([[7]])[12:], 'lacks the 12 bytes'),
    ],
)
def test_compressed_depth_that_cannot_be_is_refused(format_, data, error):
    with pytest.raises(ValueError, match=error):
        decode_compressed_depth(data, format_)
