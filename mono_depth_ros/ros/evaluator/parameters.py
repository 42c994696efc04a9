"""Parameters of `replay_evaluator`: those of EvaluationOptions, and what a live node needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.node import Node

from mono_depth_ros.evaluation.robot.options import EvaluationOptions
from mono_depth_ros.evaluation.robot.thresholds import Threshold, parse_thresholds

_DEFAULTS = EvaluationOptions('wall:1')

# Name: default and description. All are read once, at the start.
PARAMETERS: dict[str, tuple[Any, str]] = {
    'reference': (
        '',
        'Topic of a lidar (PointCloud2) or of depth images (32FC1, 16UC1), or '
        'wall:METRES for a wall at a known distance.',
    ),
    'reference_info': ('', 'CameraInfo of a depth topic. Empty: camera_info beside it.'),
    'extrinsics': (
        '',
        'YAML file of transforms between camera and reference, needed where '
        'tf2_msgs is not installed; wins over /tf_static.',
    ),
    'image_transport': ('raw', 'raw: ages count from image; compressed: from image/compressed.'),
    'tolerance': (
        _DEFAULTS.tolerance,
        'How far stamps of a frame and its reference may be apart [s].',
    ),
    'time_offset': (_DEFAULTS.time_offset, "Added to the reference's stamps [s]."),
    'min_depth': (_DEFAULTS.min_depth, 'Nearer true depth is not compared [m].'),
    'max_depth': (_DEFAULTS.max_depth, 'Farther true depth is not compared [m].'),
    'min_pixels': (_DEFAULTS.min_pixels, 'Pixels with true depth that a frame needs.'),
    'region': (
        list(_DEFAULTS.region),
        'Part of the image that counts: left, top, right, bottom as shares of its size.',
    ),
    'ego_motion': (
        _DEFAULTS.ego_motion,
        'still, a topic of Odometry or poses, or tf:FRAME; for flicker, and between stamps.',
    ),
    'body_frame': (_DEFAULTS.body_frame, 'What the poses of a topic are about.'),
    'camera_frame': (_DEFAULTS.camera_frame, 'In place of the frame_id of the depth images.'),
    'reference_frame': (_DEFAULTS.reference_frame, 'In place of the frame_id of the reference.'),
    'thresholds': (
        [''],
        "Limits such as ['max_abs_rel=0.2', 'min_a1=0.8']: diagnostics turn to "
        'ERROR, and the exit code is 3, where one does not hold.',
    ),
    'window': (100, 'How many of the last frames the rolling figures are about.'),
    'output': ('', 'JSON file that is written at the end.'),
}
_OWN = ('reference_info', 'extrinsics', 'image_transport', 'thresholds', 'window', 'output')


@dataclass(frozen=True)
class EvaluatorConfig:
    """Hold the parameters of `replay_evaluator`, checked."""

    options: EvaluationOptions
    thresholds: tuple[Threshold, ...]
    reference_info: str
    extrinsics: str
    image_transport: str
    window: int
    output: Path | None


def declare_evaluator_parameters(node: Node) -> EvaluatorConfig:
    """Declare every parameter and read what was given.

    Raises:
        ValueError: a value is of the wrong type, or one that cannot be meant.
    """
    values = {name: _declare(node, name) for name in PARAMETERS}
    own = {name: values.pop(name) for name in _OWN}
    options = EvaluationOptions(**{**values, 'region': _four(values['region'])})
    if own['image_transport'] not in ('raw', 'compressed'):
        raise ValueError(
            f"image_transport is '{own['image_transport']}'; expected raw or compressed."
        )
    if own['window'] < 1:
        raise ValueError(f'window is {own["window"]}; expected 1 or more frames.')
    output = Path(own['output']).expanduser() if own['output'] else None
    if output is not None and not output.absolute().parent.is_dir():
        raise ValueError(f"Folder '{output.parent}' of output does not exist. Create it first.")
    return EvaluatorConfig(
        options,
        parse_thresholds(text for text in own['thresholds'] if text),
        own['reference_info'],
        own['extrinsics'],
        own['image_transport'],
        own['window'],
        output,
    )


def _declare(node: Node, name: str) -> Any:
    default, description = PARAMETERS[name]
    descriptor = ParameterDescriptor(name=name, description=description, read_only=True)
    try:
        value = node.declare_parameter(name, default, descriptor).value
    except InvalidParameterTypeException as error:
        hint = (
            ' Write a number with a decimal point, such as 0.05.'
            if isinstance(default, float)
            else ''
        )
        raise ValueError(f'{name}: {error}.{hint}') from error
    return list(value) if isinstance(default, list) else value


def _four(region: list[float]) -> tuple[float, float, float, float]:
    if len(region) != 4:
        raise ValueError(f'region is {region}; expected left, top, right, bottom.')
    left, top, right, bottom = region
    return left, top, right, bottom
