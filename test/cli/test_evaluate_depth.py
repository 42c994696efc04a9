import csv
import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from cards import UNTRAINED
from html_page import Page
from kitti_folder import DRIVE, write_day, write_depth, write_image, write_split
from shared_data import shared_data

from mono_depth_ros.cli.evaluate_depth import main
from mono_depth_ros.inference.cards.model_card import write_card

SIZE = (40, 60)


@pytest.fixture
def root(tmp_path):
    """Three frames of 5 m, with a relative card and one that has a scale."""
    write_day(tmp_path, SIZE)
    depth = np.zeros(SIZE)
    depth[18:30, 10:50] = 5
    image = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    for index in (0, 1, 2):
        write_depth(tmp_path, index, depth, 'velodyne_raw')
        write_image(tmp_path, index, image)
    write_split(tmp_path, 0, 1, 2)
    write_card(UNTRAINED, tmp_path / 'relative.yaml')
    write_card(replace(UNTRAINED, depth_scale=5.4), tmp_path / 'scaled.yaml')
    return tmp_path


def run(root, card: str, *options: str) -> int:
    return main(['--model', str(root / card), '--kitti', str(root), '--split',
                 str(root / 'split.txt'), '--ground-truth', 'projected', '--output',
                 str(root / 'out'), *options])  # fmt: skip


def metrics(root) -> dict:
    return json.loads((root / 'out' / 'metrics.json').read_text())


def test_command_prints_the_papers_row_and_says_what_is_untrained(root, capsys):
    assert run(root, 'relative.yaml') == 0

    printed = capsys.readouterr().out
    assert '3 images, ground truth projected' in printed
    assert 'AbsRel' in printed and 'median-scaled' in printed and '10-20 m' in printed
    assert 'UNTRAINED' in printed


def test_relative_depth_has_no_unscaled_row(root, capsys):
    assert run(root, 'relative.yaml') == 0

    assert 'unscaled' not in capsys.readouterr().out and 'unscaled' not in metrics(root)


@pytest.mark.slow
def test_card_with_metres_has_both_rows_or_its_own_alone(root, capsys):
    assert run(root, 'scaled.yaml') == 0
    both = capsys.readouterr().out
    assert run(root, 'scaled.yaml', '--no-median-scaling', '--overwrite') == 0
    alone = capsys.readouterr().out

    assert 'median-scaled' in both and 'unscaled' in both
    assert 'median-scaled' not in alone and 'unscaled' in alone


@pytest.mark.slow
def test_files_hold_what_is_printed_and_every_image(root, capsys):
    assert run(root, 'scaled.yaml', '--flip', '--batch-size', '1', '--workers', '1') == 0

    content = metrics(root)
    rows = list(csv.DictReader((root / 'out' / 'frames.csv').open()))
    page = Page((root / 'out' / 'report.html').read_text())
    assert (content['frames'], content['subject']['flip post-processing']) == (3, True)
    assert f'{content["unscaled"]["abs_rel"]:.3f}' in capsys.readouterr().out
    assert [row['name'] for row in rows] == [f'{DRIVE} {index} l' for index in range(3)]
    errors = [float(row['unscaled abs_rel']) for row in rows]
    assert np.mean(errors) == pytest.approx(content['unscaled']['abs_rel'])
    assert page.row('unscaled')[0] == f'{content["unscaled"]["abs_rel"]:.4f}'
    assert set(page.pictures) == {
        'Image',
        'Predicted depth (near is red)',
        'True depth, in the same colours',
        'Error: blue is too near, red too far, full colour from 30%',
    }


@pytest.mark.slow
def test_a_folder_that_holds_something_is_refused_before_the_work_or_overwritten(root, capsys):
    assert run(root, 'scaled.yaml') == 0
    (root / 'out' / 'notes.txt').write_text('mine')
    before = metrics(root)
    capsys.readouterr()

    assert run(root, 'scaled.yaml', '--flip') == 1
    captured = capsys.readouterr()
    assert "out' holds 'frames.csv' and 3 more; expected a new or an empty folder" in captured.err
    assert '--overwrite' in captured.err and not captured.out and metrics(root) == before
    assert run(root, 'scaled.yaml', '--flip', '--overwrite') == 0
    assert metrics(root)['subject']['flip post-processing'] is True
    assert (root / 'out' / 'notes.txt').read_text() == 'mine'


