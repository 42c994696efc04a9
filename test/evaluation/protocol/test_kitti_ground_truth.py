import numpy as np
import pytest
from kitti_folder import DRIVE, write_day, write_depth, write_image, write_scan

from mono_depth_ros.datasets.splits import SplitEntry
from mono_depth_ros.evaluation.protocol.kitti_ground_truth import (
    evaluation_mask,
    garg_crop,
    read_depth,
    read_frame,
)

SIZE = (40, 60)
ENTRY = SplitEntry(DRIVE, 7, 'l')
GRAY = np.full((*SIZE, 3), 90, np.uint8)
# Scanned at the image's very centre, 10 m ahead.
POINT = (10.0, -0.2, -0.2)


@pytest.fixture
def root(tmp_path):
    write_day(tmp_path, SIZE)
    return tmp_path


def depth_at(value: float, *pixels: tuple[int, int]) -> np.ndarray:
    depth = np.zeros(SIZE)
    for pixel in pixels:
        depth[pixel] = value
    return depth


def test_crop_of_a_kitti_image_is_the_published_one():
    assert garg_crop((375, 1242)) == (slice(153, 371), slice(44, 1197))


def test_crop_of_another_size_rounds_down():
    assert garg_crop((370, 1226)) == (slice(151, 366), slice(44, 1181))


@pytest.mark.parametrize('kind', ['lidar', 'projected'])
def test_eigen_mask_has_caps_and_crop(kind):
    depth = np.full(SIZE, 10.0)
    depth[20, 10:14] = 0, 1e-3, 79.9, 80

    mask = evaluation_mask(depth, kind)

    assert mask[20, 10:14].tolist() == [False, False, True, False]
    assert mask.sum() == (39 - 16) * (57 - 2) - 3
    assert not mask[:16].any() and not mask[39:].any() and not mask[:, :2].any()


def test_improved_mask_is_all_there_is():
    depth = depth_at(95.0, (0, 0), (39, 59))

    mask = evaluation_mask(depth, 'dense')

    assert np.array_equal(mask, depth > 0) and mask.sum() == 2


def test_lidar_frame_has_image_intrinsics_and_scanned_depth(root):
    write_image(root, 7, GRAY)
    write_scan(root, 7, [POINT])

    frame = read_frame(root, ENTRY, 'lidar')

    assert np.array_equal(frame.image, GRAY)
    assert np.array_equal(frame.K, [[50, 0, 30], [0, 50, 20], [0, 0, 1]])
    assert np.array_equal(frame.depth, depth_at(10, (20, 30)))
    assert np.array_equal(frame.mask, frame.depth > 0)


@pytest.mark.parametrize(
    ('kind', 'folder'), [('projected', 'velodyne_raw'), ('dense', 'groundtruth')]
)
def test_png_depth_is_metres_times_256(root, kind, folder):
    write_image(root, 7, GRAY)
    write_depth(root, 7, depth_at(12.5, (20, 30)), folder)

    assert np.array_equal(read_frame(root, ENTRY, kind).depth, depth_at(12.5, (20, 30)))


def test_right_image_is_read_with_its_own_camera(root):
    write_image(root, 7, GRAY + 5, side='r')
    write_scan(root, 7, [POINT])

    frame = read_frame(root, ENTRY._replace(side='r'), 'lidar')

    assert frame.image[0, 0, 0] == 95 and frame.depth[20, 30] == 0
    assert frame.depth[20, 28] == 10  # 25 px m / 10 m to the left, rounded to even


def test_unknown_ground_truth_is_refused_with_the_right_ones(root):
    with pytest.raises(ValueError, match="'radar'; expected lidar, lidar_z, projected, dense"):
        read_frame(root, ENTRY, 'radar')


def test_missing_drive_is_named(root):
    with pytest.raises(FileNotFoundError, match=rf"Drive '.*{DRIVE}' .*Unpack it below"):
        read_frame(root, ENTRY, 'lidar')


def test_missing_image_is_named(root):
    write_scan(root, 7, [POINT])

    with pytest.raises(FileNotFoundError, match=r'image_02/data/0000000007.png.*Unpack'):
        read_frame(root, ENTRY, 'lidar')


def test_missing_depth_is_named_and_what_there_is_instead(root):
    write_image(root, 7, GRAY)
    write_depth(root, 7, depth_at(10, (20, 30)), 'velodyne_raw')

    with pytest.raises(FileNotFoundError, match=r'0000000007.bin.*The frame has projected'):
        read_frame(root, ENTRY, 'lidar')


def test_missing_depth_of_every_kind_says_where_it_belongs(root):
    write_image(root, 7, GRAY)

    with pytest.raises(FileNotFoundError, match=r'groundtruth/image_02.*into proj_depth'):
        read_frame(root, ENTRY, 'dense')


def test_another_size_than_the_depth_names_the_file_and_the_cure(root):
    write_image(root, 7, GRAY[::2, ::2])
    write_scan(root, 7, [POINT])

    with pytest.raises(ValueError, match=r'0000000007.png.* is 20x30 .*depth is 40x60.*rectified'):
        read_frame(root, ENTRY, 'lidar')


def test_depth_outside_the_crop_alone_is_refused(root):
    write_image(root, 7, GRAY)
    write_depth(root, 7, depth_at(10, (0, 0)), 'velodyne_raw')

    with pytest.raises(ValueError, match=rf'{DRIVE} 7 l.*no true depth.*Drop its line'):
        read_frame(root, ENTRY, 'projected')


def test_depth_png_of_8_bits_is_refused(root):
    path = write_depth(root, 7, depth_at(10, (20, 30)), 'groundtruth')
    write_image(root, 7, GRAY).replace(path)

    with pytest.raises(ValueError, match=r'groundtruth/.*no 16-bit gray PNG'):
        read_depth(root, ENTRY, 'dense')
