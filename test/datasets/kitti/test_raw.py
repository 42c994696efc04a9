"""KITTI raw folders become training samples."""

import pickle

import cv2
import numpy as np
import pytest
from kitti_folder import DAY, DRIVE, write_day, write_image
from shared_data import shared_data

from mono_depth_ros.datasets.image_files import read_image
from mono_depth_ros.datasets.kitti.raw import KittiRaw
from mono_depth_ros.datasets.splits import SplitEntry, write_split

SIZE = (40, 60)
GRAY_CAMERAS = """S_rect_00: 60 40
P_rect_00: 48 0 30 0 0 48 20 0 0 0 1 0
S_rect_01: 60 40
P_rect_01: 48 0 30 -24 0 48 20 0 0 0 1 0
"""


def noise(seed):
    return np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8)


@pytest.fixture
def root(tmp_path):
    """Five left images, 4 to 8, the right partners of 6 and 7."""
    write_day(tmp_path, SIZE)
    for index in range(4, 9):
        write_image(tmp_path, index, noise(index))
    for index in (6, 7):
        write_image(tmp_path, index, noise(100 + index), 'r')
    return tmp_path


def kitti(root, index=6, side='l', **options):
    split = root / 'split.txt'
    write_split(split, [SplitEntry(DRIVE, index, side)])
    return KittiRaw(root, split, **options)


def calibration(root):
    return root / DAY / 'calib_cam_to_cam.txt'


def image(root, index, camera='image_02'):
    return root / DRIVE / camera / 'data' / f'{index:010}.png'


def write_gray_drive(root, indices=(0, 1, 2)):
    for camera in (0, 1):
        folder = root / DRIVE / f'image_{camera:02}' / 'data'
        folder.mkdir(parents=True)
        for index in indices:
            assert cv2.imwrite(str(folder / f'{index:010}.png'), noise(index + camera)[..., 0])
    path = calibration(root)
    path.write_text(path.read_text() + GRAY_CAMERAS)


def test_a_frame_has_its_neighbours_in_time(root):
    sample = kitti(root)[0]

    assert np.array_equal(sample.target, noise(6)) and sample.name == f'{DRIVE} 6 l'
    assert [source.offset for source in sample.sources] == [-1, 1]
    for source in sample.sources:
        assert np.array_equal(source.image, noise(6 + source.offset))
        assert source.source_from_target is None and source.distance is None
    assert sample.K.tolist() == [[50, 0, 30], [0, 50, 20], [0, 0, 1]]
    assert sample.depth_hint is None


def test_offsets_say_which_neighbours(root):
    assert [s.offset for s in kitti(root, offsets=(-2, 1, 2))[0].sources] == [-2, 1, 2]


@pytest.mark.parametrize('index, found', [(4, [1]), (8, [-1])])
def test_at_the_ends_of_a_drive_there_is_one_neighbour(root, index, found):
    assert [source.offset for source in kitti(root, index)[0].sources] == found


def test_the_stereo_partner_has_a_known_pose(root):
    sample = kitti(root, stereo=True)[0]

    partner = sample.sources[-1]
    assert [source.offset for source in sample.sources] == [-1, 1, 0]
    assert np.array_equal(partner.image, noise(106)) and partner.distance == 0.5
    assert partner.source_from_target.tolist() == [
        [1, 0, 0, -0.5],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
    ]


def test_the_partner_of_a_right_image_is_the_left_one(root):
    sample = kitti(root, side='r', stereo=True)[0]

    assert np.array_equal(sample.target, noise(106))
    assert [source.offset for source in sample.sources] == [1, 0]
    assert np.array_equal(sample.sources[0].image, noise(107))
    assert np.array_equal(sample.sources[1].image, noise(6))
    assert sample.sources[1].source_from_target[0, 3] == 0.5


def test_a_frame_without_partner_keeps_its_neighbours(root):
    assert [source.offset for source in kitti(root, 5, stereo=True)[0].sources] == [-1, 1]


def test_stereo_alone_has_the_partner_only(root):
    assert [s.offset for s in kitti(root, offsets=(), stereo=True)[0].sources] == [0]


def test_a_teacher_needs_no_sources(root):
    assert kitti(root, offsets=())[0].sources == ()


def test_gray_drives_have_distances_where_there_are_poses(tmp_path):
    write_day(tmp_path, SIZE)
    write_gray_drive(tmp_path)
    poses = [np.eye(4)[:3] for _ in range(3)]
    poses[1][:, 3] = 0.3, 0, 0.4
    poses[2][:, 3] = 0.3, 0, 1.4
    np.savetxt(tmp_path / DRIVE / 'poses.txt', np.reshape(poses, (3, 12)))

    sample = kitti(tmp_path, 1, stereo=True)[0]

    assert [source.distance for source in sample.sources] == pytest.approx([0.5, 1.0, 0.5])
    assert sample.sources[-1].source_from_target[0, 3] == -0.5
    assert sample.K[0, 0] == 48
    assert (sample.target == sample.target[..., :1]).all()


