import pickle

import numpy as np
import pytest
import torch
from true_views import reconstruction_error, view

from mono_depth_ros.datasets.street.data import BASELINE, StreetData
from mono_depth_ros.datasets.street.raycast import (
    Street,
    render_frame,
    street_intrinsics,
    street_pose,
)

SIZE = (96, 320)


def test_samples_are_frames_of_the_drive_with_their_neighbours():
    data = StreetData(SIZE, frames=3, spacing=5, first=10, seed=2)

    sample = data[1]

    assert len(data) == 3 and sample.name == 'street 2 frame 15'
    assert np.array_equal(sample.target, render_frame(Street(2), 15, SIZE).image)
    assert [source.offset for source in sample.sources] == [-1, 1]
    assert np.array_equal(sample.sources[1].image, render_frame(Street(2), 16, SIZE).image)
    assert np.array_equal(sample.K, street_intrinsics(SIZE))


def test_neighbours_have_a_distance_and_a_pose_only_where_it_is_asked_for():
    tracked = StreetData(SIZE, frames=1, known_poses=True)[0].sources
    untracked = StreetData(SIZE, frames=1)[0].sources

    assert all(source.source_from_target is None for source in untracked)
    for source, offset in zip(tracked, (-1, 1)):
        expected = np.linalg.norm((street_pose(1 + offset) - street_pose(1))[:3, 3])
        assert source.distance == pytest.approx(expected)
        assert np.linalg.norm(source.source_from_target[:3, 3]) == pytest.approx(expected)


@pytest.mark.parametrize('place', [0, 1, 2])
def test_poses_warp_sources_to_their_target(place):
    size = (192, 640)
    sample = StreetData(size, stereo=True, frames=1, first=40, known_poses=True)[0]
    source = sample.sources[place]
    target = render_frame(Street(), 40, size)
    pose = target.world_from_camera @ np.linalg.inv(source.source_from_target)

    error = reconstruction_error(
        view(sample.target, target.depth),
        view(source.image, render_frame(Street(), pose, size).depth),
        torch.from_numpy(sample.K)[None],
        torch.from_numpy(source.source_from_target)[None],
    )

    assert error < 0.02


def test_the_partner_stands_on_the_right():
    partner = StreetData(SIZE, offsets=(), stereo=True, frames=1)[0].sources[0]

    assert partner.offset == 0 and partner.distance == BASELINE
    assert partner.source_from_target[0, 3] == -BASELINE


def test_hints_are_near_the_true_depth():
    sample = StreetData(SIZE, offsets=(), stereo=True, frames=1, hints=True)[0]
    truth = render_frame(Street(), 1, SIZE).depth
    found = np.isfinite(sample.depth_hint) & (truth < 20)

    assert found.mean() > 0.2
    assert np.median(np.abs(sample.depth_hint / truth - 1)[found]) < 0.05
    assert StreetData(SIZE, offsets=(), stereo=True, frames=1)[0].depth_hint is None


def test_the_data_end():
    data = StreetData((32, 64), offsets=(), frames=2)

    assert len(list(data)) == 2
    with pytest.raises(IndexError, match='targets 0 to 1, not 2'):
        data[2]


def test_kept_samples_are_the_same_and_travel_to_other_processes():
    data = StreetData((32, 64), frames=2)
    copy = pickle.loads(pickle.dumps(data))

    assert data[0] is data[0]
    assert np.array_equal(copy[1].target, data[1].target)
