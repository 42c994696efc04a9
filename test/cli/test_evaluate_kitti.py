from dataclasses import replace

import numpy as np
import pytest
import yaml
from cards import UNTRAINED
from kitti_folder import write_day, write_depth, write_image, write_split

from mono_depth_ros.cli.evaluate_kitti import main
from mono_depth_ros.inference.model_card import write_card

SIZE = (40, 60)


@pytest.fixture
def root(tmp_path):
    write_day(tmp_path, SIZE)
    depth = np.zeros(SIZE)
    depth[18:30, 10:50] = 5
    image = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    for index in (0, 1):
        write_depth(tmp_path, index, depth, 'velodyne_raw')
        write_image(tmp_path, index, image)
    write_split(tmp_path, 0, 1)
    write_card(UNTRAINED, tmp_path / 'relative.yaml')
    write_card(replace(UNTRAINED, depth_scale=5.4), tmp_path / 'scaled.yaml')
    return tmp_path


def run(root, card: str, *options: str) -> int:
    return main(['--model', str(root / card), '--root', str(root), '--split',
                 str(root / 'split.txt'), '--ground-truth', 'projected', *options])  # fmt: skip


def test_command_prints_a_table_and_says_what_is_untrained(root, capsys):
    assert run(root, 'relative.yaml') == 0

    printed = capsys.readouterr().out
    assert '2 images, ground truth projected' in printed
    assert 'abs_rel' in printed and 'median_scaled' in printed
    assert 'UNTRAINED' in printed


def test_relative_depth_has_no_unscaled_row(root, capsys):
    assert run(root, 'relative.yaml') == 0

    assert 'unscaled' not in capsys.readouterr().out


def test_card_with_metres_has_both_rows_or_its_own_alone(root, capsys):
    assert run(root, 'scaled.yaml') == 0
    both = capsys.readouterr().out
    assert run(root, 'scaled.yaml', '--no-median-scaling') == 0
    alone = capsys.readouterr().out

    assert 'median_scaled' in both and 'unscaled' in both
    assert 'median_scaled' not in alone and 'unscaled' in alone


def test_output_holds_what_is_printed_and_every_image(root, capsys):
    output = root / 'metrics.yaml'

    assert run(root, 'scaled.yaml', '--flip', '--batch-size', '1', '--output', str(output)) == 0

    report = yaml.safe_load(output.read_text())
    assert (report['images'], report['flip'], report['ground_truth']) == (2, True, 'projected')
    assert f'{report["unscaled"]["abs_rel"]:.3f}' in capsys.readouterr().out
    errors = [image['unscaled']['abs_rel'] for image in report['per_image']]
    assert np.mean(errors) == pytest.approx(report['unscaled']['abs_rel'])


def test_metres_of_a_relative_card_are_refused(root, capsys):
    assert run(root, 'relative.yaml', '--no-median-scaling') == 1

    error = capsys.readouterr().err
    assert error.startswith('evaluate_kitti: error: ') and 'depth_scale' in error


def test_missing_output_folder_is_named_before_the_work(root, capsys):
    assert run(root, 'relative.yaml', '--output', str(root / 'nowhere' / 'm.yaml')) == 1

    captured = capsys.readouterr()
    assert "nowhere' of --output does not exist" in captured.err and not captured.out


def test_missing_depth_is_one_line_and_an_exit_code(root, capsys):
    assert run(root, 'relative.yaml', '--ground-truth', 'dense') == 1

    error = capsys.readouterr().err
    assert 'choose it as ground truth' in error and 'Traceback' not in error
