import numpy as np
import pytest

from mono_depth_ros.bags.timing import nearest_in_time, neighbours_in_time


def test_neighbours_are_the_frames_one_interval_away():
    found = neighbours_in_time(np.array([0, 10, 20, 30]), (-1, 1), 10, 2)

    assert found.tolist() == [[-1, 1], [0, 2], [1, 3], [2, -1]]


def test_a_faster_camera_is_thinned_to_the_wanted_interval():
    found = neighbours_in_time(np.arange(0, 60, 10), (-1, 2), 20, 2)

    assert found[2].tolist() == [0, -1] and found[1].tolist() == [-1, 5]


def test_jitter_within_the_tolerance_passes_and_a_gap_does_not():
    found = neighbours_in_time(np.array([0, 9, 22, 42]), (1,), 10, 3)

    assert found.ravel().tolist() == [1, 2, -1, -1]


@pytest.mark.parametrize(('wanted', 'index'), [(-4, 0), (14, 1), (16, 2), (24, 2), (26, -1)])
def test_the_nearest_stamp_counts_also_beyond_the_ends(wanted, index):
    assert nearest_in_time(np.array([0, 10, 20]), np.array([wanted]), 5).tolist() == [index]