def test_color_is_preferred_and_never_mixed_with_gray(root):
    write_gray_drive(root, range(4, 12))

    assert kitti(root)[0].K[0, 0] == 50
    assert [source.offset for source in kitti(root, 8)[0].sources] == [-1]
    assert kitti(root, 10)[0].K[0, 0] == 48


def test_poses_that_end_early_leave_distances_unknown(root):
    np.savetxt(root / DRIVE / 'poses.txt', np.eye(4)[:3].reshape(1, 12).repeat(7, 0))

    assert [source.distance for source in kitti(root)[0].sources] == [0.0, None]


def test_jpegs_are_read_where_there_is_no_png(root):
    path = image(root, 6)
    picture = cv2.imread(str(path))
    path.unlink()
    assert cv2.imwrite(str(path.with_suffix('.jpg')), picture, [cv2.IMWRITE_JPEG_QUALITY, 100])

    assert np.array_equal(kitti(root)[0].target, read_image(path.with_suffix('.jpg')))


def test_hints_come_with_or_without_the_partner_as_a_source(root):
    with_partner = kitti(root, stereo=True, hints=True)[0]
    without = kitti(root, hints=True)[0]

    assert with_partner.depth_hint.shape == SIZE
    np.testing.assert_array_equal(without.depth_hint, with_partner.depth_hint)
    assert [source.offset for source in without.sources] == [-1, 1]
    assert kitti(root, 5, hints=True)[0].depth_hint is None


def test_both_sides_of_a_line_can_be_targets(root):
    split = root / 'split.txt'
    write_split(split, [SplitEntry(DRIVE, index, 'l') for index in (5, 6, 7)])

    data = KittiRaw(root, split, both_sides=True)

    assert [str(entry)[-3:] for entry in data.entries] == ['5 l', '6 l', '7 l', '6 r', '7 r']


def test_several_split_files_count_as_one(root):
    first, second = root / 'a.txt', root / 'b.txt'
    write_split(first, [SplitEntry(DRIVE, 5, 'l')])
    write_split(second, [SplitEntry(DRIVE, 7, 'l'), SplitEntry(DRIVE, 6, 'r')])

    data = KittiRaw(root, [first, second])

    assert [data[index].name[-3:] for index in range(len(data))] == ['5 l', '7 l', '6 r']


@pytest.mark.parametrize('keep', [False, True])
def test_reading_twice_gives_the_same_and_what_is_kept_needs_no_file(root, keep):
    data = pickle.loads(pickle.dumps(kitti(root, stereo=True, hints=True, keep=keep)))
    first = data[0]
    write_image(root, 6, noise(77))

    again = data[0]

    assert np.array_equal(again.target, first.target) == keep
    assert np.array_equal(again.depth_hint, first.depth_hint, equal_nan=True) == keep


def test_a_missing_root_is_named(root):
    with pytest.raises(FileNotFoundError, match=r"root '.*nowhere' is no folder; expected one"):
        KittiRaw(root / 'nowhere', root / 'split.txt')


def test_a_missing_frame_is_named_with_where_it_was_looked_for(root):
    with pytest.raises(
        FileNotFoundError,
        match=rf"Frame '{DRIVE} 99 l' is missing: no "
        r'0000000099\.png/\.jpg in image_02 or image_00.*Unpack that drive',
    ):
        kitti(root, 99)[0]


def test_a_frame_that_nothing_can_be_compared_with_is_named(root):
    write_image(root, 20, noise(20))

    with pytest.raises(
        FileNotFoundError,
        match=r"20 l' has nothing to compare with: neighbours "
        r'-1, \+1 and the stereo partner are missing.*other supervision',
    ):
        kitti(root, 20, stereo=True)[0]


@pytest.mark.parametrize('index', [6, 7])
def test_a_cut_image_is_named(root, index):
    path = image(root, index)
    path.write_bytes(path.read_bytes()[:500])

    with pytest.raises(ValueError, match=rf'{path.name}.*cannot be decoded.*leave it out'):
        kitti(root)[0]


def test_an_image_of_another_size_than_the_calibration_is_named(root):
    write_image(root, 7, noise(7)[:30])

    with pytest.raises(
        ValueError,
        match=r'0000000007\.png. is 30x60 \(height x width\), but '
        r'calib_cam_to_cam\.txt of its day says 40x60',
    ):
        kitti(root)[0]


def test_a_missing_calibration_is_named(root):
    calibration(root).unlink()

    with pytest.raises(FileNotFoundError, match=r'calib_cam_to_cam\.txt. does not exist.*Unpack'):
        kitti(root)[0]


def test_a_calibration_without_the_partner_is_named(root):
    text = calibration(root).read_text()
    calibration(root).write_text(text.replace('P_rect_03', 'P_rect_13'))

    with pytest.raises(ValueError, match="'P_rect_03' is missing"):
        kitti(root, stereo=True)[0]


