"""The executables kitti_to_bag and bag_to_kitti, from the command line to the files."""

import numpy as np
import pytest
from kitti_folder import DRIVE, write_day, write_image, write_scan

from mono_depth_ros.cli import bag_to_kitti, kitti_to_bag


@pytest.fixture
def drive(tmp_path):
    root = tmp_path / 'kitti'
    write_day(root)
    write_image(root, 0, np.full((40, 60, 3), 99, np.uint8))
    write_scan(root, 0, [(8.0, 0.5, -0.25)])
    return root / DRIVE


def test_a_drive_goes_into_a_bag_and_back(tmp_path, drive, capsys):
    bag, back = str(tmp_path / 'bag'), tmp_path / 'back'

    assert kitti_to_bag.main([str(drive), bag, '--rate', '10', '--images', 'png']) == 0
    printed = capsys.readouterr().out
    assert '1  /camera_color_left/image_rect/compressed\n' in printed
    assert 'note: stamps are made up' in printed and '--data rosbag --root' in printed

    command = [
        bag,
        str(back),
        '--camera',
        '2=/camera_color_left/image_rect/compressed',
        '--lidar',
        '/velodyne_points',
        '--drive',
        '1',
        '--images',
        'jpg',
    ]
    assert bag_to_kitti.main(command) == 0
    assert '1  velodyne_points\n' in capsys.readouterr().out
    assert (back / DRIVE / 'image_02/data/0000000000.jpg').is_file()
    assert (back / DRIVE / 'velodyne_points/data/0000000000.bin').read_bytes() == (
        drive / 'velodyne_points/data/0000000000.bin'
    ).read_bytes()


def test_what_is_wrong_is_one_line_and_an_exit_code(tmp_path, drive, capsys):
    assert kitti_to_bag.main([str(drive), str(tmp_path / 'bag')]) == 1
    assert capsys.readouterr().err.startswith('kitti_to_bag: error: ')
    assert kitti_to_bag.main([str(drive), str(tmp_path / 'bag'), '--rate', '0']) == 1
    assert 'rate is 0.0; expected frames per second' in capsys.readouterr().err
    assert bag_to_kitti.main([str(tmp_path / 'bag'), str(tmp_path / 'back')]) == 1
    assert capsys.readouterr().err.startswith('bag_to_kitti: error: Bag')
    assert bag_to_kitti.main(['bag', 'back', '--camera', '/camera/image']) == 1
    assert "'/camera/image' is no camera and topic; expected such as 2=/" in (
        capsys.readouterr().err
    )
