"""Hold the arrows of docs/architecture.md: who may import whom."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / 'mono_depth_ros'
COMMON = {'machine', 'resources', 'stamps'}
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
    'stamps': set(),
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


def ros_packages_of(path: Path) -> set[str]:
    roots = {name.split('.')[0] for name in imports_of(path)}
    return {root for root in roots if root in ROS_PACKAGES or root.endswith('_msgs')}


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
    assert not ros_packages_of(path) or layer_of(path) in ROS_LAYERS


def files_behind(path: Path) -> set[Path]:
    """Return a module of ours and every other one that its import brings."""
    found, waiting = set(), [path]
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        for name in imports_of(module):
            parts = name.split('.')[1:] if name.startswith('mono_depth_ros.') else []
            files = (PACKAGE.joinpath(*parts[:n]).with_suffix('.py') for n in (1, 2, 3)
                     if len(parts) >= n)
            waiting += [file for file in files if file.is_file()]
    return found


@pytest.mark.parametrize('name', ['bag_to_kitti', 'evaluate_bag', 'kitti_to_bag', 'predict_bag',
                                  'predict_depth'])
def test_bags_and_files_need_no_ros(name: str):
    files = files_behind(PACKAGE / 'cli' / f'{name}.py')

    assert len(files) > 5
    assert not [file for file in files if ros_packages_of(file)]


def test_every_layer_is_a_known_one():
    layers = {p.name for p in PACKAGE.iterdir() if p.is_dir() and p.name != '__pycache__'}

    assert layers <= set(MAY_IMPORT) | {'cli'}


@pytest.mark.parametrize('path', sorted(PACKAGE.rglob('*.py')),
                         ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_can_be_read_at_a_sitting(path: Path):
    assert len(path.read_text(encoding='utf-8').splitlines()) <= 400
