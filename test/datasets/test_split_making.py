"""Frames of a split: those with all their sources and motion, parted by whole drives."""

import cv2
import pytest
from moving_bags import PERIOD, START, wall, write_moving_bag

from mono_depth_ros.datasets.bag.options import BagOptions
from mono_depth_ros.datasets.split_making import (
    Chosen,
    choose_bag,
    choose_kitti,
    find_bags,
    find_drives,
    part,
)
from mono_depth_ros.datasets.splits import SplitEntry

DAY = '2011_09_26'
DRIVE = f'{DAY}/{DAY}_drive_0001_sync'
CALIBRATION = ''.join(
    f'S_rect_{c:02}: 160 48\nP_rect_{c:02}: 90 0 79.5 {-45 * (c % 2)} 0 90 23.5 0 0 0 1 0\n'
    for c in range(4)
)


def write_drive(root, places, camera=2, drive=DRIVE):
    """Write images by their numbers: {number: place on the wall}."""
    folder = root / drive / f'image_{camera:02}' / 'data'
    folder.mkdir(parents=True)
    for number, place in places.items():
        cv2.imwrite(str(folder / f'{number:010}.png'), wall(place))
    (root / drive).parent.joinpath('calib_cam_to_cam.txt').write_text(CALIBRATION)
    return root


def numbers(chosen):
    return [entry.index for entry in chosen.entries]


def test_a_frame_needs_its_neighbours(tmp_path):
    root = write_drive(tmp_path, {number: 3 * number for number in (0, 1, 2, 3, 5, 6, 7)})

    chosen = choose_kitti(root, DRIVE)

    assert numbers(chosen) == [1, 2, 6]
    assert str(chosen) == (
        f'{DRIVE}: 7 images, 4 that lack a source, 0 of a standing camera, 3 chosen'
    )
    assert numbers(choose_kitti(root, DRIVE, offsets=(-2, 1))) == [2, 5]
    assert numbers(choose_kitti(root, DRIVE, offsets=())) == [0, 1, 2, 3, 5, 6, 7]


def test_frames_of_a_standing_camera_are_dropped_where_wanted(tmp_path):
    root = write_drive(tmp_path, dict(enumerate((0, 3, 6, 9, 9, 9, 12, 15))))

    chosen = choose_kitti(root, DRIVE, min_motion=0.2)

    assert (numbers(chosen), chosen.static) == ([1, 2, 6], 3)


def test_stereo_needs_the_other_image_and_sides_may_be_both(tmp_path):
    root = write_drive(tmp_path, dict.fromkeys(range(5), 0))
    write_drive(root, dict.fromkeys(range(2, 5), 0), camera=3)

    assert numbers(choose_kitti(root, DRIVE, stereo=True)) == [2, 3]
    both = choose_kitti(root, DRIVE, sides='lr')
    assert [str(entry).split(maxsplit=1)[1] for entry in both.entries] == [
        '1 l',
        '2 l',
        '3 l',
        '3 r',
    ]


def test_gray_cameras_stand_in_for_color(tmp_path):
    root = write_drive(tmp_path, dict.fromkeys(range(3), 0), camera=0)

    assert numbers(choose_kitti(root, DRIVE)) == [1]


def test_drives_are_found_in_order(tmp_path):
    second = f'{DAY}/{DAY}_drive_0002_sync'
    write_drive(write_drive(tmp_path, {0: 0}, drive=second), {0: 0}, camera=0)

    assert find_drives(tmp_path) == [DRIVE, second]
    with pytest.raises(FileNotFoundError, match='holds no drives such as 2011_09_26/'):
        find_drives(tmp_path / DAY)


