"""docs/add_a_network.md, followed word by word on a copy of the repository."""

import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from installation import ROOT, copy_source, run

pytestmark = pytest.mark.slow

PAGE = ROOT / 'docs' / 'add_a_network.md'
BLOCK = re.compile(r'(?P<words>(?:[^\n]+\n)+)\n```(?P<kind>\w+)\n(?P<text>.*?)```\n', re.DOTALL)


class Step(NamedTuple):
    """A block of the page, and the paragraph above it."""

    words: str
    kind: str
    text: str

    @property
    def path(self) -> str | None:
        """The first file that the paragraph above names; None for something to run."""
        named = re.search(r'`([\w/]+\.(?:py|yaml|md))`', self.words)
        return named[1] if named else None


def steps() -> list[Step]:
    return [Step(*found) for found in BLOCK.findall(PAGE.read_text(encoding='utf-8'))]


def apply_diff(path: Path, text: str) -> None:
    """Find the lines without a plus, which must be there once, and put those with one in."""
    before = ''.join(line[1:] for line in text.splitlines(True) if not line.startswith('+'))
    after = ''.join(line[1:] for line in text.splitlines(True))
    content = path.read_text(encoding='utf-8')
    assert content.count(before) == 1, f'{path} does not contain once:\n{before}'
    path.write_text(content.replace(before, after), encoding='utf-8')


def follow(step: Step, repository: Path) -> str:
    """Do what a step says; return what it printed."""
    if step.kind == 'bash':
        command = [sys.executable if word == 'python' else word for word in shlex.split(step.text)]
        return run(*command, folder=repository, PYTHONPATH=str(repository))
    if step.kind == 'python' and step.path is None:
        command = [sys.executable, '-c', step.text]
        return run(*command, folder=repository, PYTHONPATH=str(repository))
    assert step.path is not None, f'which file? {step.words}'
    path = repository / step.path
    if step.kind == 'diff':
        apply_diff(path, step.text)
    elif 'at the end of' in step.words:
        path.write_text(path.read_text(encoding='utf-8') + step.text, encoding='utf-8')
    else:
        assert not path.exists(), f'{path} is there already'
        path.write_text(step.text, encoding='utf-8')
    return ''


@pytest.fixture(scope='module')
def printed(tmp_path_factory) -> dict[str, str]:
    """What each command of the page printed, by its text, all steps taken in order."""
    repository = copy_source(tmp_path_factory.mktemp('copy') / 'repository')
    shutil.copytree(
        ROOT / 'test', repository / 'test', ignore=shutil.ignore_patterns('__pycache__')
    )
    return {step.text: follow(step, repository) for step in steps()}


def output_of(printed: dict[str, str], words: str) -> str:
    (output,) = (output for text, output in printed.items() if words in text)
    return output


def test_the_page_has_steps_of_all_kinds():
    assert [step.kind for step in steps()] == [
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


@pytest.mark.slow
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
