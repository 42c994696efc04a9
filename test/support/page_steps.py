"""A page of docs/ that is followed word by word on a copy of the repository."""

import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from installation import ROOT, copy_source, run

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


def steps(page: str) -> list[Step]:
    """Return the steps of docs/<page>."""
    return [
        Step(*found) for found in BLOCK.findall((ROOT / 'docs' / page).read_text(encoding='utf-8'))
    ]


def follow_page(page: str, folder: Path) -> dict[str, str]:
    """Take all steps in order; return what each printed, by its text."""
    repository = copy_source(folder / 'repository')
    shutil.copytree(
        ROOT / 'test', repository / 'test', ignore=shutil.ignore_patterns('__pycache__')
    )
    return {step.text: _follow(step, repository) for step in steps(page)}


def output_of(printed: dict[str, str], words: str) -> str:
    """Return what the one step printed whose text has these words."""
    (output,) = (output for text, output in printed.items() if words in text)
    return output


def _follow(step: Step, repository: Path) -> str:
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
        _apply_diff(path, step.text)
    elif 'at the end of' in step.words:
        path.write_text(path.read_text(encoding='utf-8') + step.text, encoding='utf-8')
    else:
        assert not path.exists(), f'{path} is there already'
        path.write_text(step.text, encoding='utf-8')
    return ''


def _apply_diff(path: Path, text: str) -> None:
    """Find the lines without a plus, which must be there once, and put those with one in."""
    before = ''.join(line[1:] for line in text.splitlines(True) if not line.startswith('+'))
    after = ''.join(line[1:] for line in text.splitlines(True))
    content = path.read_text(encoding='utf-8')
    assert content.count(before) == 1, f'{path} does not contain once:\n{before}'
    path.write_text(content.replace(before, after), encoding='utf-8')
