"""Films are read frame by frame; what they announce proves nothing."""

import multiprocessing

import cv2
import pytest
from pictures import (
    animated,
    encoded,
    iso_media,
    number_in,
    trim_film,
    write_film,
    write_irregular_film,
)

from mono_depth_ros.datasets.videos import Video, open_video, video_fault

IRREGULAR = [33 * n for n in range(60)] + [2000 + 200 * n for n in range(60)]


@pytest.mark.parametrize(('name', 'codec'), [('film.avi', 'MJPG'), ('film.mkv', 'mp4v')])
def test_frames_are_reached_in_any_order(tmp_path, name, codec):
    video = Video(write_film(tmp_path / name, 100, codec))

    assert len(video) == 100
    for index in (99, 0, 60, 61, 5, 98, 40):
        assert number_in(video.read(index)) == index


def test_a_film_of_variable_rate_has_the_frames_that_it_has(tmp_path):
    path = write_irregular_film(tmp_path / 'film.mkv', IRREGULAR)
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FRAME_COUNT) > 3 * len(IRREGULAR)

    video = Video(path)

    assert len(video) == len(IRREGULAR)
    for index in (0, 119, 50, 118, 61, 2, 110, 59):
        assert number_in(video.read(index)) == index


def test_frames_of_one_time_are_told_apart_by_counting(tmp_path):
    video = Video(write_irregular_film(tmp_path / 'film.mkv', [0] * 40 + [7] * 40))

    for index in (79, 0, 45, 1, 78):
        assert number_in(video.read(index)) == index


def test_an_edit_list_may_leave_frames_out(tmp_path):
    path = trim_film(write_film(tmp_path / 'film.mp4', 40), 2000)
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FRAME_COUNT) == 40

    video = Video(path)

    assert len(video) == 20 and number_in(video.read(19)) == 19


def test_a_cut_film_says_what_is_missing(tmp_path):
    path = write_irregular_film(tmp_path / 'film.mkv', IRREGULAR)
    path.write_bytes(path.read_bytes()[:-5000])

    with pytest.raises(ValueError, match=r'cut off after \d+ frames.*its segment is to have \d+'):
        Video(path)


def test_a_film_without_its_index_is_named_as_such(tmp_path):
    path = write_film(tmp_path / 'film.mp4', 40)
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b'moov') - 4])

    with pytest.raises(ValueError, match=r"is no video that OpenCV.*: it has no box 'moov'"):
        open_video(path)


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        (encoded('JPEG'), r'it is a picture \(JPEG\)'),
        (iso_media('heic', 'mif1'), 'it is HEIC, not read: convert it to JPEG or PNG'),
        (b'hello', 'it starts with 68 65 6c 6c 6f, no known picture or video'),
        (b'\x1a\x45\xdf\xa3' + bytes(50), 'it starts like Matroska or WebM'),
        (b'abc', 'it starts with 61 62 63, no known picture or video'),
        (b'', 'it is empty, no known picture or video'),
    ],
)
def test_what_is_no_film_says_what_it_is(tmp_path, content, reason):
    (tmp_path / 'film.mp4').write_bytes(content)

    with pytest.raises(ValueError, match=rf'film\.mp4.*is no video that OpenCV can.*: {reason}\.'):
        open_video(tmp_path / 'film.mp4')


def test_an_animated_gif_gives_its_pictures(tmp_path):
    (tmp_path / 'film').write_bytes(animated('GIF', duration=100))

    assert len(Video(tmp_path / 'film')) == 3


def test_a_film_of_which_nothing_can_be_decoded_says_so(tmp_path):
    path = write_film(tmp_path / 'film.mp4', 3)

    assert video_fault(path, 3) == ''
    assert 'decodes no frame' in video_fault(path, 0)


def test_a_film_is_one_by_whatever_name(tmp_path):
    path = write_film(tmp_path / 'film.mp4', 3).rename(tmp_path / 'film.jpg')

    assert number_in(Video(path).read(2)) == 2


def test_a_fork_of_the_process_opens_its_own_file(tmp_path):
    video = Video(write_film(tmp_path / 'film.mp4', 20))
    video.read(3)

    forked = multiprocessing.get_context('fork').Process(target=video.read, args=(5,))
    forked.start()
    forked.join(30)
    is_done, code = not forked.is_alive(), forked.exitcode
    forked.kill()

    assert is_done and code == 0