@pytest.mark.parametrize(
    'change',
    [
        ('P_rect_03: 50 0 30 -25', 'P_rect_03: 50 0 30 0'),  # in one place
        ('P_rect_03: 50 0 30 -25', 'P_rect_03: 50 0 30 25'),  # on the wrong side
        ('P_rect_03: 50', 'P_rect_03: 60'),  # another lens
    ],
)
def test_a_pair_that_is_not_rectified_is_refused(root, change):
    text = calibration(root).read_text()
    assert change[0] in text
    calibration(root).write_text(text.replace(*change))

    with pytest.raises(
        ValueError,
        match=r'cam\.txt: the cameras of image_02 and image_03 '
        r'make no rectified pair.*official calibration',
    ):
        kitti(root, stereo=True)[0]


def test_poses_of_another_form_are_named(root):
    (root / DRIVE / 'poses.txt').write_text('1 0 0 0 0 1 0\n')

    with pytest.raises(ValueError, match=r"poses\.txt': expected 12 numbers per line"):
        kitti(root)[0]


@pytest.mark.slow
@pytest.mark.data
def test_hints_of_real_pairs_agree_with_the_lidar():
    folder = shared_data('kitti')
    errors = []
    data = KittiRaw(
        folder / 'train', folder / 'splits/train_stereo_pairs.txt', (), stereo=True, hints=True
    )
    frames = [number for number, entry in enumerate(data.entries) if '9015' in entry.folder]

    for number in frames[::20]:
        sample, entry = data[number], data.entries[number]
        path = folder / 'train' / entry.folder / 'proj_depth/velodyne_raw/image_02'
        lidar = cv2.imread(str(path / f'{entry.index:010}.png'), cv2.IMREAD_UNCHANGED) / 256
        both = np.isfinite(sample.depth_hint) & (lidar > 0)
        errors.append(np.median(np.abs(sample.depth_hint / np.where(both, lidar, 1) - 1)[both]))
        assert sample.sources[0].source_from_target[0, 3] == pytest.approx(-0.5327, abs=1e-4)
        assert both.sum() > 5000

    assert len(errors) == 3 and max(errors) < 0.05


@pytest.mark.data
def test_real_gray_drives_have_measured_distances():
    folder = shared_data('kitti')

    sample = KittiRaw(folder / 'train', folder / 'splits/train_gray_odometry.txt')[0]

    assert sample.target.shape == (370, 1226, 3)
    assert [source.distance for source in sample.sources] == pytest.approx(
        [1.1994, 1.1856], abs=1e-4
    )


def test_neighbours_are_where_odometry_says(tmp_path):
    write_day(tmp_path, SIZE)
    write_gray_drive(tmp_path)
    quarter = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])  # turns the camera to the right
    poses = np.stack([np.eye(4)[:3]] * 3)
    poses[1, :, 3] = 0, 0, 2
    poses[2, :, :3], poses[2, :, 3] = quarter, (0, 0, 3)
    np.savetxt(tmp_path / DRIVE / 'poses.txt', poses.reshape(3, 12))

    left = kitti(tmp_path, 1, known_poses=True)[0].sources
    right = kitti(tmp_path, 1, 'r', known_poses=True)[0].sources

    # the earlier camera sees this one 2 m ahead; the later, turned one sees it 1 m to its left
    assert left[0].source_from_target[:3, 3] == pytest.approx([0, 0, 2])
    assert left[1].source_from_target[:3, 3] == pytest.approx([1, 0, 0])
    assert left[1].source_from_target[:3, :3] == pytest.approx(quarter.T)
    # the right cameras are 0.5 m from the left ones; turning swings them back as well
    assert right[0].source_from_target[:3, 3] == pytest.approx([0, 0, 2])
    assert right[1].source_from_target[:3, 3] == pytest.approx([1 - 0.5, 0, 0.5])
    assert kitti(tmp_path, 1)[0].sources[0].source_from_target is None


def write_labels(root, index, labels):
    folder = root / DRIVE / 'image_02' / 'labels'
    folder.mkdir(exist_ok=True)
    cv2.imwrite(str(folder / f'{index:010}.png'), labels)


def test_label_maps_lie_in_a_folder_beside_the_images(root):
    labels = np.random.default_rng(0).integers(0, 20, SIZE, np.uint8)
    write_labels(root, 6, labels)

    assert np.array_equal(kitti(root, labels='labels')[0].labels, labels)
    assert kitti(root, 7, labels='labels')[0].labels is None
    assert kitti(root)[0].labels is None


def test_a_label_map_of_another_size_is_refused(root):
    write_labels(root, 6, np.zeros((20, 30), np.uint8))

    with pytest.raises(ValueError, match=r'0000000006\.png.*20x30.*its image is 40x60'):
        kitti(root, labels='labels')[0]
