"""The papers' rows are those of the papers, and the file is what its header says."""

import dataclasses
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from shared_data import DATA

from mono_depth_ros.evaluation.protocol import published
from mono_depth_ros.evaluation.protocol.published import (
    METRICS,
    comparable,
    load_published,
    printed_for,
)
from mono_depth_ros.networks import list_networks

PAPERS = {
    'HR-Depth': 'hr_depth.txt',
    'DNA-Depth': 'dna_depth.txt',
    'LKA-Depth': 'lka_depth.txt',
    'OE-Depth': 'oe_depth.txt',
    'FA-Depth': 'fa_depth_smalldepth.txt',
}
# Counted by hand in the papers: the rows of networks that are ours.
ROWS = {
    ('HR-Depth', '1'): 2,
    ('HR-Depth', '2'): 11,
    ('HR-Depth', '3'): 7,
    ('HR-Depth', '4'): 5,
    ('DNA-Depth', '1'): 10,
    ('LKA-Depth', 'I'): 5,
    ('LKA-Depth', 'II'): 4,
    ('OE-Depth', '1'): 8,
    ('OE-Depth', '2'): 4,
    ('OE-Depth', '3'): 4,
    ('FA-Depth', 'I'): 6,
    ('FA-Depth', 'II'): 22,
    ('FA-Depth', 'III'): 4,
    ('FA-Depth', 'IV'): 7,
    ('FA-Depth', 'V'): 8,
    ('FA-Depth', 'VI'): 4,
    ('FA-Depth', 'VII'): 17,
    ('FA-Depth', 'VIII'): 7,
    ('FA-Depth', 'IX'): 7,
    ('FA-Depth', 'X'): 40,
    ('FA-Depth', 'XI'): 5,
}
RESULTS = load_published()
DATA_SETS = ('kitti_eigen', 'kitti_improved', 'kitti_validation', 'ddad')
# A figure above was mistyped, or is in another unit.
HIGHEST = {
    'abs_rel': 1.0,
    'sq_rel': 10.0,
    'rmse': 20.0,
    'rmse_log': 1.0,
    'a1': 1.0,
    'a2': 1.0,
    'a3': 1.0,
    'parameters_m': 500.0,
    'flops_g': 1000.0,
    'fps': 10_000.0,
}


def only(**wanted):
    """Return the one row that has these values."""
    (found,) = (
        result
        for result in RESULTS
        if all(getattr(result, name) == value for name, value in wanted.items())
    )
    return found


def test_every_table_has_all_its_rows():
    assert Counter((result.paper, result.table) for result in RESULTS) == ROWS


def test_a_row_is_read_as_it_is_printed():
    result = only(
        paper='HR-Depth', table='2', network='hr_depth', supervision='MS', training_data='CS+K'
    )

    assert result.row == 'HR-Depth(Ours)' and result.size == (192, 640)
    assert result.metrics == {
        'abs_rel': 0.104,
        'sq_rel': 0.786,
        'rmse': 4.544,
        'rmse_log': 0.182,
        'a1': 0.893,
        'a2': 0.964,
        'a3': 0.983,
    }
    assert result.data_set == 'kitti_eigen' and 'AAAI 2021' in result.citation
    assert result.parameters_m is None and result.variant is None and result.notes == ()


def test_ddad_and_costs_have_their_rows():
    ddad = only(data_set='ddad', network='hqdec_v2', post_processing=None)
    costs = only(paper='FA-Depth', table='I', network='small_depth')

    assert (ddad.abs_rel, ddad.rmse, ddad.a1, ddad.size) == (0.108, 6.345, 0.884, (384, 640))
    assert (costs.parameters_m, costs.flops_g, costs.fps) == (2.35, 0.42, 557)
    assert costs.data_set is None and set(costs.metrics.values()) == {None}


@pytest.mark.slow
@pytest.mark.parametrize('result', RESULTS, ids=lambda r: f'{r.paper} {r.table} {r.row}')
def test_every_figure_stands_in_one_line_of_the_paper(result):
    path = DATA.parent / 'papers' / PAPERS.get(result.paper, '-')
    if not path.is_file():
        pytest.skip(f'no text of {result.paper} in ../shared/papers')
    text = re.sub('</?[bu]>', '', path.read_text(encoding='utf-8'))
    accuracy = [value for value in result.metrics.values() if value is not None]
    costs = [
        value for value in (result.parameters_m, result.flops_g, result.fps) if value is not None
    ]

    lines = [
        line
        for line in text.splitlines()
        if (result.row in line or result.row not in text)
        and in_order(accuracy, numbers(line))
        and set(costs) <= set(numbers(line))
    ]

    assert lines and accuracy + costs


def numbers(line):
    return [float(word) for word in re.findall(r'\d+\.\d+|\d+', line)]


