"""The node's parameters as ROS knows them: declared, described, read."""

from __future__ import annotations

from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from mono_depth_ros.deprecation import PARAMETERS, renamed
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
    given_by_old_names = _declare_old_names(node)
    for name, spec in SPECS.items():
        default = list(spec.default) if isinstance(spec.default, tuple) else spec.default
        default = given_by_old_names.get(name, default)
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


def _declare_old_names(node: Node) -> dict[str, Any]:
    """Declare what parameters were once called; return by their new names what is given so."""
    values = {}
    for old, new in PARAMETERS.items():
        about = ParameterDescriptor(description=renamed(old, new), dynamic_typing=True)
        given = node.declare_parameter(old, None, about)
        if given.type_ != Parameter.Type.NOT_SET:
            node.get_logger().warning(renamed(old, new))
            values[new] = given.value
    return values


def under_new_names(changes: list[Parameter[Any]]) -> list[Parameter[Any]]:
    """Return changes of parameters, those by old names as changes of the new ones."""
    return [Parameter(PARAMETERS.get(one.name, one.name), value=one.value) for one in changes]


def pass_on_old_names(node: Node, changes: list[Parameter[Any]]) -> None:
    """Set what was just set by an old name by the new one too, with a warning."""
    old = [change for change in changes if change.name in PARAMETERS]
    for change in old:
        node.get_logger().warning(renamed(change.name, PARAMETERS[change.name]))
    if old:
        node.set_parameters(under_new_names(old))


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
