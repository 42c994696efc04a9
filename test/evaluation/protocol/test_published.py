"""The papers' rows are those of the papers, and a wrong file is refused where it is wrong."""

import re
from collections import Counter

import pytest
from shared_data import DATA

from mono_depth_ros.evaluation.protocol.published import (
    METRICS,
    comparable,
    load_published,
    printed_for,
)

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


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        (
            'network: hr_depth',
            'network: hr_deph',
            r"HR-Depth, table 2, row 'Ours': unknown network 'hr_deph'\. "
            r"Did you mean 'hr_depth'\?",
        ),
        ('paper: HR-Depth', 'paper: HR-Deph', "unknown paper 'HR-Deph'. Did you mean 'HR-Depth'"),
        (
            'supervision: M',
            'supervison: M',
            "unknown key 'supervison'. Did you mean 'supervision'",
        ),
        ('supervision: M', 'supervision: X', "'supervision' is 'X'; expected one of M, MS, S, T"),
        (
            'data_set: kitti_eigen',
            'data_set: kitti',
            "'data_set' is 'kitti'; expected one of kitti_",
        ),
        ("table: '2'", 'table: 2', "'table' is 2; expected a text"),
        ('[192, 640]', '[640, 192]', r"'size' is \(640, 192\); expected \[height, width\]"),
        ('[192, 640]', '192', r"'size' is 192; expected \[height, width\]"),
        ('4.6,', '46.0,', "'rmse' is 46.0; expected a number above 0, at most 20"),
        ('0.18,', "'0.18',", "'rmse_log' is '0.18'; expected a number"),
        ('0.1,', '-0.1,', "'abs_rel' is -0.1; expected a number above 0"),
        (
            'null, null]',
            '0.96, 0.95]',
            r'a1, a2, a3 are \[0.88, 0.96, 0.95\]; expected them to rise',
        ),
        ('null, null]', 'null]', 'expected 7 values in the order abs_rel, sq_rel'),
        ('[of the row]', 'of the row', "'notes' is 'of the row'; expected a list"),
        ('  rows:', '  lines:', "unknown key 'lines'"),
        ('notes: []\n', '', 'missing notes'),
        ('row: Ours, ', '', "row 'None': missing row"),
        ('papers: {', 'papers: {{', 'while parsing'),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path, old, new, message):
    assert old in FILE

    with pytest.raises(ValueError, match=message) as error:
        load(tmp_path, FILE.replace(old, new, 1))

    assert 'published.yaml: ' in str(error.value)


def test_a_file_of_something_else_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r'found \[1, 2\]; expected the keys papers, notes'):
        load(tmp_path, '[1, 2]')


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.yaml' do not exist; expected a YAML file"):
        load_published(tmp_path / 'none.yaml')


def test_rows_of_a_network_on_a_data_set_have_short_labels():
    results = load_published()

    rows = printed_for(results, 'hr_depth', 'kitti_eigen', (192, 640))

    assert rows['HR-Depth prints M K'].abs_rel == 0.109
    assert rows['HR-Depth prints MS K'].abs_rel == 0.107
    assert not printed_for(results, 'hr_depth', 'ddad', (192, 640))
    assert all(row.variant is None for row in rows.values())
