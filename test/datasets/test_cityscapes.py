"""Cityscapes' folders become training samples: neighbours, right image, the bonnet cut off."""

import json

import cv2
import numpy as np
import pytest
from moving_bags import wall

from mono_depth_ros.datasets.cityscapes import Cityscapes


def write_image(root, kind, number, place, sequence='000000', city='bonn'):
    name = kind.removesuffix('_sequence')
    folder = root / kind / 'train' / city
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / f'{city}_{sequence}_{number:06}_{name}.png'), wall(place))


def write_camera(root, number, sequence='000000', city='bonn', fx=226.0, **values):
    folder = root / 'camera' / 'train' / city
    folder.mkdir(parents=True, exist_ok=True)
    intrinsic = {'fx': fx, 'fy': 227.0, 'u0': 81.0, 'v0': 20.0, **values}
    path = folder / f'{city}_{sequence}_{number:06}_camera.json'
    path.write_text(json.dumps({'intrinsic': intrinsic, 'extrinsic': {'baseline': 0.21}}))
    return path


@pytest.fixture
def root(tmp_path):
    """A snippet of seven frames, 10 to 16."""
    for number in range(10, 17):
        write_image(tmp_path, 'leftImg8bit_sequence', number, number)
        write_image(tmp_path, 'rightImg8bit_sequence', number, number + 100)
    write_camera(tmp_path, 13)
    return tmp_path


def test_neighbours_are_two_frames_away_and_the_bonnet_is_cut_off(root):
    data = Cityscapes(root)

    assert len(data) == 3  # 12, 13, 14
    sample = data[0]
    assert sample.name.endswith('bonn_000000_000012_leftImg8bit.png')
    assert np.array_equal(sample.target, wall(12)[:36])
    assert [source.offset for source in sample.sources] == [-1, 1]
    assert np.array_equal(sample.sources[0].image, wall(10)[:36])
    assert np.array_equal(sample.sources[1].image, wall(14)[:36])
    assert sample.K.tolist() == [[226, 0, 81], [0, 227, 20], [0, 0, 1]]


def test_every_row_can_be_kept(root):
    assert Cityscapes(root, keep_rows=1, step=1)[0].target.shape == (48, 160, 3)


def test_files_are_found_by_any_ending_but_one_per_frame(root):
    folder = root / 'leftImg8bit_sequence' / 'train' / 'bonn'
    path = folder / 'bonn_000000_000012_leftImg8bit.png'
    path.rename(path.with_suffix('.JPEG'))
    assert np.array_equal(Cityscapes(root, stereo=True)[0].target, wall(12)[:36])

    path.write_bytes(path.with_suffix('.JPEG').read_bytes())
    with pytest.raises(ValueError, match=r"12_leftImg8bit\.JPEG' and '.*12_leftImg8bit\.png' are"):
        Cityscapes(root)


def test_the_right_image_has_a_known_pose(root):
    partner = Cityscapes(root, stereo=True)[0].sources[-1]

    assert partner.offset == 0 and partner.distance == 0.21
    assert np.array_equal(partner.image, wall(112)[:36])
    assert partner.source_from_target[:3, 3].tolist() == [-0.21, 0, 0]


def test_neighbours_never_cross_from_one_sequence_to_another(root):
    for number in (17, 18):
        write_image(root, 'leftImg8bit_sequence', number, 0, sequence='000001')

    assert len(Cityscapes(root)) == 3


def test_a_frame_takes_the_camera_of_its_own_snippet(root):
    for number in range(40, 45):
        write_image(root, 'leftImg8bit_sequence', number, number)
    write_camera(root, 42, fx=300.0)

    data = Cityscapes(root)

    assert [sample.K[0, 0] for sample in data] == [226, 226, 226, 300]


def test_single_frames_will_do_for_stereo_alone(tmp_path):
    write_image(tmp_path, 'leftImg8bit', 19, 0)
    write_image(tmp_path, 'rightImg8bit', 19, 7)
    write_camera(tmp_path, 19)

    data = Cityscapes(tmp_path, offsets=(), stereo=True)

    assert len(data) == 1 and np.array_equal(data[0].sources[0].image, wall(7)[:36])


def test_a_teacher_needs_single_frames_alone(tmp_path):
    write_image(tmp_path, 'leftImg8bit', 19, 0)
    write_camera(tmp_path, 19)

    data = Cityscapes(tmp_path, offsets=())

    assert len(data) == 1 and data[0].sources == ()


def test_missing_parts_are_named_with_the_archive_they_come_in(root, tmp_path_factory):
    with pytest.raises(FileNotFoundError, match=r'no leftImg8bit_sequence; unpack left'):
        Cityscapes(tmp_path_factory.mktemp('empty'))
    with pytest.raises(FileNotFoundError, match=r"has no images <city>.*'train', 'val' and"):
        Cityscapes(root, split='all')
    (root / 'rightImg8bit_sequence/train/bonn/bonn_000000_000012_rightImg8bit.png').unlink()
    with pytest.raises(FileNotFoundError, match='stereo needs rightImg8bit_sequence'):
        Cityscapes(root, stereo=True)[0]
    (root / 'camera/train/bonn/bonn_000000_000013_camera.json').unlink()
    with pytest.raises(FileNotFoundError, match=r'no camera file.*unpack camera_trainvaltest.zip'):
        Cityscapes(root)


@pytest.mark.parametrize(
    ('values', 'error'),
    [
        ({'fx': 0.0}, 'focal lengths 0 and 227 and baseline 0.21 must be positive'),
        ({'v0': 40.0}, r'principal point \(81\.0, 40\.0\) lies outside the image of 160x36'),
    ],
)
def test_a_wrong_calibration_is_refused(root, values, error):
    write_camera(root, 13, **values)

    with pytest.raises(ValueError, match=rf'000013_camera\.json.*{error}'):
        Cityscapes(root)[0]


@pytest.mark.parametrize(
    ('text', 'error'),
    [
        ('{"intrinsic": {"fx"', 'is no whole JSON'),
        ('{"intrinsic": {}}', "lacks or garbles 'fx'"),
    ],
)
def test_a_broken_camera_file_is_named(root, text, error):
    write_camera(root, 13).write_text(text)

    with pytest.raises(ValueError, match=rf'000013_camera\.json.*{error}'):
        Cityscapes(root)[0]


def test_a_short_snippet_says_what_it_lacks(root):
    with pytest.raises(ValueError, match=r'none of 7 images has its neighbours \(-1, 1\) x 4'):
        Cityscapes(root, step=4)


@pytest.mark.parametrize('options', [{'keep_rows': 0}, {'step': 0}, {'offsets': (0,)}])
def test_options_that_make_no_sense_are_refused(root, options):
    with pytest.raises(ValueError, match='expected a share above 0'):
        Cityscapes(root, **options)
