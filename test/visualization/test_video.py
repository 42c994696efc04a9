"""Videos hold what was written, in a codec that browsers show where there is one."""

import sys

import cv2
import numpy as np
import pytest

from mono_depth_ros.visualization import video
from mono_depth_ros.visualization.video import create_video

SIZE = (48, 64)
GRAYS = (40, 120, 200)
RATE = 12.5


def write(path):
    created = create_video(path, RATE, SIZE)
    for gray in GRAYS:
        created.write(np.full((*SIZE, 3), gray, np.uint8))
    created.release()


def read(path):
    """Return a video's codec, rate and pictures."""
    capture = cv2.VideoCapture(str(path))
    codec = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, 'little').decode().lower()
    rate = capture.get(cv2.CAP_PROP_FPS)
    pictures = []
    while (picture := capture.read()[1]) is not None:
        pictures.append(picture)
    return codec, rate, pictures


def check_pictures(pictures):
    assert [picture.shape for picture in pictures] == [(*SIZE, 3)] * len(GRAYS)
    for picture, gray in zip(pictures, GRAYS):
        assert np.abs(picture.astype(int) - gray).max() <= 4


def test_video_is_h264_where_pyav_is_installed(tmp_path):
    pytest.importorskip('av', reason='PyAV is not installed')

    write(tmp_path / 'a.mp4')

    codec, rate, pictures = read(tmp_path / 'a.mp4')
    assert codec in ('h264', 'avc1') and rate == pytest.approx(RATE)
    check_pictures(pictures)


def test_without_pyav_it_is_mpeg4_with_one_note(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'av', None)
    video._say_that_browsers_refuse_it.cache_clear()

    for name in ('a.mp4', 'b.mp4'):
        write(tmp_path / name)

    codec, rate, pictures = read(tmp_path / 'b.mp4')
    assert codec in ('fmp4', 'mp4v') and rate == pytest.approx(RATE)
    check_pictures(pictures)
    assert capsys.readouterr().err.count('browsers do not show') == 1


def test_video_in_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a\.mp4' cannot be written: the folder is missing"):
        create_video(tmp_path / 'nowhere' / 'a.mp4', RATE, SIZE)
