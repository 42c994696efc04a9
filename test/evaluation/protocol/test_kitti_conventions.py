"""Our projection of real scans is KITTI's own, as a study in benchmarks/ prints it."""

import numpy as np
import pytest
from shared_data import shared_data

from mono_depth_ros.datasets.splits import SplitEntry, read_split
from mono_depth_ros.evaluation.protocol.kitti_ground_truth import read_depth

UNIT = 1 / 256  # [m] of the PNGs


@pytest.mark.data
@pytest.mark.parametrize('index', [0, 25, 52, 77])
def test_depth_along_the_camera_is_that_of_the_projected_pngs_pixel_by_pixel(index):
    root = shared_data('kitti/test')
    entry = SplitEntry('2011_09_26/2011_09_26_drive_0052_sync', index, 'l')

    ours, published = (read_depth(root, entry, kind) for kind in ('lidar_z', 'projected'))

    assert np.array_equal(ours > 0, published > 0) and np.count_nonzero(ours) > 10_000
    assert np.abs(ours - published).max() < UNIT


@pytest.mark.data
def test_depth_forward_from_the_scanner_is_a_quarter_metre_more_than_along_the_camera():
    root = shared_data('kitti/test')
    entry = SplitEntry('2011_09_26/2011_09_26_drive_0052_sync', 0, 'l')

    forward, along = (read_depth(root, entry, kind) for kind in ('lidar', 'lidar_z'))

    both = (forward > 0) & (along > 0)
    assert np.median((forward - along)[both]) == pytest.approx(0.275, abs=0.01)


@pytest.mark.data
def test_scans_agree_with_the_stereo_benchmark_s_depth_within_a_percent():
    root = shared_data('kitti/train')
    pairs = read_split(shared_data('kitti/splits') / 'train_stereo_pairs.txt')
    entries = [entry for entry in pairs if 'drive_9015' in entry.folder][::10]
    differences = []

    for entry in entries:
        ours, dense = (read_depth(root, entry, kind) for kind in ('lidar_z', 'dense'))
        both = (ours > 0) & (dense > 0)
        differences.append(np.abs(ours - dense)[both] / dense[both])

    assert len(differences) == 6 and np.median(np.concatenate(differences)) < 0.01
