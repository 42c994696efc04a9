"""Hold the arrows of docs/architecture.md: who may import whom."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / 'mono_depth_ros'
COMMON = {'machine', 'resources'}
MAY_IMPORT = {
    'networks': set(),
    'geometry': set(),
    'messages': set(),
    'inference': {'networks', 'geometry'},
    'datasets': {'geometry', 'messages'},
    'evaluation': {'inference', 'networks', 'datasets', 'geometry', 'messages'},
    'training': {'networks', 'geometry', 'datasets', 'evaluation', 'inference'},
    'ros': {'inference', 'geometry', 'messages', 'datasets', 'evaluation'},
    'machine': set(),
    'resources': set(),
}
ROS_LAYERS = {'ros', 'cli'}
ROS_PACKAGES = {'rclpy', 'cv_bridge', 'ament_index_python', 'builtin_interfaces'}


def imports_of(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}: relative import'
            modules |= {f'{node.module}.{alias.name}' for alias in node.names}
    return modules


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix('').parts[0]


SOURCES = [path for path in sorted(PACKAGE.rglob('*.py')) if path.parent != PACKAGE or
           path.stem in COMMON]


@pytest.mark.parametrize('path', SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_what_its_layer_may(path: Path):
    layer = layer_of(path)
    ours = {name.split('.')[1] for name in imports_of(path)
            if name.startswith('mono_depth_ros.') and name.count('.') >= 1}

    allowed = set(MAY_IMPORT) | {'cli'} if layer == 'cli' else MAY_IMPORT[layer] | {layer} | COMMON

    assert ours <= allowed, f'{layer} may not import {sorted(ours - allowed)}'


@pytest.mark.parametrize('path', SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_ros_and_cli_know_ros(path: Path):
    roots = {name.split('.')[0] for name in imports_of(path)}

    ros = {root for root in roots if root in ROS_PACKAGES or root.endswith('_msgs')}

    assert not ros or layer_of(path) in ROS_LAYERS


def test_every_layer_is_a_known_one():
    layers = {p.name for p in PACKAGE.iterdir() if p.is_dir() and p.name != '__pycache__'}

    assert layers <= set(MAY_IMPORT) | {'cli'}


@pytest.mark.parametrize('path', sorted(PACKAGE.rglob('*.py')),
                         ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_can_be_read_at_a_sitting(path: Path):
    assert len(path.read_text(encoding='utf-8').splitlines()) <= 400
