"""depth.launch.py takes every argument, refuses wrong ones by name and starts the real node."""

import runpy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip(
    'launch_ros', reason='launch and launch_ros come with a ROS distribution, they are not on PyPI'
)

from domains import next_domain
from launch import LaunchContext
from launch.actions import LogInfo, SetEnvironmentVariable
from launch.utilities import perform_substitutions
from launch_ros.actions import LifecycleNode, Node
from launching import LaunchProcess, describe, started, visit, words
from lifecycle_msgs.srv import GetState
from rcl_interfaces.srv import GetParameters
from ros_harness import Probe

from mono_depth_ros.deprecation import PARAMETERS
from mono_depth_ros.ros.node.parameters import SPECS

SOURCE = Path(__file__).parents[2] / 'launch'
BOTH = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')

Start = Callable[..., tuple[Probe, LaunchProcess]]


@pytest.fixture
def start(launch_files: Path, tmp_path: Path) -> Iterator[Start]:
    """Start depth.launch.py: start('model:=untrained') -> (probe, process)."""
    started: list[tuple[Probe, LaunchProcess]] = []

    def run(*arguments: str) -> tuple[Probe, LaunchProcess]:
        domain = next_domain()
        process = LaunchProcess(
            launch_files / 'depth.launch.py',
            tmp_path / 'launch.log',
            *arguments,
            ROS_DOMAIN_ID=str(domain),
        )
        started.append((Probe(domain), process))
        return started[-1]

    yield run
    for probe, process in started:
        probe.close()
        process.stop()


def wait_for_state(probe: Probe, node: str, state: str) -> None:
    def reached() -> bool:
        answer = probe.call(GetState, f'{node}/get_state', GetState.Request())
        return bool(answer.current_state.label == state)

    probe.spin_until(reached, f'{node} to be {state}')


def profile_variables(entities: list[object]) -> dict[str, str]:
    context = LaunchContext()
    return {
        perform_substitutions(context, entity.name): perform_substitutions(context, entity.value)
        for entity in entities
        if isinstance(entity, SetEnvironmentVariable)
    }


@pytest.mark.parametrize('name', ['depth.launch.py', 'replay.launch.py'])
def test_every_argument_is_described(name):
    arguments = describe(SOURCE / name).get_launch_arguments()

    assert arguments
    assert all(len(argument.description) > 20 for argument in arguments)
    assert not [
        argument.name for argument in arguments if argument.description == 'no description given'
    ]


@pytest.mark.parametrize('name', SPECS)
def test_every_parameter_is_an_argument_with_its_choices(name):
    (argument,) = (
        argument
        for argument in describe(SOURCE / 'depth.launch.py').get_launch_arguments()
        if argument.name == name
    )
    choices = SPECS[name].metadata['choices']
    if isinstance(SPECS[name].default, bool):
        choices = ('true', 'false')

    assert tuple(argument.choices or ()) == (('', *choices) if choices else ())


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'input': 'rect'}, r"\"input\" provided value \"rect\" is not valid.*'raw', 'rectified'"),
        ({'image_transport': 'png'}, "Valid options are: .*'raw', 'compressed'"),
        ({'use_sim_time': 'maybe'}, "Valid options are: .*'true', 'false'"),
        ({'log_level': 'loud'}, "Valid options are: .*'debug', 'info'"),
        ({'depth_scale': 'abc'}, "depth_scale 'abc' is not a positive number.*depth_scale:=5.4"),
        ({'max_depth': 'far'}, "max_depth 'far' is not a number"),
        ({'cloud_stride': '2.5'}, "cloud_stride '2.5' is not a whole number"),
        ({'colormap': 'rainbow'}, "Valid options are: .*'turbo', 'magma'"),
        ({'depth_scale': '-1'}, "depth_scale '-1' is not a positive number"),
        ({'depth_scale': 'nan'}, "depth_scale 'nan' is not a positive number"),
        (
            {'params_file': '/no.yaml'},
            "params_file '/no.yaml' is not a file.*depth.yaml shows every",
        ),
        ({'image': '/a/compressed'}, 'write image:=/a image_transport:=compressed'),
        ({'cameras': 'front,rear', 'image': '/a'}, "image '/a' names 1 topics for 2 cameras"),
        ({'camera_info': '/a,/b'}, "camera_info '/a,/b' names 2 topics for 1 cameras"),
        (
            {'fastdds_profile': 'on'},
            "fastdds_profile 'on' is not a file: give auto, off or the path",
        ),
    ],
)
def test_wrong_arguments_are_refused_and_the_right_ones_named(launch_files, arguments, message):
    with pytest.raises(RuntimeError, match=message):
        visit(launch_files / 'depth.launch.py', **arguments)


@pytest.mark.parametrize(
    ('arguments', 'mode'),
    [
        ({'fit': 'stretch'}, 'stretch'),
        ({'fit': 'stretch', 'resize_mode': 'keep_aspect'}, 'keep_aspect'),
    ],
)
def test_an_old_name_is_taken_with_a_warning(launch_files, arguments, mode):
    context = LaunchContext()
    context.launch_configurations.update(arguments)

    entities = started(describe(launch_files / 'depth.launch.py').entities, context)

    said = [
        perform_substitutions(context, entity.msg)
        for entity in entities
        if isinstance(entity, LogInfo)
    ]
    assert context.launch_configurations['resize_mode'] == mode
    assert any('fit is called resize_mode now' in text for text in said)


