import csv
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from cards import UNTRAINED

from mono_depth_ros.cli.compare_networks import main
from mono_depth_ros.evaluation.protocol.published import comparable, load_published
from mono_depth_ros.inference.cards.checkpoint import save_weights
from mono_depth_ros.inference.cards.model_card import write_card
from mono_depth_ros.networks import create_network, list_networks


@pytest.fixture(scope='module')
def card(tmp_path_factory):
    """Path of a card with weights and a measured accuracy."""
    path = tmp_path_factory.mktemp('card') / 'tiny.yaml'
    sha256 = save_weights(create_network('lite_hr_depth'), path.with_suffix('.safetensors'))
    write_card(
        replace(
            UNTRAINED,
            network='lite_hr_depth',
            weights='tiny.safetensors',
            sha256=sha256,
            metrics={'test_20': {'median_scaled': {'abs_rel': 0.204}}},
        ),
        path,
    )
    return path


@pytest.mark.slow
def test_table_has_our_counts_above_what_is_published(capsys):
    assert main(['monodepth2_resnet18', '--no-latency']) == 0

    lines = capsys.readouterr().out.splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith('monodepth2_resnet18'))
    assert lines[place].split()[2:6] == ['14.32', '8.00', '-', '-']
    dna = next(line for line in lines if line.strip().startswith('DNA-Depth 1'))
    assert lines.index(dna) > place and dna.split()[-11:][:5] == [
        '14.84',
        '8.04',
        '-',
        '-',
        '0.115',
    ]
    mark = dna.split('[')[1].split(']')[0]
    assert any(line.startswith(f'[{mark}] 14.84 M count') for line in lines)


@pytest.mark.slow
def test_a_given_card_stands_below_its_network(card, capsys):
    assert main(['hr_depth', '--no-latency', '--cards', str(card)]) == 0

    lines = capsys.readouterr().out.splitlines()
    network = next(n for n, line in enumerate(lines) if line.startswith('lite_hr_depth, '))
    assert any(line.startswith('hr_depth, ') for line in lines[:network])
    assert '  card tiny, 64x96, test_20, median_scaled' in lines[network + 1]
    assert '0.204' in lines[network + 1]


@pytest.mark.slow
def test_csv_has_a_row_for_every_line(tmp_path, capsys):
    output = tmp_path / 'table.csv'

    assert main(['lite_hr_depth', '--no-latency', '--output', str(output)]) == 0

    with output.open(newline='') as file:
        measured, published = csv.DictReader(file)
    assert (measured['kind'], measured['height'], measured['width']) == ('measured', '192', '640')
    assert float(measured['parameters_m']) == pytest.approx(3.098, abs=5e-4)
    assert measured['wall_ms'] == measured['abs_rel'] == ''
    assert (published['source'], published['abs_rel']) == ('HR-Depth 3', '0.116')
    assert f'{output}: the same' in capsys.readouterr().out


@pytest.mark.slow
def test_yaml_and_plot_have_what_was_measured(card, tmp_path):
    output, plot = tmp_path / 'table.yaml', tmp_path / 'plot.svg'

    assert (
        main(
            [
                'lite_hr_depth',
                '--repetitions',
                '1',
                '--cards',
                str(card),
                '--clock',
                'cpu',
                '--output',
                str(output),
                '--plot',
                str(plot),
            ]
        )
        == 0
    )

    report = yaml.safe_load(output.read_text(encoding='utf-8'))
    assert '1 thread, median of 1' in report['conditions']
    measured, of_card, published = report['lines']
    assert measured['wall_ms'] > 0 and measured['cpu_ms'] > of_card['cpu_ms'] > 0
    assert published['wall_ms'] is None and published['abs_rel'] == 0.116
    drawing = ''.join(ElementTree.parse(plot).getroot().itertext())
    assert f'lite_hr_depth: AbsRel 0.116, {measured["cpu_ms"]:.0f} ms' in drawing
    assert 'tiny, 64x96: AbsRel 0.204' in drawing and 'on test_20' in drawing
    assert 'CPU time [ms] of one image' in drawing


@pytest.mark.slow
@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (
            ['--output', 'table.txt'],
            r"--output 'table.txt' ends with '.txt'; expected .csv or .yaml",
        ),
        (['--plot', 'plot.png'], "--plot 'plot.png' ends with '.png'; expected .svg"),
        (['--output', 'nowhere/t.csv'], "Folder 'nowhere' of --output does not exist"),
        (['--plot', 'plot.svg', '--no-latency'], '--plot draws accuracy over latency'),
        (['--threads', '0'], '--threads is 0; expected 1 or more'),
        (['--repetitions', '0'], '--repetitions is 0; expected 1 or more'),
        (['hr_deph'], "Unknown network 'hr_deph'. Did you mean 'hr_depth'?"),
        (['hr_depth', '--cards', 'untrained'], 'the card is untrained and has no accuracy'),
    ],
)
def test_what_cannot_be_done_is_one_line_before_the_work(options, message, capsys):
    assert main(['--no-latency', *options]) == 1

    captured = capsys.readouterr()
    assert message in captured.err and captured.err.startswith('compare_networks: error: ')
    assert not captured.out


def test_the_plot_of_the_readme_shows_every_network_that_has_a_published_accuracy():
    drawing = (Path(__file__).parents[2] / 'docs' / 'accuracy_over_latency.svg').read_text()

    published = load_published()
    expected = [name for name in list_networks() if comparable(published, name)]
    assert all(f'<title>{name}: AbsRel' in drawing for name in expected)
