"""The executable predict_depth, from images and videos to files."""

import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
import yaml
from cards import UNTRAINED, write_small_card
from moving_bags import wall
from pictures import encoded, iso_media, trim_film, write_film, write_irregular_film
from shared_data import shared_data

from mono_depth_ros.cli.predict_depth import main
from mono_depth_ros.inference.cards.model_card import load_card, write_card
from mono_depth_ros.inference.estimator import DepthEstimator

SIZE = (64, 96)
K = np.array([[90.0, 0, 47.5], [0, 90.0, 31.5], [0, 0, 1]])
# Depth of the card in its unit, and in metres at depth_scale 20: partly beyond 60 m.
SCALE, NEAR, FAR = 20.0, 50.0, 60.0
RANGE = ('--min-depth', str(NEAR), '--max-depth', str(FAR))


@pytest.fixture(scope='module')
def cards(tmp_path_factory):
    folder = tmp_path_factory.mktemp('cards')
    write_small_card(folder / 'relative.yaml')
    card = load_card(folder / 'relative.yaml')
    write_card(replace(card, depth_unit='metric', training_K=K.tolist()), folder / 'metric.yaml')
    return folder


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / 'images'
    folder.mkdir()
    return folder


def write(path, image):
    assert cv2.imwrite(str(path), image)
    return path


def write_calibration(path, size=SIZE, D=()):
    path.write_text(
        yaml.safe_dump(
            {
                'image_width': size[1],
                'image_height': size[0],
                'camera_matrix': {'data': K.ravel().tolist()},
                'distortion_coefficients': {'data': list(D)},
            }
        )
    )
    return str(path)


def predict(card, inputs, output, *options):
    paths = [str(path) for path in (inputs if isinstance(inputs, list) else [inputs])]
    engine = ['--threads', '1', '--backend', 'torch']
    return main([*paths, '--output', str(output), '--model', str(card), *engine, *options])


def expected_depth(card, image, scale=None):
    estimator = DepthEstimator(load_card(card), threads=1, backend='torch')
    [depth] = estimator.estimate([image[..., ::-1].copy()], [K], scale)
    return depth


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
def test_every_format_holds_the_same_depth(tmp_path, cards, images):
    image = wall(0, SIZE)
    image[..., 2] = 40  # blue-green, so that a swap of channels shows
    write(images / 'a.png', image)
    formats = ('png-mm', 'png-kitti', 'npy', 'ply', 'picture')
    intrinsics = write_calibration(tmp_path / 'camera.yaml')

    assert (
        predict(
            cards / 'relative.yaml',
            images / 'a.png',
            tmp_path / 'out',
            *RANGE,
            '--write',
            *formats,
            '--intrinsics',
            intrinsics,
            '--depth-scale',
            str(SCALE),
        )
        == 0
    )

    out = tmp_path / 'out'
    assert names(out) == [
        'a_cloud.ply',
        'a_depth.npy',
        'a_depth_kitti.png',
        'a_depth_mm.png',
        'a_picture.png',
        'depth.yaml',
    ]
    metres = expected_depth(cards / 'relative.yaml', image, SCALE)
    depth = np.load(out / 'a_depth.npy')
    known = (metres >= NEAR) & (metres <= FAR)
    assert 0 < known.sum() < known.size and depth.dtype == np.float32
    assert np.array_equal(depth[known], metres[known])
    assert np.isnan(depth[metres < NEAR]).all() and np.isposinf(depth[metres > FAR]).all()
    for name, per_metre in (('mm', 1000), ('kitti', 256)):
        values = cv2.imread(str(out / f'a_depth_{name}.png'), cv2.IMREAD_UNCHANGED)
        assert values.dtype == np.uint16 and not values[~known].any()
        assert np.abs(values[known] / per_metre - metres[known]).max() <= 0.501 / per_metre
    points, colors = read_ply(out / 'a_cloud.ply')
    rows, columns = np.nonzero(known)
    lifted = np.column_stack([(columns - 47.5) / 90, (rows - 31.5) / 90, np.ones(len(rows))])
    assert np.allclose(points, lifted * metres[known][:, None], rtol=1e-5)
    assert np.array_equal(colors, image[known][:, ::-1])


