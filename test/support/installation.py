"""Installations of the package to test: copies of the tree, throw-away virtual environments."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOT_SOURCE = shutil.ignore_patterns('.git', '.venv*', '.*_cache', '__pycache__', '*.egg-info')
# Of the tree's own folder alone: mono_depth_ros/demo is source.
NOT_SOURCE_AT_THE_TOP = {'build', 'install', 'log', 'dist', 'demo', 'evaluation', 'test'}


def executables() -> list[str]:
    """Return the modules of setup.py's executables, and the demo's."""
    tree = ast.parse((ROOT / 'setup.py').read_text(encoding='utf-8'))
    names = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == 'EXECUTABLES'
    )
    return [*(f'mono_depth_ros.cli.{name}' for name in names), 'mono_depth_ros.demo.__main__']


def _not_source(folder: str, names: list[str]) -> set[str]:
    ignored = NOT_SOURCE(folder, names)
    return ignored | (NOT_SOURCE_AT_THE_TOP if Path(folder) == ROOT else set())


def copy_source(folder: Path) -> Path:
    """Copy the tree as it is now, without what was built and without the tests."""
    return Path(shutil.copytree(ROOT, folder, ignore=_not_source))


def create_environment(folder: Path) -> Path:
    """Create a virtual environment that sees the packages of this one, and return its prefix."""
    venv.create(folder, symlinks=True)
    paths = {key: sysconfig.get_path(key) for key in ('purelib', 'platlib')}
    version = f'python{sys.version_info.major}.{sys.version_info.minor}'
    lines = [f'import site; site.addsitedir({path!r})' for path in dict.fromkeys(paths.values())]
    outer = folder / 'lib' / version / 'site-packages' / 'packages_of_the_tests.pth'
    outer.write_text('\n'.join(lines), encoding='utf-8')
    return folder


def pip_install(prefix: Path, *arguments: str) -> None:
    """Install into the environment without touching the network."""
    run(
        sys.executable,
        '-m',
        'pip',
        '--python',
        str(prefix / 'bin' / 'python'),
        'install',
        '--no-deps',
        '--no-build-isolation',
        '--no-index',
        '--disable-pip-version-check',
        *arguments,
    )


def install_copy(folder: Path) -> Path:
    """Take a copy of the tree into a fresh environment by `pip install .`; return its prefix."""
    prefix = create_environment(folder / 'environment')
    pip_install(prefix, str(copy_source(folder / 'source')))
    return prefix


def run(*command: str, folder: Path | None = None, **environment: str) -> str:
    """Run a command and return what it printed; its failure shows all of it."""
    result = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
    )
    assert result.returncode == 0, f'{" ".join(command)} failed:\n{result.stdout}'
    return result.stdout
