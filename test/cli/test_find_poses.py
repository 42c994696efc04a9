"""The executable find_poses, from images of a drive to a network's metres."""

import cv2
import numpy as np
import pytest
from kitti_folder import DAY, DRIVE
from moving_bags import PERIOD, START

from mono_depth_ros.bags.writer import BagWriter
from mono_depth_ros.cli.find_poses import main
from mono_depth_ros.datasets.bag.data import RosbagData
from mono_depth_ros.datasets.bag.options import BagOptions
from mono_depth_ros.datasets.kitti.raw import KittiRaw
from mono_depth_ros.datasets.street.raycast import Street, render_frame, street_intrinsics

SIZE, FIRST = (320, 1056), 20
RIGHT_OF_FIRST = 0.06  # [m], camera 2 of 0


@pytest.fixture(scope='module')
def street(tmp_path_factory):
    """A drive through the street, as KITTI's colour camera would have taken it."""
    root = tmp_path_factory.mktemp('street')
    for number in range(6):
        write_frame(root, number)
    K = street_intrinsics(SIZE)
    P = np.hstack([K, [[-K[0, 0] * RIGHT_OF_FIRST], [0], [0]]])
    (root / DAY / 'calib_cam_to_cam.txt').write_text(
        f'S_rect_02: {SIZE[1]} {SIZE[0]}\nP_rect_02: {" ".join(map(str, P.ravel()))}\n'
    )
    (root / 'split.txt').write_text(''.join(f'{DRIVE} {number} l\n' for number in range(1, 5)))
    return root


@pytest.fixture
def root(street):
    """Give that drive without poses, and whole."""
    yield street
    (street / DRIVE / 'poses.txt').unlink(missing_ok=True)


def write_frame(root, number):
    path = root / DRIVE / 'image_02' / 'data' / f'{number:010}.png'
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), render_frame(Street(), FIRST + number, SIZE).image[..., ::-1])
    return path


def true_motion(number, offset):
    target, source = (
        render_frame(Street(), FIRST + index, (8, 8)).world_from_camera
        for index in (number, number + offset)
    )
    return np.linalg.inv(source) @ target


@pytest.mark.slow
def test_a_drive_gets_the_poses_that_its_samples_are_trained_with(root, capsys):
    assert main([str(root), '--camera-height', '1.65']) == 0

    printed = capsys.readouterr().out
    assert f'{DRIVE}: 6 images, ' in printed and '0 at rest' in printed
    assert 'known_poses true' in printed
    data = KittiRaw(root, root / 'split.txt', known_poses=True)
    for number in range(1, 5):
        for source in data[number - 1].sources:
            expected = true_motion(number, source.offset)
            np.testing.assert_allclose(source.source_from_target, expected, atol=0.08)
            assert source.distance == pytest.approx(0.8, rel=0.1)


@pytest.mark.slow
def test_poses_that_are_there_are_kept(root, capsys):
    path = root / DRIVE / 'poses.txt'
    path.write_text('mine')

    assert main([str(root), '--camera-height', '1.65']) == 1
    assert f'{DRIVE}/poses.txt already' in (error := capsys.readouterr().err)
    assert '--overwrite' in error and path.read_text() == 'mine'

    assert main([str(root), '--camera-height', '1.65', '--overwrite']) == 0
    assert np.loadtxt(path).shape == (6, 12)


@pytest.fixture(scope='module')
def bags(tmp_path_factory):
    """A folder of two bags of that drive."""
    root = tmp_path_factory.mktemp('bags')
    for name in ('front', 'rear'):
        with BagWriter(root / name) as bag:
            for number in range(6):
                stamp = START + number * PERIOD
                image = render_frame(Street(), FIRST + number, SIZE).image
                bag.write_image('/camera/image_raw', stamp, 'optical', 'rgb8', image)
                K = street_intrinsics(SIZE)
                bag.write_camera_info('/camera/camera_info', stamp, 'optical', SIZE, K)
    return root


@pytest.mark.slow
def test_a_bag_gets_the_poses_that_its_samples_are_trained_with(bags, capsys):
    camera = ['--camera-height', '1.65', '--image-topic', '/camera/image_raw']

    assert main([str(bags / 'front'), *camera, '--overwrite']) == 0

    printed = capsys.readouterr().out
    assert 'front: 6 images, ' in printed and '--data rosbag' in printed
    assert '--reading.options.image_topic /camera/image_raw' in printed
    data = RosbagData(bags / 'front', options=BagOptions(known_poses=True))
    for number in range(1, 5):
        for source in data[number - 1].sources:
            expected = true_motion(number, source.offset)
            np.testing.assert_allclose(source.source_from_target, expected, atol=0.08)
            assert source.distance == pytest.approx(0.8, rel=0.1)


@pytest.mark.slow
def test_of_a_folder_of_bags_those_that_are_named_get_poses(bags, capsys):
    assert main([str(bags), '--camera-height', '1.65', '--only', 'rear', '--overwrite']) == 0
    assert (bags / 'rear.poses.txt').is_file()

    assert main([str(bags), '--camera-height', '1.65', '--only', 'rear']) == 1
    assert 'rear.poses.txt already' in capsys.readouterr().err


def test_a_topic_that_a_bag_does_not_have_is_named(bags, capsys):
    camera = ['--camera-height', '1.65', '--image-topic', '/camera/image', '--overwrite']

    assert main([str(bags / 'front'), *camera]) == 1

    assert "Did you mean '/camera/image_raw'?" in capsys.readouterr().err


def test_a_gap_between_images_is_refused(root, capsys):
    (root / DRIVE / 'image_02' / 'data' / '0000000003.png').unlink()
    try:
        assert main([str(root), '--camera-height', '1.65']) == 1
    finally:
        write_frame(root, 3)

    assert 'has no image 0000000003' in capsys.readouterr().err
    assert not (root / DRIVE / 'poses.txt').exists()


@pytest.mark.parametrize('height', ['0', '-1.65', 'high', 'inf', 'nan'])
def test_a_height_is_above_the_road(root, height, capsys):
    with pytest.raises(SystemExit):
        main([str(root), f'--camera-height={height}'])

    assert f"'{height}' is no height; expected metres" in capsys.readouterr().err


def test_what_is_looked_for_must_be_there(root, tmp_path, capsys):
    assert main([str(root), '--camera-height', '1.65', '--only', '*0007*']) == 1
    assert 'None of 1 recordings in' in (error := capsys.readouterr().err) and DRIVE in error

    assert main([str(tmp_path), '--camera-height', '1.65']) == 1
    assert 'holds no drives' in capsys.readouterr().err
