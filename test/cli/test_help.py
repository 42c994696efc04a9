"""What executables say before they work: help and refusals, without what takes long to load."""

import ast
import subprocess
import sys

import pytest
from installation import ROOT, executables

from mono_depth_ros.arguments import ArgumentParser
from mono_depth_ros.training.config.parse import parse_config

HEAVY = {'torch', 'timm', 'cv2', 'rclpy'}
# Runs a main as its executable does, and tells how it ended and what it had loaded by then.
RUN = """
import importlib, sys
try:
    code = importlib.import_module(sys.argv[1]).main(sys.argv[2:])
except SystemExit as end:
    code = end.code
print([code, sorted({name.partition('.')[0] for name in sys.modules})])
"""


def run(module: str, *arguments: str) -> tuple[int, set[str], str, str]:
    done = subprocess.run(
        [sys.executable, '-c', RUN, module, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    output, _, last = done.stdout.rstrip('\n').rpartition('\n')
    code, modules = ast.literal_eval(last)
    return code, set(modules), output, done.stderr


@pytest.mark.parametrize('module', executables())
def test_help_is_given_before_anything_heavy_is_imported(module):
    code, modules, output, _ = run(module, '--help')

    assert code == 0
    assert output.startswith('usage: ')
    assert not modules & HEAVY


@pytest.mark.parametrize('module', executables())
def test_an_unknown_option_is_refused_by_name_before_anything_heavy_is_imported(module):
    code, modules, _, errors = run(module, '--no-such_option')

    assert code == 2
    assert "'--no-such_option'" in errors
    assert not modules & HEAVY


def test_a_sub_command_refuses_options_that_it_does_not_have():
    code, _, _, errors = run('mono_depth_ros.cli.prepare_split', 'kitti', '.', '--no-such')

    assert code == 2
    assert "Unknown option '--no-such'. prepare_split kitti --help lists all" in errors


@pytest.mark.parametrize('name', ['depth_node', 'replay_evaluator'])
def test_a_node_refuses_what_does_not_follow_ros_args(name):
    code, modules, _, errors = run(
        f'mono_depth_ros.cli.{name}', 'model:=mine', '--ros-args', '-r', 'image:=/camera/image'
    )

    assert code == 2
    assert f"'model:=mine' is no argument of {name}; expected --ros-args" in errors
    assert not modules & HEAVY


def test_the_help_of_a_node_lists_parameters_with_their_defaults():
    _, _, output, _ = run('mono_depth_ros.cli.depth_node', '-h')

    assert '--ros-args [-p PARAMETER:=VALUE]' in output
    assert '  max_depth: 80.0\n      Farther than this becomes +inf' in output


@pytest.fixture
def parser():
    parser = ArgumentParser(prog='measure')
    parser.add_argument('files', nargs='*')
    parser.add_argument('--max-depth', type=float)
    parser.add_argument('--camera-frame')
    return parser


@pytest.mark.parametrize('option', ['--max-depth', '--max_depth', '--max_d'])
def test_options_may_be_written_with_dashes_or_underscores(parser, option):
    assert parser.parse_args([option, '3']).max_depth == 3
    assert parser.parse_args([f'{option}=3']).max_depth == 3


def test_values_keep_their_dashes_and_underscores(parser):
    line = ['--camera_frame=left-optical_frame', '--', 'a-b_c', '--max_depth']

    chosen = parser.parse_args(line)

    assert chosen.files == ['a-b_c', '--max_depth']
    assert chosen.camera_frame == 'left-optical_frame'


@pytest.mark.parametrize('line', [['--fit', 'stretch'], ['--fit=stretch']])
def test_an_old_name_of_an_option_is_taken_with_a_warning(parser, capsys, line):
    parser.add_argument('--resize-mode')

    assert parser.parse_args(line).resize_mode == 'stretch'

    warning = 'measure: warning: --fit is called --resize-mode now; the next release knows'
    assert warning in capsys.readouterr().err


def test_a_name_that_is_old_elsewhere_may_be_an_option_of_its_own(parser, capsys):
    parser.add_argument('--fit')
    parser.add_argument('--resize-mode')

    assert parser.parse_args(['--fit', 'stretch']).fit == 'stretch'
    assert capsys.readouterr().err == ''


def test_sub_commands_take_both_spellings_too():
    parser = ArgumentParser()
    command = parser.add_subparsers().add_parser('kitti')
    command.add_argument('--leave-out')

    assert parser.parse_args(['kitti', '--leave_out', 'test_1.txt']).leave_out == 'test_1.txt'


def test_a_misspelt_option_is_told_what_it_may_have_meant(parser, capsys):
    with pytest.raises(SystemExit, match='2'):
        parser.parse_args(['--max-deph', '3'])

    assert "Unknown option '--max-deph'. Did you mean '--max-depth'?" in capsys.readouterr().err


def test_training_options_may_be_written_with_dashes():
    line = '--batch-size 3 --loss.auto-mask=false --name a-b_c --reading.options.known-poses true'

    config = parse_config(line.split())

    assert (config.batch_size, config.loss.auto_mask, config.name) == (3, False, 'a-b_c')
    assert config.reading.options == {'known_poses': True}
