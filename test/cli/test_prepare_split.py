"""The executable prepare_split, from the command line to the split files."""

import re

import pytest
from moving_bags import write_moving_bag
from shared_data import shared_data

from mono_depth_ros.cli.prepare_split import main
from mono_depth_ros.datasets.bag.data import RosbagData
from mono_depth_ros.datasets.splits import read_split


@pytest.mark.slow
def test_bags_become_a_split_that_their_data_set_reads(tmp_path, capsys):
    bags = tmp_path / 'bags'
    for name in ('a', 'b', 'c'):
        write_moving_bag(bags / name)

    assert main(['bags', str(bags), '--output', str(tmp_path / 'split'), '--val', '0.3']) == 0

    printed = capsys.readouterr().out
    assert 'a: 8 images, 2 that lack a source, 0 of a standing camera, 6 chosen' in printed
    assert re.search(r'train\.txt: 12 lines of 2 recordings\n.*val\.txt: 6 lines of 1', printed)
    assert len(RosbagData(bags, tmp_path / 'split' / 'train.txt')) == 12
    assert len(RosbagData(bags, tmp_path / 'split' / 'val.txt')) == 6


def test_options_reach_the_bags(tmp_path):
    write_moving_bag(tmp_path / 'bags' / 'a', [0] * 12)
    command = ['bags', str(tmp_path / 'bags'), '--output', str(tmp_path), '--val', '0']

    assert main([*command, '--min-motion', '0', '--frame-interval', '0.2']) == 0

    assert len(read_split(tmp_path / 'train.txt')) == 8


@pytest.mark.data
def test_kitti_drives_become_a_split(tmp_path, capsys):
    root = shared_data('kitti/train')
    command = ['kitti', str(root), '--output', str(tmp_path), '--only', '*9002*', '*9003*']

    assert main([*command, '--val', '0']) == 0

    # 21 and 12 frames in a row; the camera of 9003 stands still.
    entries = read_split(tmp_path / 'train.txt')
    assert [entry.index for entry in entries] == list(range(1, 20))
    assert {entry.folder for entry in entries} == {'2011_09_26/2011_09_26_drive_9002_sync'}
    assert '10 of a standing camera, 0 chosen' in capsys.readouterr().out
    assert not (tmp_path / 'val.txt').exists()


def test_recordings_of_a_test_split_are_left_out(tmp_path, capsys):
    bags = tmp_path / 'bags'
    for name in ('a', 'b'):
        write_moving_bag(bags / name)
    (tmp_path / 'test.txt').write_text('b 0 l\n')
    command = [
        'bags',
        str(bags),
        '--output',
        str(tmp_path),
        '--leave-out',
        str(tmp_path / 'test.txt'),
    ]

    assert main([*command, '--val', '0']) == 0
    assert {entry.folder for entry in read_split(tmp_path / 'train.txt')} == {'a'}

    assert main([*command, '--only', 'b']) == 1
    assert 'None of 2 recordings' in capsys.readouterr().err


def test_a_known_list_is_checked(tmp_path, capsys):
    (tmp_path / 'short.txt').write_text('2011_09_26/2011_09_26_drive_0002_sync 69 l\n')

    assert main(['check', 'eigen_test', str(tmp_path / 'short.txt')]) == 1
    assert 'prepare_split: error: Split' in (error := capsys.readouterr().err)
    assert 'it has 1 lines, expected 697' in error and 'Traceback' not in error


@pytest.mark.data
def test_a_whole_known_list_is_confirmed(capsys):
    path = shared_data('kitti/splits/eigen_benchmark_test.txt')

    assert main(['check', 'eigen_benchmark_test', str(path)]) == 0
    assert 'is eigen_benchmark_test: 652 lines, 28 drives' in capsys.readouterr().out


def test_a_missing_root_is_one_line_and_an_exit_code(tmp_path, capsys):
    assert main(['bags', str(tmp_path / 'nowhere')]) == 1
    assert capsys.readouterr().err.startswith('prepare_split: error: Folder')


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit, match='0'):
        main(['--help'])
    assert 'kitti | bags | check' in capsys.readouterr().out
