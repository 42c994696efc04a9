"""Folders of images and videos become training samples, in order, with their calibration."""

import pickle

import cv2
import numpy as np
import pytest
from moving_bags import STEP, K, wall

from mono_depth_ros.datasets.image_sequence import ImageSequence


@pytest.fixture
def camera(tmp_path):
    return write_camera(tmp_path / 'camera.yaml')


def write_camera(path, width=160, height=48):
    path.write_text(
        f'image_width: {width}\nimage_height: {height}\n'
        f'camera_matrix: {{data: {K.ravel().tolist()}}}\n'
    )
    return path


def write_folder(folder, places):
    folder.mkdir()
    for index, place in enumerate(places):
        cv2.imwrite(str(folder / f'{index:06}.png'), wall(place))
    (folder / 'notes.txt').write_text('no image')
    return folder


def write_video(path, count, codec='MJPG'):
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), 10, (160, 48))
    for index in range(count):
        video.write(wall(STEP * index))
    video.release()
    return path


def test_neighbours_in_a_folder_are_those_by_name(tmp_path, camera):
    data = ImageSequence(write_folder(tmp_path / 'images', range(0, 15, 3)), camera)

    assert len(data) == 3
    sample = data[1]
    assert np.array_equal(sample.target, wall(6))
    assert [source.offset for source in sample.sources] == [-1, 1]
    assert np.array_equal(sample.sources[0].image, wall(3))
    assert np.array_equal(sample.sources[1].image, wall(9))
    assert np.array_equal(sample.K, K) and sample.name.endswith('images/000002.png')


def test_to_a_teacher_every_image_is_a_target(tmp_path, camera):
    data = ImageSequence(write_folder(tmp_path / 'images', [0, 3, 3]), camera, offsets=())

    assert len(data) == 3 and data[2].sources == ()


def test_a_step_skips_images_between_neighbours(tmp_path, camera):
    data = ImageSequence(write_folder(tmp_path / 'images', range(0, 15, 3)), camera, step=2)

    assert len(data) == 1 and np.array_equal(data[0].sources[1].image, wall(12))


def test_images_of_a_standing_camera_are_dropped_and_counted(tmp_path, camera):
    folder = write_folder(tmp_path / 'images', [0, 3, 6, 9, 9, 9, 12])

    data = ImageSequence(folder, camera)

    assert (len(data), data.static) == (2, 3)
    assert data.summary == (
        'images: 7 images; 5 with neighbours; 3 dropped because the camera stands still'
    )
    assert len(ImageSequence(folder, camera, min_motion=0)) == 5


@pytest.mark.parametrize(('name', 'codec'), [('drive.avi', 'MJPG'), ('drive.mp4', 'mp4v')])
def test_a_video_gives_the_very_frame_that_is_asked_for(tmp_path, camera, name, codec):
    data = ImageSequence(write_video(tmp_path / name, 90, codec), camera)

    assert len(data) == 88
    for index in (0, 70, 2, 87, 40, 41):
        sample = data[index]
        assert sample.name.endswith(f'{name}#{index + 1}')
        views = (sample.target, sample.sources[0].image, sample.sources[1].image)
        for view, frame in zip(views, (index + 1, index, index + 2)):
            assert np.abs(view.astype(int) - wall(STEP * frame)).mean() < 5


def test_a_video_travels_to_another_process_with_its_file_closed(tmp_path, camera):
    data = ImageSequence(write_video(tmp_path / 'drive.avi', 5), camera)
    first = data[0]

    again = pickle.loads(pickle.dumps(data))

    assert np.array_equal(again[0].target, first.target)


@pytest.mark.parametrize(
    'make',
    [
        lambda folder: folder / 'nothing',
        lambda folder: write_folder(folder / 'images', []),
    ],
)
def test_missing_images_are_named(tmp_path, camera, make):
    with pytest.raises(FileNotFoundError, match=r'does not exist|holds no images'):
        ImageSequence(make(tmp_path), camera)


def test_a_file_that_is_no_video_is_named(tmp_path, camera):
    (tmp_path / 'film.mp4').write_bytes(b'abc')

    with pytest.raises(ValueError, match=r'film\.mp4.* \(3 bytes\) is no video'):
        ImageSequence(tmp_path / 'film.mp4', camera)


def test_a_truncated_video_is_named_with_the_cure(tmp_path, camera):
    path = write_video(tmp_path / 'drive.avi', 60)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(
        ValueError, match=r'drive\.avi.*is cut off after \d+ frames.*movi.*Copy it again'
    ):
        ImageSequence(path, camera)


def test_an_image_of_another_size_names_image_and_calibration(tmp_path):
    folder = write_folder(tmp_path / 'images', [0, 3, 6])

    with pytest.raises(ValueError, match=r"000000\.png' is 160x48, but '.*big\.yaml' is for 320x"):
        ImageSequence(folder, write_camera(tmp_path / 'big.yaml', 320, 96))


def test_a_broken_image_is_named(tmp_path, camera):
    folder = write_folder(tmp_path / 'images', [0, 3, 6])
    (folder / '000001.png').write_bytes(b'')

    with pytest.raises(ValueError, match=r'000001\.png.*cannot be decoded'):
        ImageSequence(folder, camera)


def test_a_folder_is_read_by_content_and_what_is_not_read_is_named(tmp_path, camera):
    folder = write_folder(tmp_path / 'images', range(0, 12, 3))
    (folder / '000002.png').rename(folder / '000002')
    (folder / '000001a.heic').write_bytes(b'\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic')
    write_video(folder / 'z.avi', 3)

    data = ImageSequence(folder, camera)

    assert len(data) == 2 and np.array_equal(data[1].target, wall(6))
    assert data.left_out == (
        '000001a.heic: HEIC, not read: convert it to JPEG or PNG',
        'z.avi: AVI, a video among images: name it itself',
    )
    assert data.summary.endswith('; 2 left out: ' + '; '.join(data.left_out))


def test_a_picture_is_no_video(tmp_path, camera):
    write_folder(tmp_path / 'images', [0])

    with pytest.raises(ValueError, match=r'is no video.*it is a picture \(PNG\)'):
        ImageSequence(tmp_path / 'images' / '000000.png', camera)


def test_too_few_images_say_so(tmp_path, camera):
    with pytest.raises(ValueError, match=r'2 images; 0 with neighbours.*Record longer'):
        ImageSequence(write_folder(tmp_path / 'images', [0, 3]), camera)


@pytest.mark.parametrize('options', [{'offsets': (0, 1)}, {'step': 0}])
def test_options_that_make_no_sense_are_refused(tmp_path, camera, options):
    with pytest.raises(ValueError, match='expected offsets none of which is 0'):
        ImageSequence(tmp_path, camera, **options)
