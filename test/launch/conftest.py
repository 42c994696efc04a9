import os
from pathlib import Path

import pytest
from installation import install_copy


@pytest.fixture(scope='session')
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prefix of an environment after `pip install .`, where launch finds the package."""
    return install_copy(tmp_path_factory.mktemp('installed'))


@pytest.fixture
def launch_files(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the installed launch files, in an environment as after sourcing."""
    others = os.environ.get('AMENT_PREFIX_PATH', '')
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'{installed}:{others}'.rstrip(':'))
    for name in (
        'FASTDDS_DEFAULT_PROFILES_FILE',
        'FASTRTPS_DEFAULT_PROFILES_FILE',
        'RMW_IMPLEMENTATION',
        'ROS_DISTRO',
    ):
        monkeypatch.delenv(name, raising=False)
    return installed / 'share' / 'mono_depth_ros' / 'launch'
