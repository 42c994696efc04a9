"""A camera's motion from its images: on the street, where it is known, and on real drives."""

import cv2
import numpy as np
import pytest
from shared_data import shared_data

from mono_depth_ros.datasets.image_files import read_image
from mono_depth_ros.datasets.kitti.calibration import read_camera
from mono_depth_ros.datasets.street.raycast import Street, render_frame, street_intrinsics
from mono_depth_ros.datasets.visual_odometry import find_poses

SIZE = 320, 1056
HEIGHT = 1.65  # of the street's camera, and of KITTI's


def gray(image):
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def steps_of(poses):
    """Return second_from_first (N - 1, 4, 4) of world_from_camera (N, 3 or 4, 4)."""
    whole = np.tile(np.eye(4), (len(poses), 1, 1))
    whole[:, :3] = poses[:, :3]
    return np.linalg.inv(whole[1:]) @ whole[:-1]


def compare(found, true):
    """Return the angles between directions and between rotations [deg], and lengths' ratios."""
    found, true = steps_of(found), steps_of(true)
    moved, truly = found[:, :3, 3], true[:, :3, 3]
    lengths = np.linalg.norm(moved, axis=1), np.linalg.norm(truly, axis=1)
    cosine = (moved * truly).sum(1) / (lengths[0] * lengths[1])
    turned = np.einsum('nij,nij->n', found[:, :3, :3], true[:, :3, :3])
    return (
        np.degrees(np.arccos(np.clip(cosine, -1, 1))),
        np.degrees(np.arccos(np.clip((turned - 1) / 2, -1, 1))),
        lengths[0] / lengths[1],
    )


@pytest.fixture(scope='module')
def drive():
    """Ten frames of a drive through the street."""
    return [render_frame(Street(), number, SIZE) for number in range(20, 30)]


@pytest.mark.slow
def test_a_drive_through_the_street_is_found_in_metres(drive):
    found = find_poses([gray(frame.image) for frame in drive], drive[0].K, HEIGHT)

    direction, rotation, length = compare(
        found, np.stack([frame.world_from_camera for frame in drive])
    )
    assert found.shape == (10, 3, 4)
    np.testing.assert_allclose(found[0], np.eye(4)[:3])
    assert np.median(direction) < 1 and np.median(rotation) < 0.1
    assert np.median(length) == pytest.approx(1, abs=0.03)
    assert length.min() > 0.9 and length.max() < 1.1


def test_metres_are_those_of_the_height(drive):
    images = [gray(frame.image) for frame in drive[:3]]

    low, high = (find_poses(images, drive[0].K, height) for height in (1.0, 3.0))

    np.testing.assert_allclose(high[:, :, 3], 3 * low[:, :, 3])
    np.testing.assert_allclose(high[:, :, :3], low[:, :, :3])


@pytest.mark.slow
def test_a_camera_that_backs_is_seen_to_back(drive):
    images = [gray(frame.image) for frame in drive[:4]]

    there, back = (
        find_poses(images, drive[0].K, HEIGHT),
        find_poses(images[::-1], drive[0].K, HEIGHT),
    )

    assert there[-1, 2, 3] > 2 and back[-1, 2, 3] < -2


def test_a_stop_is_a_stop(drive):
    images = [gray(drive[number].image) for number in (0, 1, 2, 2, 2, 3, 4)]

    found = find_poses(images, drive[0].K, HEIGHT)

    lengths = np.linalg.norm(np.diff(found[:, :, 3], axis=0), axis=1)
    assert (lengths[2:4] == 0).all()
    assert lengths[[0, 1, 4, 5]] == pytest.approx([0.8] * 4, rel=0.1)


def test_a_camera_that_never_moves_needs_no_road():
    image = gray(render_frame(Street(), 0, SIZE).image)[: SIZE[0] // 2]

    found = find_poses([image] * 3, street_intrinsics(SIZE), HEIGHT)

    np.testing.assert_array_equal(found, np.tile(np.eye(4)[:3], (3, 1, 1)))


def test_what_no_motion_can_be_found_in_is_refused_by_number(drive):
    images, K = [gray(frame.image) for frame in drive[:3]], drive[0].K
    black = np.zeros_like(images[0])

    with pytest.raises(ValueError, match='expected two or more'):
        find_poses(images[:1], K, HEIGHT)
    with pytest.raises(ValueError, match=r'Images 1 and 2 .* only \d+ of their points'):
        find_poses([*images[:2], black], K, HEIGHT)
    with pytest.raises(ValueError, match=r'Images 0 and 1 .* only 0 of their points'):
        find_poses([black, black], K, HEIGHT)
    with pytest.raises(ValueError, match=r'sizes differ, \(320, 1056\) and \(319, 1056\)'):
        find_poses([images[0], images[1][1:]], K, HEIGHT)


def test_a_camera_that_does_not_see_the_road_is_told_so(drive):
    half = [gray(frame.image)[: SIZE[0] // 2] for frame in drive[:4]]

    with pytest.raises(ValueError, match='None of 3 steps shows enough road'):
        find_poses(half, drive[0].K, HEIGHT)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize(
    'drive', ['2011_09_30/2011_09_30_drive_9004_sync', '2011_10_03/2011_10_03_drive_9005_sync']
)
def test_real_drives_agree_with_the_poses_that_kitti_measured(drive):
    folder = shared_data(f'kitti/train/{drive}')
    files = sorted((folder / 'image_00' / 'data').iterdir())[10:30]
    true = np.loadtxt(folder / 'poses.txt').reshape(-1, 3, 4)[10:30]

    found = find_poses(
        [gray(read_image(file)) for file in files],
        read_camera(folder.parent / 'calib_cam_to_cam.txt', 0).K,
        HEIGHT,
    )

    direction, rotation, length = compare(found, true)
    assert np.median(direction) < 1.5 and np.median(rotation) < 0.15
    assert np.median(length) == pytest.approx(1, abs=0.06)
