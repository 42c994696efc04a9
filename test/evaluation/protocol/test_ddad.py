"""DDAD's true depth: the lidar's points, brought to the camera by the poses of both."""

import json

import cv2
import numpy as np
import pytest
from shared_data import shared_data

from mono_depth_ros.evaluation.protocol.ddad import DdadFrames

SIZE = (40, 60)
# Camera: x right is the world's -y, y down its -z, z forward its x.
OPTICAL = {'qw': 0.5, 'qx': -0.5, 'qy': 0.5, 'qz': -0.5}
UPRIGHT = {'qw': 1.0, 'qx': 0.0, 'qy': 0.0, 'qz': 0.0}


def write_scene(folder, points, scanner=(1.0, 0.0, 2.0), rotation=OPTICAL):
    """Write a scene of one sample: camera at (3, 0, 2), points in the scanner's frame [m]."""
    (folder / 'calibration').mkdir()
    (folder / 'calibration' / 'c.json').write_text(
        json.dumps(
            {
                'names': ['LIDAR', 'CAMERA_01'],
                'intrinsics': [{}, {'fx': 50.0, 'fy': 50.0, 'cx': 30.0, 'cy': 20.0}],
            }
        )
    )
    np.savez(folder / 'points.npz', data=np.array([(*point, 0.5) for point in points]))
    cv2.imwrite(str(folder / 'image.png'), np.full((*SIZE, 3), 90, np.uint8))
    image = {
        'filename': 'image.png',
        'height': SIZE[0],
        'width': SIZE[1],
        'pose': {'translation': dict(zip('xyz', (3.0, 0.0, 2.0))), 'rotation': rotation},
    }
    cloud = {
        'filename': 'points.npz',
        'pose': {'translation': dict(zip('xyz', scanner)), 'rotation': UPRIGHT},
    }
    path = folder / 'scene.json'
    path.write_text(
        json.dumps(
            {
                'samples': [{'calibration_key': 'c', 'datum_keys': ['l', 'i']}],
                'data': [
                    {'key': 'l', 'id': {'name': 'LIDAR'}, 'datum': {'point_cloud': cloud}},
                    {'key': 'i', 'id': {'name': 'CAMERA_01'}, 'datum': {'image': image}},
                ],
            }
        )
    )
    return path


def test_points_reach_the_camera_by_both_poses_with_depth_along_its_axis(tmp_path):
    # 10 m ahead of the camera at (3, 0, 2), 1.9 m to its left, 0.9 m up, seen from (1, 0, 2):
    # u = 30 - 9.5, v = 20 - 4.5
    path = write_scene(tmp_path, [(12.0, 1.9, 0.9)])

    frame = DdadFrames(path).read(0)

    assert frame.depth[15, 20] == pytest.approx(10) and np.count_nonzero(frame.depth) == 1
    assert frame.mask.sum() == 1 and frame.image.shape == (*SIZE, 3)
    assert frame.name == f'{tmp_path.name}/image.png'


def test_pixel_coordinates_are_cut_off_as_in_the_tools_of_the_data_set(tmp_path):
    frame = DdadFrames(write_scene(tmp_path, [(12.0, 0.02, 0.02)])).read(0)  # (29.9, 19.9)

    assert frame.depth[19, 29] == pytest.approx(10)


def test_depth_counts_up_to_200_m_and_without_a_crop(tmp_path):
    frames = DdadFrames(write_scene(tmp_path, [(202.5, 0, 0), (12, 5.9, 3.9), (201.5, 30, 0)]))

    frame = frames.read(0)

    assert frames.rules.limits == (1e-3, 200) and frames.rules.ranges[-1] == (80, 200)
    assert sorted(frame.depth[frame.mask]) == pytest.approx([10, 199.5])


def test_no_point_in_view_is_refused(tmp_path):
    frames = DdadFrames(write_scene(tmp_path, [(-12.0, 0, 0)]))

    with pytest.raises(ValueError, match=r"image\.png' has no point of .*in view within 200 m"):
        frames.read(0)


def test_missing_and_broken_points_are_named(tmp_path):
    frames = DdadFrames(write_scene(tmp_path, [(12.0, 0, 0)]))
    path = tmp_path / 'points.npz'

    for broken in (path.read_bytes()[:100], b'', b'no archive'):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=r"points\.npz' are no npz.*Copy the file again"):
            frames.read(0)
    np.savez(path, data=np.full((3, 4), np.nan))
    with pytest.raises(ValueError, match='finite numbers'):
        frames.read(0)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"points\.npz' do not exist. Unpack"):
        frames.read(0)


def test_a_scene_without_lidar_and_a_bent_rotation_are_refused(tmp_path):
    path = write_scene(tmp_path, [(12.0, 0, 0)])
    text = path.read_text()
    path.write_text(text.replace('["l", "i"]', '["i"]'))
    with pytest.raises(ValueError, match=r'image\.png.*has no point cloud of a lidar'):
        DdadFrames(path)
    path.write_text(text.replace('"qw": 0.5', '"qw": 0.9'))
    with pytest.raises(ValueError, match=r"scene\.json' is none: Quaternion .*, expected 1"):
        DdadFrames(path)


@pytest.mark.data
def test_real_scenes_have_thousands_of_points_that_differ_from_those_of_a_shifted_pose():
    path = shared_data('extras/tri_dgp_test_scene') / 'scene_dataset_v1.0.json'

    frames = DdadFrames(path, ('CAMERA_01', 'CAMERA_05'), 'train')

    assert len(frames.names) == 12
    frame = frames.read(9)
    assert frame.depth.shape == (1216, 1936) and 5_000 < frame.mask.sum() < 20_000
    # the ground: lower in the image is nearer
    depths = [
        np.median(frame.depth[rows][frame.mask[rows]])
        for rows in (slice(620, 700), slice(800, 900), slice(1000, 1200))
    ]
    assert depths[0] > 2 * depths[1] > 2.5 * depths[2]
