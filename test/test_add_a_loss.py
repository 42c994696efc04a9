"""docs/add_a_loss.md, followed word by word on a copy of the repository."""

import re

import pytest
from page_steps import follow_page, output_of, steps

pytestmark = pytest.mark.slow

PAGE = 'add_a_loss.md'


@pytest.fixture(scope='module')
def printed(tmp_path_factory) -> dict[str, str]:
    return follow_page(PAGE, tmp_path_factory.mktemp('copy'))


def test_the_page_has_steps_of_all_kinds():
    assert [step.kind for step in steps(PAGE)] == [
        'python',
        'diff',
        'diff',
        'diff',
        'diff',
        'bash',
        'python',
        'diff',
        'python',
        'bash',
    ]


def test_the_new_loss_is_trained_and_recorded(printed):
    words = output_of(printed, 'history.jsonl').split()

    assert words[0] == 'curvature' and 0 < float(words[1]) < 10


def test_the_tests_find_the_new_loss_and_pass(printed):
    summary = output_of(printed, 'pytest -q').splitlines()[-1]

    assert int(re.match(r'(\d+) passed', summary)[1]) >= 5
    assert 'failed' not in summary and 'error' not in summary