@pytest.mark.slow
def test_the_old_name_of_overwrite_works_with_a_warning(root, capsys):
    assert run(root, 'scaled.yaml') == 0

    assert run(root, 'scaled.yaml', '--flip', '--afresh') == 0

    assert '--afresh is called --overwrite now' in capsys.readouterr().err


@pytest.mark.slow
def test_a_broken_frame_is_an_error_or_counted_with_a_warning(root, capsys):
    path = root / DRIVE / 'proj_depth' / 'velodyne_raw' / 'image_02' / '0000000001.png'
    path.write_bytes(path.read_bytes()[:100])

    assert run(root, 'scaled.yaml') == 1
    error = capsys.readouterr().err
    assert '0000000001.png' in error and 'Copy it' in error and 'Traceback' not in error
    assert run(root, 'scaled.yaml', '--skip-broken') == 0
    printed = capsys.readouterr().out
    assert '2 images (1 skipped)' in printed
    assert "1 of 3 frames were skipped: these are not the split's figures" in printed
    assert metrics(root)['skipped'][0]['name'] == f'{DRIVE} 1 l'


def test_metres_of_a_relative_card_are_refused(root, capsys):
    assert run(root, 'relative.yaml', '--no-median-scaling') == 1

    error = capsys.readouterr().err
    assert error.startswith('evaluate_depth: error: ') and '--depth-scale' in error
    assert not (root / 'out').exists()


@pytest.mark.slow
def test_a_fixed_scale_takes_the_place_of_the_card_s(root, capsys):
    assert run(root, 'relative.yaml', '--depth-scale', '5.4', '--overwrite') == 0
    given = metrics(root)
    assert run(root, 'scaled.yaml', '--overwrite') == 0

    assert given['unscaled'] == metrics(root)['unscaled']
    assert given['subject']['depth_scale'] == 5.4
    assert run(root, 'scaled.yaml', '--depth-scale', '-1') == 1
    assert '--depth-scale is -1.0; expected metres' in capsys.readouterr().err


def test_a_missing_library_is_one_line_before_the_work(root, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'jinja2', None)

    assert run(root, 'relative.yaml') == 1

    error = capsys.readouterr().err
    assert error.startswith('evaluate_depth: error: jinja2 not found') and '[report]' in error
    assert not (root / 'out').exists()


def test_missing_depth_is_one_line_and_an_exit_code(root, capsys):
    assert run(root, 'relative.yaml', '--ground-truth', 'dense') == 1

    error = capsys.readouterr().err
    assert 'choose it as ground truth' in error and 'Traceback' not in error


def test_a_split_of_the_papers_has_to_be_theirs(root, capsys):
    assert (
        main(['--model', str(root / 'scaled.yaml'), '--kitti', str(root), '--split', 'eigen']) == 1
    )
    assert 'nianticlabs/monodepth2' in capsys.readouterr().err
    (root / 'splits').mkdir()
    (root / 'split.txt').replace(root / 'splits' / 'eigen_test.txt')
    assert (
        main(['--model', str(root / 'scaled.yaml'), '--kitti', str(root), '--split', 'eigen']) == 1
    )
    assert 'has 3 lines, expected 697' in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.data
def test_ddad_is_evaluated_up_to_200_m_with_its_own_lidar(root, capsys):
    (path,) = shared_data('extras/tri_dgp_test_scene/scene_01').glob('scene_*.json')
    arguments = [
        '--model',
        str(root / 'relative.yaml'),
        '--ddad',
        str(path),
        '--split',
        'val',
        '--output',
        str(root / 'out'),
    ]

    assert main([*arguments, '--ground-truth', 'dense']) == 1
    assert "dense is KITTI's" in capsys.readouterr().err
    assert main(arguments) == 0

    printed = capsys.readouterr().out
    assert 'val: 3 images' in printed and '0.001 to 200 m' in printed and '80-200 m' in printed
