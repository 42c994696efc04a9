import json

import pytest
from cards import UNTRAINED
from street_bags import CAMERA, LIDAR, frames, write_street_bag

from mono_depth_ros.cli.evaluate_bag import main
from mono_depth_ros.inference.cards.model_card import write_card


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('evaluate_bag')
    write_card(UNTRAINED, folder / 'relative.yaml')
    write_street_bag(folder / 'bag', frames(4))
    return folder


def run(folder, *arguments, reference=LIDAR):
    return main(
        [
            str(folder / 'bag'),
            '--model',
            str(folder / 'relative.yaml'),
            '--image',
            CAMERA,
            '--reference',
            reference,
            '--threads',
            '1',
            '--backend',
            'torch',
            *arguments,
        ]
    )


@pytest.mark.slow
def test_table_says_what_was_compared_and_what_the_figures_are_worth(folder, capsys):
    assert run(folder) == 0

    printed = capsys.readouterr().out
    assert 'UNTRAINED' in printed
    assert '4 depth images (relative), 4 references of /lidar/points: 4 compared' in printed
    assert 'median_scaled' in printed and '\nunscaled' not in printed
    assert 'flicker' in printed and 'not measured' in printed
    assert 'PASSED' not in printed and 'FAILED' not in printed


@pytest.mark.slow
def test_thresholds_decide_the_exit_code(folder, capsys):
    assert run(folder, '--min-frames', '4', '--depth-scale', '5') == 0
    assert 'PASSED (unscaled)' in capsys.readouterr().out

    assert run(folder, '--max-abs-rel', '0.01', '--max-flicker', '1') == 3
    printed = capsys.readouterr().out
    assert 'FAILED (median_scaled)' in printed
    assert 'abs_rel' in printed and 'is above 0.01' in printed
    assert 'flicker not measured (how the camera moved is not known' in printed


@pytest.mark.slow
def test_output_is_json_with_every_frame(folder, capsys):
    output = folder / 'out.json'

    assert (
        run(
            folder,
            '--output',
            str(output),
            '--min-a1',
            '0',
            '--ego-motion',
            'still',
            reference='wall:4',
        )
        == 0
    )

    report = json.loads(output.read_text())
    assert (report['compared'], report['passed'], report['thresholds']) == (
        4,
        True,
        {'min_a1': 0.0},
    )
    assert report['options']['reference'] == 'wall:4'
    assert len(report['per_frame']) == 4
    mean = sum(frame['median_scaled']['abs_rel'] for frame in report['per_frame']) / 4
    assert mean == pytest.approx(report['median_scaled']['abs_rel'])
    assert report['median_scaled']['abs_rel 40-80 m'] is None
    assert str(output) in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    ('arguments', 'error'),
    [
        (['--reference', '/lidar'], "Did you mean '/lidar/points'?"),
        (['--reference', 'floor:1'], 'a wall is written wall:METRES, such as wall:2.0'),
        (['--output', '/no/where.json'], "Folder '/no' of --output does not exist"),
        (['--model', 'nobody'], "'nobody'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_1(folder, capsys, arguments, error):
    assert run(folder, *arguments) == 1

    printed = capsys.readouterr()
    assert printed.err.startswith('evaluate_bag: error: ') and error in printed.err
    assert printed.err.count('\n') == 1 and not printed.out
