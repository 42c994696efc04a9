"""The node's parameters as ROS knows them: declared, described, read."""

from __future__ import annotations

from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from mono_depth_ros.ros.node.parameters import SPECS, DepthNodeConfig


def descriptor(name: str) -> ParameterDescriptor:
    """Build the ROS descriptor of a parameter: description, range, choices."""
    spec = SPECS[name]
    message = ParameterDescriptor(name=name, description=spec.metadata['description'])
    if spec.metadata['choices']:
        message.additional_constraints = f'One of: {", ".join(spec.metadata["choices"])}.'
    elif not spec.metadata['while_running']:
        message.additional_constraints = 'Applied at the next configure.'
    if spec.metadata['bounds'] is None:
        return message
    low, high = spec.metadata['bounds']
    if isinstance(spec.default, float):
        message.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    else:
        message.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=1)]
    return message


def declare_parameters(node: Node) -> dict[str, str]:
    """Declare every parameter; return those whose given value was refused, with the reason.

    A refused value leaves the default declared, so that the node lives on and can be corrected
    by `ros2 param set`; the caller must not configure while a refusal stands.
    """
    refused = {}
    for name, spec in SPECS.items():
        default = list(spec.default) if isinstance(spec.default, tuple) else spec.default
        try:
            given = node.declare_parameter(name, default, descriptor(name))
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            refused[name] = f'{name}: {error}.{_type_hint(spec.default)}'
            node.declare_parameter(name, default, descriptor(name), ignore_override=True)
            continue
        if given.type_ == Parameter.Type.NOT_SET:  # an empty list, or nothing after the colon
            refused[name] = f'{name}: the given value is empty.{_type_hint(spec.default)}'
            node.set_parameters([Parameter(name, value=default)])
    return refused


def _type_hint(default: Any) -> str:
    hints = {
        float: ' Write a number with a decimal point, such as 80.0.',
        int: ' Write a whole number.',
        bool: ' Write true or false.',
        tuple: " Write a list of strings, such as ['front', 'rear'].",
        str: " Write a string, in quotes where it looks like a number: '1'.",
    }
    return hints[type(default)]


def read_config(node: Node, changes: list[Parameter[Any]] | None = None) -> DepthNodeConfig:
    """Read the parameters (with `changes` laid over them) into a checked config.

    Raises:
        ValueError: a value, or a combination of values, that the node cannot run with.
    """
    values = {name: node.get_parameter(name).value for name in SPECS}
    values |= {change.name: change.value for change in changes or () if change.name in SPECS}
    values['cameras'] = tuple(values['cameras'])
    return DepthNodeConfig(**values)
