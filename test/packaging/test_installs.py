"""The package installs three ways, and in each the node finds its cards and its defaults."""

import shutil
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest
from installation import (
    ROOT,
    copy_source,
    create_environment,
    install_copy,
    pip_install,
    run,
)

pytestmark = pytest.mark.slow

PACKAGE = 'mono_depth_ros'
KINDS = {'.py', '.yaml', '.jpg', '.html', '.css'}
EXECUTABLES = [
    'bag_to_kitti',
    'compare_networks',
    'depth_node',
    'evaluate_bag',
    'evaluate_depth',
    'find_poses',
    'import_checkpoint',
    'kitti_to_bag',
    'predict_bag',
    'predict_depth',
    'prepare_split',
    'replay_bag',
    'replay_evaluator',
    'train_depth',
]
LOOK = """
import mono_depth_ros
from mono_depth_ros.inference.cards.model_card import list_cards, models_folder
print(mono_depth_ros.__file__, models_folder(), *list_cards(), sep='\\n')
"""


@pytest.fixture(scope='module')
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prefix of an environment after `pip install .`."""
    return install_copy(tmp_path_factory.mktemp('pip'))


@pytest.fixture(scope='module')
def editable(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Prefix of an environment and source after `pip install -e .`."""
    folder = tmp_path_factory.mktemp('editable')
    prefix, source = create_environment(folder / 'environment'), copy_source(folder / 'source')
    pip_install(prefix, '--editable', str(source))
    return prefix, source


@pytest.fixture(scope='module')
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Workspace after `colcon build`."""
    return colcon_build(tmp_path_factory.mktemp('colcon'))


def colcon_build(workspace: Path, *arguments: str) -> Path:
    if find_spec('colcon_core') is None:
        pytest.skip('colcon is not installed: pip install colcon-common-extensions')
    if ' ' in sys.executable:
        pytest.skip("colcon's setup files do not quote an interpreter in a folder with a space")
    copy_source(workspace / 'src' / PACKAGE)
    run(sys.executable, '-m', 'colcon', 'build', *arguments, folder=workspace)
    return workspace


def expected_cards() -> list[str]:
    return sorted(path.stem for path in (ROOT / 'models').glob('*.yaml'))


def look(python: Path, folder: Path) -> tuple[Path, Path, list[str]]:
    """Ask an installation for its package, its models and its cards, away from the source."""
    lines = run(str(python), '-c', LOOK, folder=folder, PYTHONPATH='').splitlines()
    return Path(lines[0]), Path(lines[1]), lines[2:]


def test_pip_install_brings_package_cards_and_weights(installed, tmp_path):
    package, models, cards = look(installed / 'bin' / 'python', tmp_path)

    assert installed in package.parents and installed in models.parents
    assert sorted(cards) == expected_cards()
    assert {path.name for path in models.iterdir()} == {
        path.name for path in (ROOT / 'models').iterdir()
    }


def test_pip_install_puts_configs_and_launch_files_into_share(installed):
    share = installed / 'share' / PACKAGE

    for folder in ('config', 'config/train', 'launch'):
        expected = {path.name for path in (ROOT / folder).iterdir() if path.is_file()}
        assert {path.name for path in (share / folder).iterdir() if path.is_file()} == expected
    assert (share / 'package.xml').is_file()
    assert (installed / 'share/ament_index/resource_index/packages' / PACKAGE).is_file()


@pytest.mark.parametrize('executable', EXECUTABLES)
def test_launch_finds_the_executables_after_pip_install(installed, executable):
    found = shutil.which(executable, path=str(installed / 'lib' / PACKAGE))

    assert found, f'lib/{PACKAGE} has no executable {executable}'
    assert f'mono_depth_ros.cli.{executable}' in (installed / 'bin' / executable).read_text()
    assert f'bin/{executable}' in Path(found).read_text()


@pytest.mark.parametrize('executable', ['evaluate_depth', 'replay_bag'])
def test_installed_executable_runs_from_where_launch_finds_it(installed, executable, tmp_path):
    help_text = run(str(installed / 'lib' / PACKAGE / executable), '--help', folder=tmp_path)

    assert f'usage: {executable}' in help_text


def test_editable_install_reads_cards_and_configs_of_the_source(editable, tmp_path):
    prefix, source = editable

    package, models, cards = look(prefix / 'bin' / 'python', tmp_path)

    assert source in package.parents and models == source / 'models'
    assert sorted(cards) == expected_cards()
    assert all((prefix / 'bin' / executable).is_file() for executable in EXECUTABLES)


def test_pip_install_brings_every_module_and_data_file(installed):
    (package,) = installed.glob(f'lib/python*/site-packages/{PACKAGE}')

    def contents(folder):
        files = (path for path in folder.rglob('*') if path.suffix in KINDS)
        return {path.relative_to(folder): path.read_bytes() for path in files}

    expected = contents(ROOT / PACKAGE)
    assert {path.suffix for path in expected} == KINDS
    assert Path('evaluation/protocol/published.yaml') in expected
    assert contents(package) == expected


def test_colcon_build_finds_cards_in_its_own_share(built, tmp_path):
    lines = in_workspace(built, tmp_path, f'{sys.executable} -c "$LOOK"', LOOK=LOOK).splitlines()

    assert Path(lines[0]).is_relative_to(built / 'install')
    assert Path(lines[1]) == built / 'install' / PACKAGE / 'share' / PACKAGE / 'models'
    assert sorted(lines[2:]) == expected_cards()


def test_colcon_build_puts_executables_of_this_interpreter_where_launch_looks(built):
    scripts = built / 'install' / PACKAGE / 'lib' / PACKAGE

    assert sorted(path.name for path in scripts.iterdir()) == EXECUTABLES
    for script in scripts.iterdir():
        assert script.read_text().splitlines()[0] == f'#!{sys.executable}'


def test_colcon_workspace_is_on_the_ament_path_once_it_is_sourced(built, tmp_path):
    prefix = in_workspace(built, tmp_path, 'echo $AMENT_PREFIX_PATH').strip().split(':')[0]

    assert Path(prefix) == built / 'install' / PACKAGE


@pytest.mark.skipif(
    int(version('setuptools').split('.')[0]) >= 80,
    reason='colcon build --symlink-install needs setuptools < 80',
)
def test_colcon_symlink_install_reads_cards_and_launch_files_of_the_source(tmp_path):
    workspace = colcon_build(tmp_path, '--symlink-install')

    lines = in_workspace(workspace, tmp_path, f'{sys.executable} -c "$LOOK"', LOOK=LOOK)

    source = workspace / 'src' / PACKAGE
    assert Path(lines.splitlines()[1]) == source / 'models'
    share = workspace / 'install' / PACKAGE / 'share' / PACKAGE
    launch_file = share / 'launch' / 'depth.launch.py'
    assert launch_file.resolve() == source / 'launch' / 'depth.launch.py'


def in_workspace(workspace: Path, folder: Path, command: str, **environment: str) -> str:
    return run(
        'bash',
        '-c',
        f'. {workspace}/install/setup.bash && {command}',
        folder=folder,
        PYTHONPATH='',
        **environment,
    )


def test_package_and_setup_agree_on_version_and_name():
    name_and_version = subprocess.run(
        [sys.executable, 'setup.py', '--quiet', '--name', '--version'],
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=True,
    ).stdout.split()
    package = (ROOT / 'package.xml').read_text(encoding='utf-8')

    assert name_and_version[0].replace('-', '_') == PACKAGE
    assert f'<name>{PACKAGE}</name>' in package
    assert f'<version>{name_and_version[1]}</version>' in package