def test_damaged_drives_are_named_with_the_cure(tmp_path):
    root = write_drive(tmp_path, dict.fromkeys(range(3), 0))
    image = root / DRIVE / 'image_02/data/0000000002.png'
    image.write_bytes(b'')
    with pytest.raises(ValueError, match=r"0000000002\.png' is empty; unpack"):
        choose_kitti(root, DRIVE)
    image.unlink()
    (root / DAY / 'calib_cam_to_cam.txt').unlink()
    with pytest.raises(FileNotFoundError, match=r'calib_cam_to_cam\.txt.*Unpack it there'):
        choose_kitti(root, DRIVE)
    with pytest.raises(FileNotFoundError, match="nowhere' has no images in image_02"):
        choose_kitti(root, f'{DAY}/nowhere')


def test_bags_are_found_by_what_they_are(tmp_path):
    write_moving_bag(tmp_path / 'b')
    next(write_moving_bag(tmp_path / 'c').glob('*.mcap')).rename(tmp_path / 'a.mcap')
    (tmp_path / 'c' / 'metadata.yaml').unlink()
    (tmp_path / 'notes.txt').write_text('no bag')

    assert find_bags(tmp_path) == ['a.mcap', 'b']


def test_what_cannot_be_listed_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match='holds no bags'):
        find_bags(tmp_path)
    with pytest.raises(FileNotFoundError, match='does not exist'):
        find_bags(tmp_path / 'nowhere')
    write_moving_bag(tmp_path / 'my drive')
    with pytest.raises(ValueError, match=r"'my drive' has a space in its name.*Rename it"):
        find_bags(tmp_path)


def test_targets_of_a_bag_are_stamps(tmp_path):
    write_moving_bag(tmp_path / 'bag', [0, 3, 6, 9, 9, 9, 12, 15])

    chosen = choose_bag(tmp_path, 'bag', BagOptions())

    assert chosen.entries == tuple(
        SplitEntry('bag', START + index * PERIOD, 'l') for index in (1, 2, 6)
    )
    assert (chosen.images, chosen.incomplete, chosen.static, chosen.reach) == (8, 2, 3, 2)
    assert choose_bag(tmp_path, 'bag', BagOptions(frame_interval=0.3)).reach == 6


def drive(name, count, reach=2):
    return Chosen(
        name, tuple(SplitEntry(name, index, 'l') for index in range(count)), count, 0, 0, reach
    )


def test_validation_takes_whole_drives_of_about_the_wanted_share():
    drives = [drive(f'd{index}', 10) for index in range(10)]

    training, validation = part(drives, 0.2)

    assert (len(training), len(validation)) == (80, 20)
    assert not {entry.folder for entry in training} & {entry.folder for entry in validation}
    assert part(drives, 0.2) == (training, validation)
    assert part(reversed(drives), 0.2)[1] == validation[10:] + validation[:10]
    assert any(part(drives, 0.2, seed)[1] != validation for seed in range(1, 4))


def test_some_drive_is_always_left_for_each_part():
    for names in ('ab', 'ba'):
        large, small = (drive(name, count) for name, count in zip(names, (1000, 10)))
        training, validation = part([large, small], 0.001)

        assert (len(training), len(validation)) == (1000, 10)
    assert [len(entries) > 0 for entries in part([large, small], 0.999)] == [True, True]


def test_the_end_of_a_single_drive_is_for_validation_and_shares_no_image():
    training, validation = part([drive('a', 20)], 0.25)

    assert [entry.index for entry in validation] == [15, 16, 17, 18, 19]
    # 13 and 14 are left out: the source 14 + 1 or 13 + 1 is one of the validation's.
    assert training[-1].index == 12


def test_without_validation_everything_is_for_training():
    assert [len(entries) for entries in part([drive('a', 3), drive('b', 2)], 0)] == [5, 0]


@pytest.mark.parametrize(
    ('drives', 'share', 'error'),
    [
        ([drive('a', 3)], 1.0, 'expected 0 to below 1'),
        ([drive('a', 3)], 0.5, "'a' alone has only 3 targets"),
        ([drive('a', 0)], 0.1, 'No frame was chosen.*min_motion'),
    ],
)
def test_what_cannot_be_parted_is_refused(drives, share, error):
    with pytest.raises(ValueError, match=error):
        part(drives, share)
