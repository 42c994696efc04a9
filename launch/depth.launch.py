"""Start depth_node: ros2 launch mono_depth_ros depth.launch.py image:=/camera/image_raw."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, List  # noqa: UP035 (launch compares with List)

import yaml
from ament_index_python.packages import get_package_prefix
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction, SetEnvironmentVariable
from launch_ros.actions import LifecycleNode, Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.utilities import prefix_namespace

PACKAGE = 'mono_depth_ros'
CONFIG = Path(__file__).parents[1] / 'config'
PROFILE_VARIABLES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')
# Later distributions warn about the second variable, earlier ones know no other.
FASTRTPS_DISTRIBUTIONS = ('', 'humble', 'iron', 'jazzy')

# Empty means: not given, so that params_file and then the node's own default decide. Every
# parameter of config/depth.yaml is an argument as well, see parameter_arguments.
ARGUMENTS = [
    DeclareLaunchArgument(
        'namespace',
        default_value='',
        description='Namespace of the node and of every topic it publishes, such as front.',
    ),
    DeclareLaunchArgument(
        'image',
        default_value='',
        description='Image topic to read, such as /camera/image_raw (with '
        'image_transport:=compressed too: without /compressed). Empty: image in the namespace. '
        'With cameras: one topic per camera, separated by commas, in the same order.',
    ),
    DeclareLaunchArgument(
        'camera_info',
        default_value='',
        description='CameraInfo topic to read. Empty: camera_info beside the image topic. '
        'With cameras: one per camera, separated by commas.',
    ),
    DeclareLaunchArgument(
        'cameras',
        default_value='',
        description='Names of several cameras, separated by commas, such as front,rear: '
        'the prefixes of their topics. Empty: one unnamed camera.',
    ),
    DeclareLaunchArgument(
        'depth_scale',
        default_value='',
        description="Metres per unit of the network's depth, measured for this camera.",
    ),
    DeclareLaunchArgument(
        'params_file',
        default_value=str(CONFIG / 'depth.yaml'),
        description='YAML file with parameters of the node; arguments given here win over it.',
    ),
    DeclareLaunchArgument(
        'use_sim_time',
        default_value='',
        choices=['', 'true', 'false'],
        description='Take time from /clock, as simulators and bag players publish it',
    ),
    DeclareLaunchArgument(
        'log_level',
        default_value='',
        choices=['', 'debug', 'info', 'warn', 'error', 'fatal'],
        description='Least severity that the node logs',
    ),
    DeclareLaunchArgument(
        'rviz',
        default_value='false',
        choices=['true', 'false'],
        description='Start RViz with the image, its depth and the point cloud',
    ),
    DeclareLaunchArgument(
        'rviz_frame',
        default_value='',
        description="Fixed frame of RViz: the frame_id of the camera's images, or any frame that "
        'TF connects with it. Empty: camera_optical_frame.',
    ),
    DeclareLaunchArgument(
        'fastdds_profile',
        default_value='auto',
        description='Shared-memory transport for camera-sized messages. auto: the profile of '
        'this package where Fast DDS is the middleware and no profile is set; off; or a file.',
    ),
]


# What arguments were once called, as in mono_depth_ros/deprecation.py: taken for one more release.
OLD_NAMES = {'fit': 'resize_mode'}


def documented_parameters() -> dict[str, tuple[Any, str]]:
    """Read the default and the comment of every parameter from the generated depth.yaml.

    Launch may run in an interpreter that cannot import the package: the node's is in a venv.
    """
    text = (CONFIG / 'depth.yaml').read_text(encoding='utf-8')
    defaults = yaml.safe_load(text)['/**']['ros__parameters']
    comments = re.findall(r'((?:^    # .*\n)+)^    (\w+):', text, re.MULTILINE)
    return {
        name: (
            defaults[name],
            ' '.join(re.sub('^ *# ?', '', line) for line in comment.splitlines()),
        )
        for comment, name in comments
    }


def parameter_arguments() -> list[DeclareLaunchArgument]:
    declared = {argument.name for argument in ARGUMENTS}
    arguments = []
    for name, (default, comment) in documented_parameters().items():
        if name in declared:
            continue
        listed = re.search(r'One of: ([\w, ]+)\.', comment)
        choices = listed[1].split(', ') if listed else []
        if isinstance(default, bool):
            choices = ['true', 'false']
        arguments.append(
            DeclareLaunchArgument(
                name,
                default_value='',
                description=comment,
                choices=['', *choices] if choices else None,
            )
        )
    return arguments


def old_arguments() -> list[DeclareLaunchArgument]:
    return [
        DeclareLaunchArgument(old, default_value='', description=renamed(old, new))
        for old, new in OLD_NAMES.items()
    ]


def renamed(old: str, new: str) -> str:
    return f'{old} is called {new} now; the next release knows the new name alone.'


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            *ARGUMENTS,
            *parameter_arguments(),
            *old_arguments(),
            OpaqueFunction(function=pass_on_old_names),
            OpaqueFunction(function=set_transport),
            OpaqueFunction(function=start_node),
            OpaqueFunction(function=start_rviz),
        ]
    )


def given(context: LaunchContext, name: str) -> str:
    return context.launch_configurations[name].strip()


def pass_on_old_names(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    used = {old: new for old, new in OLD_NAMES.items() if given(context, old)}
    for old, new in used.items():
        context.launch_configurations[new] = given(context, new) or given(context, old)
    return [LogInfo(msg=f'[WARNING] {renamed(old, new)}') for old, new in used.items()]


def set_transport(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    choice = given(context, 'fastdds_profile')
    if choice == 'off':
        return []
    middleware = context.environment.get('RMW_IMPLEMENTATION', '')
    fast_dds = not middleware or middleware.startswith('rmw_fastrtps')
    already = [name for name in PROFILE_VARIABLES if context.environment.get(name)]
    if choice == 'auto':
        return (
            [] if already or not fast_dds else profile_variables(context, CONFIG / 'fastdds.xml')
        )
    if not Path(choice).is_file():
        raise RuntimeError(
            f"fastdds_profile '{choice}' is not a file: give auto, off or the path "
            'of a Fast DDS profile.'
        )
    if not fast_dds:
        raise RuntimeError(
            f"fastdds_profile '{choice}' has no effect on RMW_IMPLEMENTATION="
            f'{middleware}: give auto or off, or unset RMW_IMPLEMENTATION.'
        )
    if already:
        raise RuntimeError(
            f"fastdds_profile '{choice}' contradicts {already[0]}="
            f'{context.environment[already[0]]}: unset {already[0]}, or give auto.'
        )
    return profile_variables(context, Path(choice).resolve())


def profile_variables(context: LaunchContext, profile: Path) -> list[LaunchDescriptionEntity]:
    legacy = context.environment.get('ROS_DISTRO', '') in FASTRTPS_DISTRIBUTIONS
    names = PROFILE_VARIABLES if legacy else PROFILE_VARIABLES[:1]
    return [
        LogInfo(
            msg=f'Fast DDS profile {profile}: the camera driver needs it too, '
            f'export {names[-1]}={profile}'
        ),
        *(SetEnvironmentVariable(name, str(profile)) for name in names),
    ]


def start_node(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    check_installed(context)
    params_file = Path(given(context, 'params_file'))
    if not params_file.is_file():
        raise RuntimeError(
            f"params_file '{params_file}' is not a file: give the path of a YAML "
            f'file; {CONFIG / "depth.yaml"} shows every parameter.'
        )
    return [
        LifecycleNode(
            package=PACKAGE,
            executable='depth_node',
            name='depth_node',
            namespace=given(context, 'namespace'),
            parameters=[params_file, given_parameters(context)],
            remappings=remappings(context),
            ros_arguments=log_level(context),
            output='screen',
            emulate_tty=True,
        )
    ]


def log_level(context: LaunchContext) -> list[str] | None:
    if not given(context, 'log_level'):
        return None
    base = context.launch_configurations.get('ros_namespace')
    namespace = prefix_namespace(base, given(context, 'namespace')) or ''
    # The node's logger alone: the middleware's debug messages would bury the node's.
    logger = f'{namespace}/depth_node'.lstrip('/').replace('/', '.')
    return ['--log-level', f'{logger}:={given(context, "log_level")}']


def check_installed(context: LaunchContext) -> None:
    try:
        get_package_prefix(PACKAGE)
    except (LookupError, OSError) as error:
        prefixes = context.environment.get('AMENT_PREFIX_PATH', '')
        raise RuntimeError(
            f"{PACKAGE} is not on AMENT_PREFIX_PATH='{prefixes}': "
            'source install/setup.bash after colcon build; after pip install . in a virtual '
            'environment: export AMENT_PREFIX_PATH=$VIRTUAL_ENV:$AMENT_PREFIX_PATH'
        ) from error


def given_parameters(context: LaunchContext) -> dict[str, ParameterValue]:
    parameters = {}
    defaults = {name: default for name, (default, _) in documented_parameters().items()}
    for name, default in (defaults | {'use_sim_time': False}).items():
        text = given(context, name)
        if text and name not in ('cameras', 'depth_scale'):
            parameters[name] = ParameterValue(
                converted(name, text, type(default)), value_type=type(default)
            )
    if given(context, 'depth_scale'):
        parameters['depth_scale'] = ParameterValue(depth_scale(context), value_type=float)
    if cameras(context):
        parameters['cameras'] = ParameterValue(cameras(context), value_type=List[str])  # noqa: UP006
    return parameters


def converted(name: str, text: str, kind: type) -> bool | int | float | str:
    """Convert by the parameter's type, so that max_depth:=80 is the number 80.0."""
    if kind is bool:
        return text == 'true'
    try:
        return kind(text)
    except ValueError as error:
        expected = 'a whole number' if kind is int else 'a number'
        raise RuntimeError(f"{name} '{text}' is not {expected}.") from error