def read_ply(path):
    header, _, data = path.read_bytes().partition(b'end_header\n')
    count = int(header.split(b'element vertex ')[1].split(b'\n')[0])
    vertices = np.frombuffer(data, [('xyz', '<f4', 3), ('rgb', 'u1', 3)])
    assert len(vertices) == count and header.startswith(b'ply\nformat binary_little_endian 1.0\n')
    return vertices['xyz'], vertices['rgb']


def test_relative_depth_says_so_in_name_and_description(tmp_path, cards, images, capsys):
    image = write(images / 'a.png', wall(0, SIZE))

    assert predict(cards / 'relative.yaml', image, tmp_path / 'out', '--write', 'npy') == 0

    assert names(tmp_path / 'out') == ['a_depth_relative.npy', 'depth.yaml']
    assert np.array_equal(
        np.load(tmp_path / 'out' / 'a_depth_relative.npy'),
        expected_depth(cards / 'relative.yaml', wall(0, SIZE)),
    )
    description = yaml.safe_load((tmp_path / 'out' / 'depth.yaml').read_text())
    assert description['depth_kind'] == ['relative'] and description['images'] == 1
    assert 'relative depth, no metres' in capsys.readouterr().out


def test_a_metric_card_without_intrinsics_has_no_metres(tmp_path, cards, images, capsys):
    image = write(images / 'a.png', wall(0, SIZE))

    assert predict(cards / 'metric.yaml', image, tmp_path / 'out', '--write', 'npy') == 0

    assert names(tmp_path / 'out') == ['a_depth_relative.npy', 'depth.yaml']
    assert 'without --intrinsics nobody knows the focal length' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('card', 'options', 'message'),
    [
        ('relative.yaml', ('png-mm',), 'png-mm would promise metres, but this depth is relative'),
        ('metric.yaml', ('png-kitti', 'ply'), 'png-kitti, ply would promise metres'),
        ('relative.yaml', ('ply', '--depth-scale', '2'), 'ply needs --intrinsics'),
    ],
)
def test_files_never_promise_what_is_not_known(
    tmp_path, cards, images, capsys, card, options, message
):
    image = write(images / 'a.png', wall(0, SIZE))

    assert predict(cards / card, image, tmp_path / 'out', '--write', *options) == 1

    assert message in capsys.readouterr().err and not (tmp_path / 'out').exists()


def test_odd_images_are_used_or_left_out_with_the_reason(tmp_path, cards, images, capsys):
    image = wall(0, SIZE)
    write(images / 'gray.png', image[..., 0])
    write(images / 'alpha.png', np.dstack([image, np.full(SIZE, 9, np.uint8)]))
    write(images / 'sixteen.png', image.astype(np.uint16) * 257)
    write(images / 'tiny.png', image[:20])
    write(images / 'wide.png', np.zeros((32, 3200, 3), np.uint8))
    (images / 'cut.png').write_bytes((images / 'alpha.png').read_bytes()[:500])

    assert (
        predict(
            cards / 'relative.yaml',
            images,
            tmp_path / 'out',
            '--write',
            'npy',
            '--batch-size',
            '2',
        )
        == 0
    )

    used = {
        name: np.load(tmp_path / 'out' / f'{name}_depth_relative.npy')
        for name in ('gray', 'alpha', 'sixteen')
    }
    for depth in used.values():
        assert np.allclose(depth, used['gray'], rtol=1e-4)
    printed = capsys.readouterr().out
    wide = np.load(tmp_path / 'out' / 'wide_depth_relative.npy')
    assert wide.shape == (32, 3200) and np.isfinite(wide).all()
    assert '4 images, 2 left out' in printed
    assert "'tiny' is 96x20: a side of less than 32 pixels" in printed
    assert 'cut.png' in printed and 'cannot be decoded' in printed


