"""The file of poses beside a bag: exact stamps, other programs' files, what training takes."""

import numpy as np
import pytest
from moving_bags import PERIOD, START, write_moving_bag, write_odometry

from mono_depth_ros.datasets.bag.data import RosbagData
from mono_depth_ros.datasets.bag.options import BagOptions
from mono_depth_ros.datasets.bag.poses import poses_file, read_poses, write_poses
from mono_depth_ros.geometry.rotations import matrix_from_euler

KNOWN = BagOptions(known_poses=True)


def circling(count):
    """World_from_camera (N, 3, 4) of a camera that turns as it goes."""
    poses = [
        np.column_stack([matrix_from_euler(0, 0.1 * n, 0), (0.3 * n, 0, n)]) for n in range(count)
    ]
    return np.stack(poses)


def test_poses_are_read_back_to_the_nanosecond(tmp_path):
    stamps = [START + 1, START + 123_456_789]

    write_poses(tmp_path / 'poses.txt', stamps, circling(2))

    track = read_poses(tmp_path / 'poses.txt')
    for stamp, pose in zip(stamps, circling(2)):
        np.testing.assert_allclose(track.at(stamp)[:3], pose, atol=1e-8)
    assert track.at(START) is None and track.at(START + 123_456_790) is None


def test_samples_know_how_the_camera_moved(tmp_path):
    bag = write_moving_bag(tmp_path / 'bag')
    poses = circling(8)
    write_poses(poses_file(bag), [START + n * PERIOD for n in range(8)], poses)

    sample = RosbagData(bag, options=KNOWN)[2]  # the third image is the target of the second

    whole = np.tile(np.eye(4), (8, 1, 1))
    whole[:, :3] = poses
    for source in sample.sources:
        expected = np.linalg.inv(whole[3 + source.offset]) @ whole[3]
        np.testing.assert_allclose(source.source_from_target, expected, atol=1e-7)
        assert source.distance == pytest.approx(np.hypot(0.3, 1))


def test_without_known_poses_the_file_measures_distances_alone(tmp_path):
    bag = write_moving_bag(tmp_path / 'bag')
    write_poses(poses_file(bag), [START + n * PERIOD for n in range(8)], circling(8))

    for source in RosbagData(bag)[2].sources:
        assert source.source_from_target is None
        assert source.distance == pytest.approx(np.hypot(0.3, 1))


def test_odometry_measures_distances_before_the_file(tmp_path):
    def write(writer, index, stamp):
        write_odometry(writer, stamp, (5.0 * index, 0, 0))

    bag = write_moving_bag(tmp_path / 'bag', write=write)
    write_poses(poses_file(bag), [START + n * PERIOD for n in range(8)], circling(8))

    sample = RosbagData(bag, options=BagOptions(known_poses=True, odometry_topic='/odom'))[2]

    assert sample.sources[0].distance == pytest.approx(5)
    assert np.linalg.norm(sample.sources[0].source_from_target[:3, 3]) < 2


def test_where_another_program_was_lost_nothing_is_known(tmp_path):
    bag = write_moving_bag(tmp_path / 'bag')
    seconds = START // 10**9
    poses_file(bag).write_text(
        f'# timestamp tx ty tz qx qy qz qw\n{seconds}.15 0 0 0 0 0 0 1\n'
        f'\n{seconds}.35 0 0 0.4 0 0 0 1\n'
    )

    first, second = (RosbagData(bag, options=KNOWN)[index].sources for index in (0, 1))

    assert [source.source_from_target for source in first] == [None, None]
    assert second[0].source_from_target is None
    np.testing.assert_allclose(second[1].source_from_target[:3, 3], (0, 0, -0.2), atol=1e-9)


def test_poses_that_are_wanted_must_be_there_and_readable(tmp_path):
    bag = write_moving_bag(tmp_path / 'bag')
    with pytest.raises(FileNotFoundError, match=r'bag\.poses\.txt.*find_poses'):
        RosbagData(bag, options=KNOWN)

    poses_file(bag).write_text('1 0 0 0 0 0 0 1\n2 0 0 0 0 0 1\n')
    with pytest.raises(ValueError, match='line 2: 7 numbers in place of 8; expected stamp'):
        RosbagData(bag, options=KNOWN)

    poses_file(bag).write_text('noon 0 0 0 0 0 0 1\n')
    with pytest.raises(ValueError, match='line 1: '):
        RosbagData(bag, options=KNOWN)