def test_the_old_names_are_those_that_the_node_takes(launch_files):
    assert runpy.run_path(str(launch_files / 'depth.launch.py'))['OLD_NAMES'] == PARAMETERS


def test_package_that_is_not_sourced_is_named_with_the_cure(launch_files, monkeypatch):
    monkeypatch.setenv('AMENT_PREFIX_PATH', '/opt/nowhere')

    with pytest.raises(RuntimeError, match='export AMENT_PREFIX_PATH=\\$VIRTUAL_ENV'):
        visit(launch_files / 'depth.launch.py')


@pytest.mark.parametrize(
    ('environment', 'argument', 'names'),
    [
        ({}, 'auto', BOTH),
        ({'ROS_DISTRO': 'jazzy'}, 'auto', BOTH),
        ({'ROS_DISTRO': 'kilted'}, 'auto', BOTH[:1]),
        ({'RMW_IMPLEMENTATION': 'rmw_fastrtps_cpp'}, 'auto', BOTH),
        ({'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp'}, 'auto', ()),
        ({'FASTRTPS_DEFAULT_PROFILES_FILE': '/mine.xml'}, 'auto', ()),
        ({}, 'off', ()),
    ],
)
def test_profile_is_set_for_fast_dds_where_the_user_has_none(
    launch_files, monkeypatch, environment, argument, names
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    entities = visit(launch_files / 'depth.launch.py', fastdds_profile=argument)

    profile = str(launch_files.parent / 'config' / 'fastdds.xml')
    assert profile_variables(entities) == dict.fromkeys(names, profile)


@pytest.mark.parametrize(
    ('name', 'value', 'message'),
    [
        (
            'RMW_IMPLEMENTATION',
            'rmw_zenoh_cpp',
            'has no effect on RMW_IMPLEMENTATION=rmw_zenoh_cpp',
        ),
        (
            'FASTDDS_DEFAULT_PROFILES_FILE',
            '/a.xml',
            'contradicts FASTDDS_DEFAULT_PROFILES_FILE=/a.x',
        ),
    ],
)
def test_profile_that_cannot_take_effect_is_refused(
    launch_files, monkeypatch, tmp_path, name, value, message
):
    monkeypatch.setenv(name, value)
    profile = tmp_path / 'profile.xml'
    profile.touch()

    with pytest.raises(RuntimeError, match=message):
        visit(launch_files / 'depth.launch.py', fastdds_profile=str(profile))


def test_rviz_gets_our_layout_and_the_frame_of_the_camera(launch_files):
    entities = visit(launch_files / 'depth.launch.py', rviz='true', rviz_frame='front_optical')

    (rviz,) = (
        entity
        for entity in entities
        if isinstance(entity, Node) and not isinstance(entity, LifecycleNode)
    )
    layout = launch_files.parent / 'config' / 'depth.rviz'
    assert words(rviz)[:4] == ['-d', str(layout), '-f', 'front_optical']


@pytest.mark.parametrize(
    ('namespace', 'logger'),
    [
        ('', 'depth_node'),
        ('front', 'front.depth_node'),
        ('/robot/front', 'robot.front.depth_node'),
    ],
)
def test_log_level_is_that_of_the_node_alone(launch_files, namespace, logger):
    (node,) = (
        entity
        for entity in visit(
            launch_files / 'depth.launch.py', log_level='debug', namespace=namespace
        )
        if isinstance(entity, LifecycleNode)
    )

    given = words(node)
    assert given[given.index('--log-level') + 1] == f'{logger}:=debug'


def test_node_becomes_active_with_what_was_given_over_the_parameter_file(start, tmp_path):
    params_file = tmp_path / 'mine.yaml'
    params_file.write_text('/**: {ros__parameters: {max_depth: 50.0, depth_scale: 3.0}}')
    probe, process = start(
        'namespace:=front',
        'model:=untrained',
        'depth_scale:=5',
        'image:=/camera/image_raw',
        'use_sim_time:=true',
        'log_level:=debug',
        f'params_file:={params_file}',
    )

    wait_for_state(probe, '/front/depth_node', 'active')

    names = ['model', 'depth_scale', 'max_depth', 'use_sim_time']
    values = probe.call(
        GetParameters, '/front/depth_node/get_parameters', GetParameters.Request(names=names)
    ).values
    assert values[0].string_value == 'untrained'
    assert (values[1].double_value, values[2].double_value) == (5.0, 50.0)
    assert values[3].bool_value
    for topic in ('/camera/image_raw', '/camera/camera_info'):
        assert probe.node.count_subscribers(topic) == 1, topic
    assert probe.node.count_publishers('/front/depth/image_rect') == 1
    assert 'Fast DDS profile' in process.log()
    assert process.stop() == 0
    assert 'process has finished cleanly' in process.log()


def test_node_waits_for_a_manager_without_autostart_and_knows_its_cameras(start):
    probe, process = start('autostart:=false', 'cameras:=front,rear')

    wait_for_state(probe, '/depth_node', 'unconfigured')

    cameras = probe.call(
        GetParameters, '/depth_node/get_parameters', GetParameters.Request(names=['cameras'])
    ).values[0]
    assert cameras.string_array_value == ['front', 'rear']
    assert process.stop() == 0