def test_images_that_do_not_fit_the_calibration_are_left_out(tmp_path, cards, images, capsys):
    write(images / 'a.png', wall(0, SIZE))
    write(images / 'b.png', wall(0, (64, 128)))
    intrinsics = write_calibration(tmp_path / 'camera.yaml', D=(0.5, 0, 0, 0))

    assert (
        predict(
            cards / 'metric.yaml',
            images,
            tmp_path / 'out',
            '--intrinsics',
            intrinsics,
            '--write',
            'npy',
        )
        == 0
    )

    assert names(tmp_path / 'out') == ['a_depth.npy', 'depth.yaml']
    assert "'b' is 128x64, but --intrinsics is for 96x64" in capsys.readouterr().out
    corners = np.load(tmp_path / 'out' / 'a_depth.npy')[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert np.isnan(corners).all()  # no source in the distorted image


def test_a_video_becomes_a_film_and_numbered_arrays(tmp_path, cards):
    film = cv2.VideoWriter(
        str(tmp_path / 'ride.mp4'), cv2.VideoWriter.fourcc(*'mp4v'), 12.5, SIZE[::-1]
    )
    for place in range(5):
        film.write(wall(9 * place, SIZE))
    film.release()

    assert (
        predict(
            cards / 'relative.yaml',
            tmp_path / 'ride.mp4',
            tmp_path / 'out',
            '--write',
            'picture',
            'npy',
            '--batch-size',
            '3',
        )
        == 0
    )

    assert names(tmp_path / 'out') == [
        'depth.yaml',
        *(f'ride_{n:06}_depth_relative.npy' for n in range(5)),
        'ride_picture.mp4',
    ]
    capture = cv2.VideoCapture(str(tmp_path / 'out' / 'ride_picture.mp4'))
    assert capture.get(cv2.CAP_PROP_FPS) == 12.5
    shown = [capture.read()[1] for _ in range(5)]
    assert not capture.read()[0] and shown[0].shape[1] >= 2 * SIZE[1]


def test_an_announced_count_of_frames_proves_nothing(tmp_path, cards, capsys):
    irregular = write_irregular_film(tmp_path / 'slow.mkv', [*range(0, 330, 33), 2000, 4000], SIZE)
    trimmed = trim_film(write_film(tmp_path / 'trimmed.mp4', 10, size=SIZE), 600)

    arguments = ([irregular, trimmed], tmp_path / 'out', '--write', 'npy')
    assert predict(cards / 'relative.yaml', *arguments) == 0

    assert '18 images, 0 left out' in capsys.readouterr().out
    assert len(names(tmp_path / 'out')) == 18 + 1


def test_a_cut_video_gives_what_it_has_and_is_named(tmp_path, cards, capsys):
    path = write_film(tmp_path / 'ride.avi', 20, 'MJPG', SIZE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    assert predict(cards / 'relative.yaml', path, tmp_path / 'out', '--write', 'npy') == 0

    printed = capsys.readouterr().out
    assert re.search(r"left out: Video '.*ride\.avi' is cut off after \d+ frames", printed)


def test_a_folder_is_read_by_content_and_nothing_is_left_out_in_silence(
    tmp_path, cards, images, capsys
):
    (images / 'a.jpg').write_bytes(encoded('JPEG') + b'\0\0\0\x18ftypisom \xff\xda of a film')
    (images / 'b.heic').write_bytes(iso_media('heic', 'mif1'))
    (images / 'c.0001').write_bytes(encoded('PNG'))
    (images / 'c.v2').write_bytes(encoded('AVIF'))
    (images / 'notes.txt').write_text('text')
    write_film(images / 'd.mp4', 3)

    assert predict(cards / 'relative.yaml', images, tmp_path / 'out', '--write', 'npy') == 0

    printed = capsys.readouterr().out
    assert '3 images, 2 left out' in printed
    assert 'left out: b.heic: HEIC, not read: convert it to JPEG or PNG' in printed
    assert 'left out: d.mp4: MP4 or QuickTime, a video among images' in printed
    assert 'note: no known pictures or videos: notes.txt' in printed
    assert names(tmp_path / 'out') == [
        'a_depth_relative.npy',
        'c.0001_depth_relative.npy',
        'c.v2_depth_relative.npy',
        'depth.yaml',
    ]


def test_a_picture_that_would_be_read_wrongly_is_refused_by_name(tmp_path, cards, capsys):
    (tmp_path / 'grid.heic').write_bytes(iso_media('heic', 'mif1', 'heic'))

    assert predict(cards / 'relative.yaml', tmp_path / 'grid.heic', tmp_path / 'out') == 1

    assert (
        'none of 1 files can be read: grid.heic: HEIC, not read: convert it to JPEG or PNG'
        in capsys.readouterr().err
    )


@pytest.mark.data
@pytest.mark.parametrize(
    ('inputs', 'expected'),
    [
        (['folder_mixed'], '2 images, 1 left out'),
        (['motion_photo.jpg'], '1 images, 0 left out'),
        (['variable_rate.webm', 'trimmed_edit_list.mp4'], '60 images, 0 left out'),
    ],
)
def test_inputs_from_the_field_are_read_whole(tmp_path, cards, capsys, inputs, expected):
    paths = [shared_data(f'../field_cases/{name}') for name in inputs]

    assert predict(cards / 'relative.yaml', paths, tmp_path / 'out', '--write', 'npy') == 0

    assert expected in capsys.readouterr().out


def test_the_picture_shows_the_image_beside_the_colors_of_its_depth(tmp_path, cards, images):
    image = write(images / 'a.png', np.full((*SIZE, 3), (10, 200, 30), np.uint8))

    assert predict(cards / 'relative.yaml', image, tmp_path / 'out') == 0

    picture = cv2.imread(str(tmp_path / 'out' / 'a_picture.png'))
    inside = (picture == (10, 200, 30)).all(axis=-1)
    assert inside.sum() == SIZE[0] * SIZE[1]
    assert picture.shape[0] % 2 == picture.shape[1] % 2 == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda f: f / 'nothing.png', "nothing.png' does not exist"),
        (lambda f: f, 'holds no images (.png, .jpg'),
        (lambda f: _text(f / 'notes.txt'), 'is no video that OpenCV can decode'),
        (lambda f: _text(f / 'broken.png'), 'none of 1 images could be used'),
    ],
)
def test_wrong_inputs_are_one_line_and_an_exit_code(
    tmp_path, cards, images, capsys, make, message
):
    assert predict(cards / 'relative.yaml', make(images), tmp_path / 'out') == 1

    error = capsys.readouterr().err
    assert message in error and error.startswith('predict_depth: error: ')


def _text(path):
    path.write_text('text')
    return path


def test_outputs_never_mix_with_inputs_or_each_other(tmp_path, cards, images, capsys):
    first = write(images / 'a.png', wall(0, SIZE))
    second = write(tmp_path / 'a.png', wall(0, SIZE))

    assert predict(cards / 'relative.yaml', first, images) == 1
    assert 'is a folder of inputs' in capsys.readouterr().err
    assert predict(cards / 'relative.yaml', [first, second], tmp_path / 'out') == 1
    assert 'under the same name' in capsys.readouterr().err


def test_untrained_cards_are_called_so(tmp_path, images, capsys):
    write_card(replace(UNTRAINED, network='small_depth'), tmp_path / 'random.yaml')
    image = write(images / 'a.png', wall(0, SIZE))

    assert predict(tmp_path / 'random.yaml', image, tmp_path / 'out') == 0

    assert 'random: relative depth, no metres, UNTRAINED' in capsys.readouterr().out
    assert not yaml.safe_load((tmp_path / 'out' / 'depth.yaml').read_text())['trained']
