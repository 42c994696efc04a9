"""The files and stamps of a drive, as every tool reads them."""

import os

import cv2
import numpy as np
import pytest
from kitti_folder import DRIVE, write_day, write_image, write_scan, write_split

from mono_depth_ros.datasets.kitti.drive import (
    NO_STAMP,
    frame_files,
    read_stamps,
    read_track,
    sensor_files,
    write_stamps,
)
from mono_depth_ros.datasets.kitti.options import KittiBagOptions
from mono_depth_ros.datasets.kitti.raw import KittiRaw, find_image
from mono_depth_ros.datasets.kitti.to_bag import write_drive
from mono_depth_ros.datasets.split_making import choose_kitti
from mono_depth_ros.datasets.splits import SplitEntry
from mono_depth_ros.evaluation.protocol.kitti_ground_truth import read_depth, read_image_of

START, PERIOD = 1_317_042_145_000_000_000, 100_000_000
COUNT = 6


def stamps_of(frames):
    return [START + PERIOD * frame for frame in frames]


@pytest.fixture
def root(tmp_path):
    """Six left images and scans."""
    write_day(tmp_path)
    rng = np.random.default_rng(0)
    for index in range(COUNT):
        write_image(tmp_path, index, rng.integers(0, 256, (40, 60, 3), dtype=np.uint8))
        write_scan(tmp_path, index, [(8.0, 0.5, -0.25)])
    for sensor in ('image_02', 'velodyne_points'):
        write_stamps(tmp_path / DRIVE / sensor / 'timestamps.txt', stamps_of(range(COUNT)))
    return tmp_path


def lose_scans(root, *frames, lines=True):
    """Remove scans, and leave their lines empty as KITTI does, or leave them out."""
    folder = root / DRIVE / 'velodyne_points'
    path = folder / 'timestamps.txt'
    texts = path.read_text().splitlines()
    for frame in frames:
        (folder / 'data' / f'{frame:010}.bin').unlink()
        texts[frame] = '' if lines else None
    path.write_text('\n'.join(text for text in texts if text is not None) + '\n')


@pytest.mark.parametrize('missing', [(2, 3), (4, 5), (0, 1), (1, 2, 4, 5), (0, 5)], ids=str)
def test_an_empty_line_keeps_its_number(root, missing):
    lose_scans(root, *missing)

    track = read_track(root / DRIVE, 'velodyne_points')

    frames = [frame for frame in range(COUNT) if frame not in missing]
    assert track.numbers == frames and track.stamps.tolist() == stamps_of(frames)
    assert (
        read_stamps(root / DRIVE / 'velodyne_points' / 'timestamps.txt') == NO_STAMP
    ).sum() == len(missing)


def test_a_drive_that_lacks_scans_becomes_a_bag(tmp_path, root):
    lose_scans(root, 2, 3)

    report = write_drive(root / DRIVE, tmp_path / 'bag', KittiBagOptions())

    assert report.messages['/velodyne_points'] == 4
    assert not any('compare their timestamps' in note for note in report.notes)


def test_a_frame_without_its_stamp_is_named(root):
    path = root / DRIVE / 'image_02' / 'timestamps.txt'
    lines = path.read_text().splitlines()
    path.write_text('\n'.join([*lines[:3], ' \t', *lines[4:]]))

    with pytest.raises(ValueError, match=r"line 4 is empty, .* frame '0000000003\.png'"):
        read_track(root / DRIVE, 'image_02')


def test_lines_that_were_left_out_show_against_the_camera(tmp_path, root):
    lose_scans(root, 2, lines=False)
    with pytest.raises(ValueError, match=r"has 5 lines, but there is a frame '0000000005\.bin'"):
        write_drive(root / DRIVE, tmp_path / 'bag', KittiBagOptions())
    (root / DRIVE / 'velodyne_points' / 'data' / '0000000005.bin').unlink()

    report = write_drive(root / DRIVE, tmp_path / 'bag', KittiBagOptions())

    assert (
        'frame 4 of velodyne_points is 0.100 s from that of image_02, more than half a period: '
        'compare their timestamps.txt, line by line'
    ) in report.notes