def depth_scale(context: LaunchContext) -> float:
    text = given(context, 'depth_scale')
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0.0 < scale < float('inf'):
        raise RuntimeError(
            f"depth_scale '{text}' is not a positive number of metres per unit: "
            'write for example depth_scale:=5.4, or leave it out.'
        )
    return scale


def cameras(context: LaunchContext) -> list[str]:
    return split(given(context, 'cameras'))


def split(text: str) -> list[str]:
    return [part.strip() for part in text.split(',')] if text else []


def remappings(context: LaunchContext) -> list[tuple[str, str]]:
    names = cameras(context)
    rules = []
    for argument in ('image', 'camera_info'):
        topics = split(given(context, argument))
        sources = [f'{name}/{argument}' for name in names] or [argument]
        if topics and len(topics) != len(sources):
            raise RuntimeError(
                f"{argument} '{given(context, argument)}' names {len(topics)} topics for "
                f'{len(sources)} cameras: give one per camera, in the order of '
                f'cameras:={",".join(names) or "front,rear"}.'
            )
        rules += list(zip(sources, topics))
    for _, topic in rules:
        if topic.endswith('/compressed'):
            base = topic.removesuffix('/compressed')
            raise RuntimeError(
                f"image '{topic}' ends in /compressed: write image:={base} "
                'image_transport:=compressed instead.'
            )
    return rules


def start_rviz(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    if given(context, 'rviz') == 'false':
        return []
    frame = given(context, 'rviz_frame')
    return [
        Node(
            package='rviz2',
            executable='rviz2',
            name='depth_rviz',
            namespace=given(context, 'namespace'),
            arguments=['-d', str(CONFIG / 'depth.rviz'), *(['-f', frame] if frame else [])],
            parameters=[{'use_sim_time': given(context, 'use_sim_time') == 'true'}],
            remappings=remappings(context),
            output='screen',
        )
    ]
