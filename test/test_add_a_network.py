"""docs/add_a_network.md, followed word by word on a copy of the repository."""

import re

import pytest
from page_steps import follow_page, output_of, steps

pytestmark = pytest.mark.slow

PAGE = 'add_a_network.md'


@pytest.fixture(scope='module')
def printed(tmp_path_factory) -> dict[str, str]:
    return follow_page(PAGE, tmp_path_factory.mktemp('copy'))


def test_the_page_has_steps_of_all_kinds():
    assert [step.kind for step in steps(PAGE)] == [
        'python',
        'diff',
        'yaml',
        'bash',
        'python',
        'diff',
        'yaml',
        'diff',
        'bash',
        'diff',
        'bash',
    ]


def test_the_new_network_trains_and_the_estimator_runs_its_card(printed):
    assert output_of(printed, 'DepthEstimator(card)') == 'plain_depth (120, 250) relative\n'


def test_the_new_network_is_listed_beside_what_its_paper_prints(printed):
    table = output_of(printed, 'compare_networks')

    measured, published = (
        next(line for line in table.splitlines() if line.strip().startswith(start)).split()
        for start in ('plain_depth', 'PlainDepth 1')
    )
    ours, theirs = measured[2:4], published[-11:-9]
    assert ours == theirs == ['0.53', '0.64'] and '0.123' in published


def test_the_tests_find_the_new_network_and_pass(printed):
    summary = output_of(printed, 'pytest').splitlines()[-1]

    assert int(re.match(r'(\d+) passed', summary)[1]) > 15
    assert 'failed' not in summary and 'error' not in summary
