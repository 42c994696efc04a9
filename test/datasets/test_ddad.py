"""DGP scenes become training samples with distances from the cameras' poses."""

import json

import cv2
import numpy as np
import pytest
from moving_bags import K, wall
from shared_data import shared_data

from mono_depth_ros.datasets.ddad import Ddad

CAMERA = 'CAMERA_01'
UPRIGHT = {'qw': 1.0, 'qx': 0.0, 'qy': 0.0, 'qz': 0.0}


def write_scene(folder, places=(0.0, 0.5, 1.5, 3.0), **intrinsics):
    """Write a scene of one camera and a scanner; the camera moves along the world's y axis [m]."""
    data, samples = [], []
    values = {'fx': K[0, 0], 'fy': K[1, 1], 'cx': K[0, 2], 'cy': K[1, 2], 'skew': 0.0}
    (folder / 'calibration').mkdir(parents=True)
    (folder / 'calibration' / 'c0.json').write_text(
        json.dumps({'names': ['LIDAR', CAMERA], 'intrinsics': [{}, {**values, **intrinsics}]})
    )
    for index, place in enumerate(places):
        cv2.imwrite(str(folder / f'{index}.png'), wall(3 * index))
        image = {
            'filename': f'{index}.png',
            'height': 48,
            'width': 160,
            'pose': {'translation': {'x': 7.0, 'y': place, 'z': -2.0}, 'rotation': UPRIGHT},
        }
        data += [
            {'key': f'l{index}', 'id': {'name': 'LIDAR'}, 'datum': {'point_cloud': {}}},
            {'key': f'i{index}', 'id': {'name': CAMERA}, 'datum': {'image': image}},
        ]
        samples.append({'calibration_key': 'c0', 'datum_keys': [f'l{index}', f'i{index}']})
    (folder / 'scene.json').write_text(json.dumps({'samples': samples, 'data': data}))
    return folder / 'scene.json'


def write_dataset(path, **splits):
    path.write_text(
        json.dumps(
            {'scene_splits': {key[1:]: {'filenames': names} for key, names in splits.items()}}
        )
    )
    return path


def test_a_sample_has_its_neighbours_and_how_far_the_camera_went(tmp_path):
    data = Ddad(write_scene(tmp_path))

    assert len(data) == 2
    sample = data[1]
    assert np.array_equal(sample.target, wall(6))
    assert [(source.offset, source.distance) for source in sample.sources] == [(-1, 1), (1, 1.5)]
    assert np.array_equal(sample.sources[1].image, wall(9))
    assert np.array_equal(sample.K, K) and sample.name.endswith('2.png')


def test_samples_of_a_standing_camera_are_dropped_and_counted(tmp_path):
    data = Ddad(write_scene(tmp_path, (0, 0.5, 1.0, 1.01, 1.02, 2)))

    assert (len(data), data.static) == (1, 3)


def test_a_dataset_lists_its_scenes_by_split(tmp_path):
    for name in ('a', 'b'):
        write_scene(tmp_path / name)
    path = write_dataset(
        tmp_path / 'ddad.json', _0=['a/scene.json', 'b/scene.json'], _1=['b/scene.json']
    )

    assert (len(Ddad(path)), len(Ddad(path, split='val'))) == (4, 2)
    with pytest.raises(ValueError, match=r"no scenes of split 'test'. It holds: train, val\."):
        Ddad(path, split='test')
    with pytest.raises(ValueError, match=r"Unknown split 'all'\. Expected one of: train, val"):
        Ddad(path, split='all')


@pytest.mark.parametrize(
    ('old', 'new', 'error'),
    [
        ('"samples"', '"sample"', 'scene_splits'),
        (
            '"filename"',
            '"file"',
            r"scene\.json' lacks or garbles 'filename'; expected a DGP scene",
        ),
        (']}', '', r"scene\.json' is no whole JSON .*Copy it again"),
    ],
)
def test_a_broken_scene_is_named(tmp_path, old, new, error):
    path = write_scene(tmp_path)
    text = path.read_text()
    path.write_text(text[:-2] + new if old == ']}' else text.replace(old, new))

    with pytest.raises(ValueError, match=error):
        Ddad(path)


@pytest.mark.parametrize(
    ('intrinsics', 'error'),
    [
        ({'fx': 0.0}, r"c0\.json': focal lengths of CAMERA_01 are 0 and 90; expected positive"),
        ({'k1': 0.1}, 'is distorted. Expected rectified images'),
        ({'cx': 500.0}, r'principal point \(500\.0, 23\.5\) lies outside the image of 160x48'),
    ],
)
def test_a_wrong_calibration_is_refused(tmp_path, intrinsics, error):
    with pytest.raises(ValueError, match=error):
        Ddad(write_scene(tmp_path, **intrinsics))


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"ddad\.json' does not exist; expected a DGP"):
        Ddad(tmp_path / 'ddad.json')
    path = write_scene(tmp_path)
    data = Ddad(path)
    (tmp_path / '2.png').unlink()
    with pytest.raises(FileNotFoundError, match=r"2\.png' does not exist"):
        data[0]
    (tmp_path / 'calibration' / 'c0.json').unlink()
    with pytest.raises(FileNotFoundError, match=r"c0\.json' does not exist; expected a DGP cali"):
        Ddad(path)


def test_an_unknown_camera_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match=r"no camera 'FRONT'\. It holds: CAMERA_01\."):
        Ddad(write_scene(tmp_path), cameras=['FRONT'])


def test_an_image_of_another_size_is_refused(tmp_path):
    data = Ddad(write_scene(tmp_path))
    cv2.imwrite(str(tmp_path / '1.png'), wall(0)[:24])

    with pytest.raises(ValueError, match=r"1\.png' is 160x24, but its scene says 160x48"):
        data[0]


def test_too_few_or_too_slow_samples_say_so(tmp_path):
    path = write_scene(tmp_path, (0, 0.01, 0.02))

    with pytest.raises(ValueError, match=r'1 dropped because the camera moves less than 0\.1 m'):
        Ddad(path)
    assert len(Ddad(path, min_distance=0)) == 1
    with pytest.raises(ValueError, match='expected neighbours, none of them 0'):
        Ddad(path, offsets=(0, 1))


def test_to_a_teacher_every_image_is_a_target(tmp_path):
    data = Ddad(write_scene(tmp_path, (0, 0.01, 0.02)), offsets=())

    assert len(data) == 3 and data[0].sources == ()


@pytest.mark.data
def test_real_scenes_give_the_moving_one(tmp_path):
    path = shared_data('extras/tri_dgp_test_scene') / 'scene_dataset_v1.0.json'

    data = Ddad(path, cameras=('CAMERA_01', 'CAMERA_05'))

    assert (len(data), data.static) == (2, 2)  # the car of the first scene stands still
    sample = data[0]
    assert sample.target.shape == (1216, 1936, 3)
    assert [source.distance for source in sample.sources] == pytest.approx([1.27, 1.27], abs=0.01)
    assert sample.K[0, 0] == pytest.approx(2181.53, abs=0.01)
