"""docs/licences.md has every dependency, and agrees with what is installed."""

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# What packages write, in the names of SPDX.
SPELLINGS = {
    r'apache': 'Apache-2.0',
    r'mit-cmu': 'MIT-CMU',
    r'hpnd|historical permission': 'HPND',
    r'\bmit\b(?!-cmu)': 'MIT',
    r'psf|python software foundation': 'PSF-2.0',
    r'mpl-2|mozilla': 'MPL-2.0',
    r'\b3-clause bsd|bsd-3|\bbsd\b(?!-[02])': 'BSD-3-Clause',
}
COPYLEFT = re.compile(r'\b(A|L)?GPL|General Public Licen', re.IGNORECASE)


def requirements(*files: str) -> list[str]:
    lines = [
        line for file in files for line in (ROOT / file).read_text(encoding='utf-8').splitlines()
    ]
    return [re.split(r'[<>=!~\[;]', line)[0] for line in lines if not line.startswith('-r ')]


def table() -> dict[str, set[str]]:
    text = (ROOT / 'docs' / 'licences.md').read_text(encoding='utf-8')
    rows = re.findall(r'^\| (\w[\w-]*) \| ([^|]+) \|', text, re.MULTILINE)
    return {
        name: set(licence.strip().split(' or '))
        for name, licence in rows
        if name not in ('package', '---')
    }


def stated(package: Distribution) -> str:
    """Return what a package's metadata says of its licence; a full text only by its start."""
    data = package.metadata
    classifiers = [line for line in data.get_all('Classifier') or [] if line.startswith('License')]
    return ' '.join(
        [data.get('License-Expression') or '', (data.get('License') or '')[:100], *classifiers]
    )


def known_licences(text: str) -> set[str]:
    return {name for spelling, name in SPELLINGS.items() if re.search(spelling, text.lower())}


def installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def drawn_in(names: list[str]) -> dict[str, Distribution]:
    """Return the installed packages that the names need, directly or not, without extras."""
    found: dict[str, Distribution] = {}
    waiting = list(names)
    while waiting:
        package = installed(waiting.pop())
        if package is None or package.metadata['Name'] in found:
            continue
        found[package.metadata['Name']] = package
        waiting += [
            re.split(r'[^\w.-]', need)[0]
            for need in package.requires or []
            if 'extra ==' not in need
        ]
    return found


def test_every_requirement_has_a_row():
    required = requirements(*(path.name for path in ROOT.glob('requirements*.txt')))

    assert [name for name in required if name not in table()] == []


@pytest.mark.parametrize('name', table())
def test_a_row_says_what_the_installed_package_says(name):
    package = installed(name)
    if package is None:
        pytest.skip(f'{name} is not installed')

    assert table()[name] & known_licences(stated(package)), stated(package)


def test_nothing_that_the_node_needs_is_under_a_copyleft_licence():
    packages = drawn_in(requirements('requirements.txt'))

    assert {'torch', 'numpy', 'sympy'} <= set(packages)
    assert [name for name, package in packages.items() if COPYLEFT.search(stated(package))] == []


@pytest.mark.parametrize(
    ('text', 'names'),
    [
        ('MPL-2.0 AND MIT', {'MPL-2.0', 'MIT'}),
        ('MIT-CMU', {'MIT-CMU'}),
        ('BSD', {'BSD-3-Clause'}),
        ('License :: OSI Approved :: Apache Software License', {'Apache-2.0'}),
        ('BSD-2-Clause', set()),
        ('Proprietary', set()),
    ],
)
def test_spellings_of_licences_are_told_apart(text, names):
    assert known_licences(text) == names