@pytest.mark.parametrize('text', ['\ufeff{}', '{}\r\n', '\n\n{}'], ids=['BOM', 'CRLF', 'empty'])
def test_stamps_are_read_whatever_editor_saved_them(tmp_path, text):
    path = tmp_path / 'timestamps.txt'
    path.write_bytes(text.format('2011-09-26 13:02:25.000000000').encode())

    assert read_stamps(path).tolist()[-1] == START


def rename_images(root, name):
    """Give every image another name, a function of its number."""
    for file in sensor_files(root / DRIVE / 'image_02'):
        file.rename(file.parent / name(int(file.stem)))


@pytest.mark.parametrize(
    'name',
    [
        lambda n: f'{n:010}.jpeg',
        lambda n: f'{n:010}.JPG',
        lambda n: f'{n:010}.webp',
        lambda n: f'{n:06}.png',
    ],
    ids=['jpeg', 'JPG', 'webp', 'six digits'],
)
def test_every_tool_finds_frames_by_number_with_any_ending(tmp_path, root, name):
    (root / 'poses.txt').touch()
    rename_images(root, name)
    entry = SplitEntry(DRIVE, 2, 'l')

    assert len(KittiRaw(root, write_split(root, 2))[0].sources) == 2
    assert len(choose_kitti(root, DRIVE).entries) == COUNT - 2
    assert read_image_of(root, entry).shape == (40, 60, 3)
    assert write_drive(root / DRIVE, tmp_path / 'bag', KittiBagOptions()).messages.total() > 12
    assert find_image(root, entry, 2).name == name(2) and find_image(root, entry, 3) is None


@pytest.mark.parametrize('other', ['0000000003.jpg', '3.png', '0000000003.PNG'])
def test_two_files_of_one_frame_are_named_by_every_tool(tmp_path, root, other):
    folder = root / DRIVE / 'image_02' / 'data'
    (folder / other).write_bytes((folder / '0000000003.png').read_bytes())
    both = r"0000000003\.\w+' and .* are both of one frame"

    for read in (
        lambda: KittiRaw(root, write_split(root, 2))[0],
        lambda: choose_kitti(root, DRIVE),
        lambda: read_image_of(root, SplitEntry(DRIVE, 2, 'l')),
        lambda: write_drive(root / DRIVE, tmp_path / 'bag', KittiBagOptions()),
    ):
        with pytest.raises(ValueError, match=both):
            read()


def test_scans_are_found_by_number_too(root):
    for file in sensor_files(root / DRIVE / 'velodyne_points'):
        file.rename(file.with_name(f'{int(file.stem):06}.bin'))

    assert (read_depth(root, SplitEntry(DRIVE, 1, 'l'), 'lidar') > 0).sum() == 1


def test_other_files_beside_the_frames_are_none_of_them(root):
    folder = root / DRIVE / 'image_02' / 'data'
    for name in ('Thumbs.db', '0000000001.txt', '._0000000002.png', 'copy of 1.png', '²3.png'):
        (folder / name).write_bytes(b'')

    assert list(frame_files(folder.parent)) == list(range(COUNT))


def test_frames_that_come_later_are_seen(root):
    folder = root / DRIVE / 'image_02'
    assert len(frame_files(folder)) == COUNT
    long_ago = folder.stat().st_mtime - 100
    os.utime(folder / 'data', (long_ago, long_ago))
    assert len(frame_files(folder)) == len(frame_files(folder)) == COUNT

    assert cv2.imwrite(str(folder / 'data' / '0000000009.png'), np.zeros((40, 60), np.uint8))

    assert 9 in frame_files(folder)


def test_the_own_bytes_are_kept_by_content_not_by_suffix(tmp_path, root):
    rename_images(root, lambda n: f'{n:010}.jpg')  # PNGs by content

    write_drive(root / DRIVE, tmp_path / 'jpeg', KittiBagOptions(images='jpeg'))
    write_drive(root / DRIVE, tmp_path / 'png', KittiBagOptions(images='png'))

    own = (root / DRIVE / 'image_02' / 'data' / '0000000000.jpg').read_bytes()
    assert own in next((tmp_path / 'png').glob('*.mcap')).read_bytes()
    assert own not in next((tmp_path / 'jpeg').glob('*.mcap')).read_bytes()
