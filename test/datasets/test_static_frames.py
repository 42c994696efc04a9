from itertools import pairwise

import numpy as np
import pytest
from moving_bags import wall
from shared_data import shared_data

from mono_depth_ros.datasets.image_files import read_image
from mono_depth_ros.datasets.motion_limit import MIN_MOTION
from mono_depth_ros.datasets.static_frames import is_moving, motion_between, small_gray


def test_motion_is_the_shift_in_pixels_of_the_small_image():
    first, second = small_gray(wall(0)), small_gray(wall(3))

    assert motion_between(first, second) == pytest.approx(3, abs=0.1)


def test_what_passes_a_standing_camera_is_no_motion():
    first, second = wall(0), wall(0).copy()
    second[:, 30:80] = wall(3)[:, 30:80]

    assert motion_between(small_gray(first), small_gray(second)) < 0.01


def test_a_target_needs_motion_to_each_source():
    views = [wall(place) for place in (0, 3, 6, 6, 9)]
    frames = np.array([[1, 0, 2], [2, 1, 3], [3, 2, 4], [3, 1, 4]])

    assert is_moving(frames, lambda index: views[index]).tolist() == [True, False, False, True]


def test_every_frame_is_read_once_and_in_order():
    asked = []

    def read(index):
        asked.append(index)
        return wall(3 * index)

    is_moving(np.array([[1, 0, 2], [2, 1, 3], [5, 4, 6]]), read)

    assert asked == [0, 1, 2, 3, 4, 5, 6]


def test_motion_does_not_depend_on_the_size_of_the_images():
    large = [np.kron(wall(place), np.ones((4, 4, 1), np.uint8)) for place in (0, 2)]

    assert motion_between(*map(small_gray, large)) == pytest.approx(2, abs=0.1)


@pytest.mark.data
@pytest.mark.parametrize(('drive', 'moves'), [('9001', True), ('9003', False)])
def test_drives_move_and_a_standing_car_does_not(drive, moves):
    folder = shared_data(f'kitti/train/2011_09_26/2011_09_26_drive_{drive}_sync/image_02/data')
    small = [small_gray(read_image(path)) for path in sorted(folder.iterdir())[:8]]

    motions = [motion_between(first, second) for first, second in pairwise(small)]

    assert min(motions) > 2 * MIN_MOTION if moves else max(motions) < MIN_MOTION / 2
