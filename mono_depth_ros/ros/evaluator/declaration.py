"""The parameters of `replay_evaluator` as ROS knows them: declared, read and checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.node import Node

from mono_depth_ros.evaluation.robot.options import EvaluationOptions
from mono_depth_ros.evaluation.robot.thresholds import Threshold, parse_thresholds
from mono_depth_ros.ros.evaluator.parameters import PARAMETERS

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