def in_order(part, whole):
    """Say whether all of a list stand in another one beside each other."""
    return any(part == whole[start : start + len(part)] for start in range(len(whole) + 1))


@pytest.mark.parametrize('network', sorted({result.network for result in RESULTS}))
def test_papers_agree_on_the_figures_that_networks_are_compared_by(network):
    rows = comparable(RESULTS, network)

    assert rows
    for metric in METRICS:
        assert len({getattr(row, metric) for row in rows} - {None}) == 1


def test_counts_known_to_be_wrong_come_with_the_right_ones():
    for result in RESULTS:
        notes = ' '.join(result.notes)
        if result.parameters_m in (14.84, 14.62, 14.61):
            assert '14.33 M' in notes or '14.10 M' in notes
        if result.flops_g is not None and result.network in ('hr_depth', 'diffnet'):
            assert f'{result.flops_g:.2f} G count the decoder twice' in notes
            right = float(re.search(r'counted once, ([\d.]+) G', notes)[1])
            assert result.flops_g / right == pytest.approx(
                {'hr_depth': 18.08 / 11.25, 'diffnet': 15.77 / 11.93}[result.network], rel=2e-3
            )


def test_a_paper_that_quotes_another_otherwise_says_so():
    quoted = only(paper='OE-Depth', table='2', network='hr_depth')
    own = only(paper='HR-Depth', table='2', network='hr_depth', size=(320, 1024), supervision='M')

    assert quoted.a1 != own.a1 and f'{own.a1}' in quoted.notes[0]


def test_marks_without_meaning_in_the_text_are_noted():
    marked = [result for result in RESULTS if '‡' in result.row]

    assert len(marked) == 10 and all(result.post_processing == '‡' for result in marked)
    assert all(any('‡' in note for note in result.notes) for result in marked)


@pytest.mark.parametrize('result', RESULTS, ids=lambda r: f'{r.paper} {r.table} {r.row}')
def test_a_row_has_the_values_that_the_head_of_the_file_allows(result):
    texts = ('paper', 'citation', 'table', 'row', 'variant', 'training_data', 'post_processing')
    values = dataclasses.asdict(result)
    given = {name: value for name, value in values.items() if value is not None}

    assert all(type(given[name]) is str and given[name] for name in texts if name in given)
    assert all(type(note) is str and note for note in result.notes)
    assert result.network in list_networks()
    assert result.data_set in (*DATA_SETS, None)
    assert result.supervision in ('M', 'MS', 'S', 'T', None)
    assert result.size is None or 0 < result.size[0] <= result.size[1]
    for name in HIGHEST.keys() & given:
        assert type(given[name]) in (int, float) and 0 < given[name] <= HIGHEST[name], name
    shares = [given[name] for name in ('a1', 'a2', 'a3') if name in given]
    assert shares == sorted(shares)


def test_a_row_with_metrics_has_a_place_for_all_seven():
    file = yaml.safe_load(Path(published.__file__).with_suffix('.yaml').read_text('utf-8'))
    rows = [row for table in file['tables'] for row in table['rows']]

    assert set(file) == {'papers', 'notes', 'tables'}
    assert {len(row['metrics']) for row in rows if 'metrics' in row} == {len(METRICS)}
    assert all('size' not in row or len(row['size']) == 2 for row in rows)
    assert set().union(*file['tables']) <= {'paper', 'table', 'data_set', 'notes', 'rows'}


FILE = """
papers: {HR-Depth: 'Lyu et al.'}
notes: []
tables:
- paper: HR-Depth
  table: '2'
  data_set: kitti_eigen
  notes: [of the table]
  rows:
  - {row: Ours, network: hr_depth, size: [192, 640], supervision: M,
     metrics: [0.1, 0.7, 4.6, 0.18, 0.88, null, null], notes: [of the row]}
"""


def load(folder, text):
    path = folder / 'published.yaml'
    path.write_text(text, encoding='utf-8')
    return load_published(path)


def test_notes_of_table_and_row_add_up(tmp_path):
    (result,) = load(tmp_path, FILE)

    assert result.notes == ('of the table', 'of the row')
    assert (result.a1, result.a2, result.flops_g) == (0.88, None, None)


def test_a_mistyped_key_is_named_with_its_place(tmp_path):
    with pytest.raises(ValueError, match=r"HR-Depth, table 2, row 'Ours': .*'supervison'"):
        load(tmp_path, FILE.replace('supervision', 'supervison'))


def test_rows_of_a_network_on_a_data_set_have_short_labels():
    results = load_published()

    rows = printed_for(results, 'hr_depth', 'kitti_eigen', (192, 640))

    assert rows['HR-Depth prints M K'].abs_rel == 0.109
    assert rows['HR-Depth prints MS K'].abs_rel == 0.107
    assert not printed_for(results, 'hr_depth', 'ddad', (192, 640))
    assert all(row.variant is None for row in rows.values())
