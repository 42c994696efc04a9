"""Play a bag into depth_node: ros2 launch mono_depth_ros replay.launch.py bag:=B image:=TOPIC.

With evaluate:=true reference:=/velodyne_points the depth is measured against another sensor.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, List  # noqa: UP035 (launch compares with List)

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    Shutdown,
    TimerAction,
)
from launch.event_handlers import OnProcessExit, OnProcessIO
from launch.events.process import ProcessIO
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

MAX_WAIT = 30.0  # [s] for a node that loads PyTorch and its model from a cold disk
READY = 'ready to compare'  # what replay_evaluator says once it listens
LAST_FRAME = 2.0  # [s] from the end of the bag to the end of everything

# Every argument of depth.launch.py is accepted too.
ARGUMENTS = [
    DeclareLaunchArgument(
        'bag', description='Bag to play: a ROS 1 .bag file, a ROS 2 bag folder, .mcap or .db3.'
    ),
    DeclareLaunchArgument(
        'image',
        description='Image topic in the bag, such as /camera/image_raw (with '
        'image_transport:=compressed too: without /compressed). With cameras: one topic per '
        'camera, separated by commas, in the same order.',
    ),
    DeclareLaunchArgument(
        'topics',
        default_value='',
        description='Further topics to play, separated by commas, such as /tf,/tf_static. '
        f'Playing begins when every topic has a reader, after {MAX_WAIT:g} s at the latest.',
    ),
    DeclareLaunchArgument(
        'rate', default_value='', description='Bag seconds per second, such as 0.5.'
    ),
    DeclareLaunchArgument(
        'loop',
        default_value='false',
        choices=['true', 'false'],
        description='Start again at the end of the bag; false: stop everything there',
    ),
    DeclareLaunchArgument(
        'clock',
        default_value='true',
        choices=['true', 'false'],
        description="Publish the bag's time on /clock and let node and RViz use it",
    ),
    DeclareLaunchArgument(
        'evaluate',
        default_value='false',
        choices=['true', 'false'],
        description='Compare the depth with reference while the bag plays: rolling figures on '
        '/diagnostics and /replay_evaluator/metrics, a table at the end',
    ),
    DeclareLaunchArgument(
        'reference',
        default_value='',
        description='What to compare with: a topic of the bag with a lidar (PointCloud2) or with '
        'depth images (32FC1, 16UC1), or a wall at a known distance such as wall:2.0.',
    ),
    DeclareLaunchArgument(
        'reference_info',
        default_value='',
        description='CameraInfo topic of a reference of depth images.',
    ),
    DeclareLaunchArgument(
        'extrinsics',
        default_value='',
        description='YAML file of transforms between camera and reference. Empty: play '
        'topics:=/tf,/tf_static (tf2_msgs has to be installed).',
    ),
    DeclareLaunchArgument(
        'ego_motion',
        default_value='',
        description='How the camera moved, for flicker: still, a topic of the bag with Odometry '
        'or poses, or tf:FRAME.',
    ),
    DeclareLaunchArgument(
        'thresholds',
        default_value='',
        description='Limits of the figures, separated by commas, such as '
        'max_abs_rel=0.2,min_a1=0.8: one that does not hold is an ERROR on /diagnostics.',
    ),
    DeclareLaunchArgument(
        'evaluation_output', default_value='', description='JSON file to write the figures to.'
    ),
]
EVALUATION = ('reference', 'reference_info', 'extrinsics', 'ego_motion')


def generate_launch_description() -> LaunchDescription:
    depth_launch = PythonLaunchDescriptionSource(str(Path(__file__).with_name('depth.launch.py')))
    return LaunchDescription(
        [
            *ARGUMENTS,
            OpaqueFunction(function=check_arguments),
            # First, so that the player inherits the transport profile that it sets.
            IncludeLaunchDescription(
                depth_launch, launch_arguments=[('use_sim_time', LaunchConfiguration('clock'))]
            ),
            OpaqueFunction(function=start),
        ]
    )


def given(context: LaunchContext, name: str) -> str:
    return context.launch_configurations.get(name, '').strip()


def check_arguments(context: LaunchContext) -> None:
    bag = given(context, 'bag')
    if not bag or not Path(bag).exists():
        raise RuntimeError(
            f"bag '{bag}' does not exist: give a .bag file, a ROS 2 bag folder, or "
            'a .mcap or .db3 file.'
        )
    for topic in played_topics(context):
        if not topic.startswith('/'):
            raise RuntimeError(
                f"topic '{topic}' is relative: write it as recorded in the bag, "
                'such as /camera/image_raw.'
            )
    if given(context, 'rate'):
        check_rate(given(context, 'rate'))
    if given(context, 'evaluate') == 'true':
        check_evaluation(context)


def check_evaluation(context: LaunchContext) -> None:
    if not given(context, 'reference'):
        raise RuntimeError(
            'evaluate:=true needs a reference: give reference:=/velodyne_points, a '
            'topic of depth images, or a wall such as reference:=wall:2.0.'
        )
    if given(context, 'cameras'):
        raise RuntimeError(
            'evaluate:=true is for one camera: leave out cameras, and give its topic as image.'
        )


def check_rate(text: str) -> None:
    try:
        valid = 0.0 < float(text) < float('inf')
    except ValueError:
        valid = False
    if not valid:
        raise RuntimeError(f"rate '{text}' is not a positive number: write for example rate:=0.5.")


def played_topics(context: LaunchContext) -> list[str]:
    images = split(given(context, 'image'))
    infos = split(given(context, 'camera_info')) or [
        f'{image.rpartition("/")[0]}/camera_info' for image in images
    ]
    if given(context, 'image_transport') == 'compressed':
        images = [f'{image}/compressed' for image in images]
    return list(
        dict.fromkeys(
            [*images, *infos, *evaluated_topics(context), *split(given(context, 'topics'))]
        )
    )


def evaluated_topics(context: LaunchContext) -> list[str]:
    if given(context, 'evaluate') != 'true':
        return []
    named = (given(context, name) for name in ('reference', 'reference_info', 'ego_motion'))
    return [topic for topic in named if topic.startswith('/')]


def split(text: str) -> list[str]:
    return [part.strip() for part in text.split(',')] if text else []


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    if given(context, 'evaluate') != 'true':
        return start_player(context)
    evaluator = Node(
        package='mono_depth_ros',
        executable='replay_evaluator',
        name='replay_evaluator',
        namespace=given(context, 'namespace'),
        parameters=[evaluation_parameters(context)],
        remappings=[('image', given(context, 'image'))],
        output='screen',
        emulate_tty=True,
    )
    starting = iter([start_player(context)])

    def when_ready(event: ProcessIO) -> list[LaunchDescriptionEntity] | None:
        return next(starting, None) if READY.encode() in event.text else None

    end = Shutdown(reason='the evaluation has ended')
    return [
        # Nobody plays into an evaluation that is not there yet, or that refused its parameters.
        RegisterEventHandler(
            OnProcessIO(target_action=evaluator, on_stdout=when_ready, on_stderr=when_ready)
        ),
        RegisterEventHandler(OnProcessExit(target_action=evaluator, on_exit=[end])),
        evaluator,
    ]


def evaluation_parameters(context: LaunchContext) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        name: ParameterValue(given(context, name), value_type=str)
        for name in (*EVALUATION, 'image_transport')
        if given(context, name)
    }
    parameters['use_sim_time'] = given(context, 'clock') == 'true'
    if given(context, 'evaluation_output'):
        output = str(Path(given(context, 'evaluation_output')).absolute())
        parameters['output'] = ParameterValue(output, value_type=str)
    if given(context, 'thresholds'):
        texts = List[str]  # noqa: UP006
        parameters['thresholds'] = ParameterValue(
            split(given(context, 'thresholds')), value_type=texts
        )
    for name in ('min_depth', 'max_depth'):
        if given(context, name):  # a word that is no number, depth.launch.py has refused
            parameters[name] = ParameterValue(float(given(context, name)), value_type=float)
    return parameters


def start_player(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    rate = given(context, 'rate')
    player = Node(
        package='mono_depth_ros',
        executable='replay_bag',
        name='replay_bag',
        arguments=[
            given(context, 'bag'),
            '--topics',
            *played_topics(context),
            '--wait-for-subscribers',
            str(MAX_WAIT),
            *(['--rate', rate] if rate else []),
            *(['--loop'] if given(context, 'loop') == 'true' else []),
            *(['--clock'] if given(context, 'clock') == 'true' else []),
        ],
        output='screen',
        emulate_tty=True,
    )
    end = TimerAction(period=LAST_FRAME, actions=[Shutdown(reason='the bag has ended')])
    return [RegisterEventHandler(OnProcessExit(target_action=player, on_exit=[end])), player]
