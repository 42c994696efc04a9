"""Hold the arrows of docs/architecture.md: who may import whom."""

import ast
from collections.abc import Iterator
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / 'mono_depth_ros'
COMMON = {
    'arguments',
    'deprecation',
    'machine',
    'resources',
    'stamps',
    'suggest',
    'types',
}
MAY_IMPORT = {
    'networks': set(),
    'geometry': set(),
    'messages': set(),
    'outputs': {'geometry', 'messages'},
    'bags': {'geometry', 'messages'},
    'visualization': {'messages'},
    'inference': {'networks', 'geometry', 'messages', 'outputs'},
    'datasets': {'bags', 'geometry', 'messages'},
    'prediction': {
        'inference',
        'outputs',
        'datasets',
        'bags',
        'messages',
        'geometry',
        'visualization',
    },
    'evaluation': {
        'inference',
        'networks',
        'datasets',
        'bags',
        'outputs',
        'geometry',
        'messages',
        'visualization',
    },
    'training': {
        'networks',
        'geometry',
        'outputs',
        'datasets',
        'evaluation',
        'inference',
        'visualization',
    },
    'ros': {'inference', 'outputs', 'geometry', 'messages', 'bags', 'evaluation'},
    'arguments': set(),
    'deprecation': set(),
    'machine': set(),
    'resources': set(),
    'stamps': set(),
    'suggest': set(),
    'types': set(),
}
EVERYTHING = {*MAY_IMPORT, 'demo'}
MAY_IMPORT |= {'demo': set(MAY_IMPORT), 'cli': EVERYTHING}
# Inside a package: what each of its sub-packages may import of its siblings, folders and files.
SIBLINGS = {
    'networks': {'layers': set()},
    'inference': {
        'cards': {'preprocessing'},
        'importers': {'cards'},
        'backends': {'preprocessing', 'engine_options'},
    },
    'datasets': {
        'kitti': {
            'sample',
            'splits',
            'file_kinds',
            'image_files',
            'stereo_hints',
            'visual_odometry',
        },
        'bag': {'sample', 'splits', 'static_frames', 'motion_limit'},
        'street': {'sample', 'stereo_hints'},
    },
    'evaluation': {
        'protocol': {'metrics', 'frame_metrics', 'lidar', 'cost'},
        'robot': {'frame_metrics', 'lidar'},
        'report': {'protocol'},
    },
    'training': {
        'config': set(),
        'data': {'config'},
        'losses': {'config', 'data'},
        'callbacks': {'config', 'losses'},
    },
    'ros': {
        'node': {'conversions'},
        'replay': {'conversions'},
        'evaluator': {'conversions', 'node', 'replay'},
    },
}
ROS_LAYERS = {'ros', 'demo', 'cli'}
ROS_PACKAGES = {'rclpy', 'cv_bridge', 'ament_index_python', 'builtin_interfaces'}


@lru_cache(None)
def imports_of(path: Path) -> frozenset[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}: relative import'
            modules |= {f'{node.module}.{alias.name}' for alias in node.names}
    return frozenset(modules)


def our_imports_of(path: Path) -> Iterator[tuple[str, ...]]:
    """Yield what a module imports of ours: the parts of the names behind the package's own."""
    for name in imports_of(path):
        if name.startswith('mono_depth_ros.'):
            yield tuple(name.split('.')[1:])


def ros_packages_of(path: Path) -> set[str]:
    roots = {name.split('.')[0] for name in imports_of(path)}
    return {root for root in roots if root in ROS_PACKAGES or root.endswith('_msgs')}


def parts_of(path: Path) -> tuple[str, ...]:
    return path.relative_to(PACKAGE).with_suffix('').parts


def id_of(path: Path) -> str:
    return '/'.join(parts_of(path))


SOURCES = [
    path for path in sorted(PACKAGE.rglob('*.py')) if path.parent != PACKAGE or path.stem in COMMON
]
PACKAGES = sorted({path.parent for path in SOURCES if path.parent != PACKAGE})


@pytest.mark.parametrize('path', SOURCES, ids=id_of)
def test_a_module_imports_only_what_its_layer_may(path: Path):
    layer = parts_of(path)[0]
    ours = {name[0] for name in our_imports_of(path)}

    allowed = MAY_IMPORT[layer] | {layer} | COMMON

    assert ours <= allowed, f'{layer} may not import {sorted(ours - allowed)}'


@pytest.mark.parametrize('path', [path for path in SOURCES if len(parts_of(path)) > 2], ids=id_of)
def test_a_module_imports_only_the_siblings_that_its_sub_package_may(path: Path):
    layer, room = parts_of(path)[:2]
    siblings = {name[1] for name in our_imports_of(path) if name[0] == layer}

    allowed = SIBLINGS[layer][room] | {room}

    assert siblings <= allowed, f'{layer}/{room} may not import {sorted(siblings - allowed)}'


@pytest.mark.parametrize('folder', PACKAGES, ids=id_of)
def test_no_imports_within_a_package_go_in_circles(folder: Path):
    depth = len(parts_of(folder))
    arrows: dict[str, set[str]] = {}
    for path in folder.rglob('*.py'):
        child = parts_of(path)[depth]
        arrows.setdefault(child, set()).update(
            name[depth]
            for name in our_imports_of(path)
            if name[:depth] == parts_of(folder) and len(name) > depth and name[depth] != child
        )

    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        pytest.fail(f'{" -> ".join(error.args[1])} import each other')


@pytest.mark.parametrize('path', SOURCES, ids=id_of)
def test_only_ros_demo_and_cli_know_ros(path: Path):
    assert not ros_packages_of(path) or parts_of(path)[0] in ROS_LAYERS


def files_behind(path: Path) -> set[Path]:
    """Return a module of ours and every other one that its import brings."""
    found, waiting = set(), [path]
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        for parts in our_imports_of(module):
            places = [PACKAGE.joinpath(*parts[:n]) for n in range(1, len(parts) + 1)]
            files = [place.with_suffix('.py') for place in places]
            files += [place / '__init__.py' for place in places]
            waiting += [file for file in files if file.is_file()]
    return found


@pytest.mark.parametrize(
    'name', ['bag_to_kitti', 'evaluate_bag', 'kitti_to_bag', 'predict_bag', 'predict_depth']
)
def test_bags_and_files_need_no_ros(name: str):
    files = files_behind(PACKAGE / 'cli' / f'{name}.py')

    assert len(files) > 15
    assert not [file for file in files if ros_packages_of(file)]


def test_every_package_is_a_known_one():
    folders = {id_of(path) for path in PACKAGES}

    assert folders == {*MAY_IMPORT} - COMMON | {
        f'{layer}/{room}' for layer, rooms in SIBLINGS.items() for room in rooms
    }


@pytest.mark.parametrize('folder', PACKAGES, ids=id_of)
def test_a_folder_holds_one_topic(folder: Path):
    assert len(list(folder.glob('*.py'))) <= 20


def functions() -> Iterator[tuple[str, int]]:
    """Yield every function of the package: where it is, and the lines of its body."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.FunctionDef):
                body = [part for part in node.body if not _is_docstring(part)]
                lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
                yield f'{id_of(path)}:{node.lineno} {node.name}', lines


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def test_functions_fit_a_screen():
    lengths = dict(functions())

    assert not [name for name, lines in lengths.items() if lines > 60]
    assert sorted(lengths.values())[len(lengths) // 2] <= 10
