import sys
from pathlib import Path

import pytest

from mono_depth_ros import resources
from mono_depth_ros.resources import share_file

SOURCE_TREE = Path(__file__).parents[1]


def installed_code(monkeypatch: pytest.MonkeyPatch, site_packages: Path) -> None:
    """Pretend that the module lies in an installation, with nothing else around it."""
    monkeypatch.setattr(resources, '__file__', str(site_packages / 'mono_depth_ros/resources.py'))
    monkeypatch.setattr(sys, 'prefix', '/nowhere')
    monkeypatch.delenv('AMENT_PREFIX_PATH', raising=False)


def models_under(prefix: Path) -> Path:
    folder = prefix / 'share' / 'mono_depth_ros' / 'models'
    folder.mkdir(parents=True)
    return folder


def test_the_source_tree_serves_its_own_code():
    assert share_file('models') == SOURCE_TREE / 'models'
    assert share_file('models', 'untrained.yaml').is_file()


@pytest.mark.parametrize(
    'site_packages',
    [
        'lib/python3.12/site-packages',
        'lib/python3/dist-packages',
        'local/lib/python3.10/dist-packages',
    ],
)
def test_an_installation_finds_its_own_prefix(monkeypatch, tmp_path, site_packages):
    installed_code(monkeypatch, tmp_path / site_packages)
    expected = models_under(tmp_path)

    assert share_file('models') == expected


def test_sourced_workspaces_are_searched_in_order(monkeypatch, tmp_path):
    installed_code(monkeypatch, tmp_path / 'code')
    overlay, underlay = (models_under(tmp_path / name) for name in ('overlay', 'underlay'))
    (underlay / 'old.yaml').touch()
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'{tmp_path}/overlay:{tmp_path}/underlay:')

    assert share_file('models') == overlay
    assert share_file('models', 'old.yaml') == underlay / 'old.yaml'


def test_the_environment_of_the_interpreter_is_searched(monkeypatch, tmp_path):
    installed_code(monkeypatch, tmp_path / 'code')
    expected = models_under(tmp_path / 'venv')
    monkeypatch.setattr(sys, 'prefix', str(tmp_path / 'venv'))

    assert share_file('models') == expected


def test_a_folder_of_models_alone_is_no_source_tree(monkeypatch, tmp_path):
    installed_code(monkeypatch, tmp_path / 'lib/python3.12/site-packages')
    (tmp_path / 'lib/python3.12/site-packages/models').mkdir(parents=True)
    expected = models_under(tmp_path)

    assert share_file('models') == expected


def test_a_missing_file_lists_every_place_searched(monkeypatch, tmp_path):
    installed_code(monkeypatch, tmp_path / 'lib/python3.12/site-packages')
    monkeypatch.setenv('AMENT_PREFIX_PATH', '/workspace/install')

    with pytest.raises(FileNotFoundError, match=r"does not find its 'config/depth.yaml'") as error:
        share_file('config', 'depth.yaml')

    for prefix in (str(tmp_path), '/workspace/install', '/nowhere'):
        assert f'{prefix}/share/mono_depth_ros' in str(error.value)
