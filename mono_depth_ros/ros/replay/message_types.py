"""Bring recorded messages into the message types that are installed here."""

from __future__ import annotations

import importlib
import re
from array import array
from typing import Any

import numpy as np
from rosbags.interfaces import Nodetype
from rosbags.interfaces.typing import FieldDesc
from rosbags.typesys.store import Typestore

# Names of ROS 1 that live on under another one.
RENAMED = {'tf/msg/tfMessage': 'tf2_msgs/msg/TFMessage'}

_BASE_NAMES = {
    'bool': 'boolean',
    'byte': 'octet',
    'char': 'uint8',
    'float32': 'float',
    'float64': 'double',
}
_PLACEHOLDER = 'structure_needs_at_least_one_member'


def import_message(name: str) -> Any | None:
    """Import the class of a message type such as 'sensor_msgs/msg/Image'; None if absent."""
    package, _, message = RENAMED.get(name, name).partition('/msg/')
    try:
        return getattr(importlib.import_module(f'{package}.msg'), message, None)
    except ImportError:
        return None


def same_layout(typestore: Typestore, name: str, message_class: Any) -> bool:
    """Tell whether a recorded type has the very fields of the installed one.

    A type that the bag does not define counts as the same: its name is all there is to go by.
    """
    if name not in typestore.fielddefs:
        return True
    recorded = {
        field: (_type_name(desc), _nested(desc))
        for field, desc in typestore.fielddefs[name][1]
        if field != _PLACEHOLDER
    }
    installed = {
        field: kind
        for field, kind in message_class.get_fields_and_field_types().items()
        if field != _PLACEHOLDER
    }
    if list(recorded) != list(installed):
        return False
    for field, (kind, nested) in recorded.items():
        if kind != _without_bounds(installed[field]):
            return False
        if nested and not _same_nested(typestore, nested):
            return False
    return True


def fill_message(message: Any, source: Any) -> Any:
    """Copy the fields of a message that rosbags read into a fresh message, by name.

    Names are compared in lower case (`K` of ROS 1 is `k`); what the installed type lacks is left
    out (`seq`), what the recorded type lacks keeps its default.
    """
    fields = {name.lower(): name for name in source.__dataclass_fields__}
    for name, kind in message.get_fields_and_field_types().items():
        if name in fields:
            value = getattr(source, fields[name])
            setattr(message, name, _converted(value, getattr(message, name), kind))
    return message


def _same_nested(typestore: Typestore, name: str) -> bool:
    message_class = import_message(name)
    return message_class is not None and same_layout(typestore, name, message_class)


def _type_name(desc: FieldDesc) -> str:
    """Write a field's type as installed messages do, without bounds."""
    if desc[0] == Nodetype.BASE:
        return _BASE_NAMES.get(desc[1][0], desc[1][0])
    if desc[0] == Nodetype.NAME:
        return desc[1].replace('/msg/', '/')
    element, length = desc[1]
    inner = _type_name(element)
    return f'{inner}[{length}]' if desc[0] == Nodetype.ARRAY else f'sequence<{inner}>'


def _nested(desc: FieldDesc) -> str | None:
    if desc[0] == Nodetype.BASE:
        return None
    if desc[0] == Nodetype.NAME:
        return desc[1]
    return _nested(desc[1][0])


def _without_bounds(kind: str) -> str:
    return re.sub(r'string<\d+>', 'string', re.sub(r', \d+>', '>', kind))


def _converted(value: Any, default: Any, kind: str) -> Any:
    if hasattr(default, 'get_fields_and_field_types'):
        return fill_message(default, value)
    if isinstance(default, array):
        converted = array(default.typecode)
        converted.frombytes(np.ascontiguousarray(value, default.typecode).tobytes())
        return converted
    if isinstance(default, np.ndarray):
        return np.asarray(value, default.dtype)
    if kind == 'octet':
        return bytes([value & 0xFF])
    if isinstance(default, list):
        return _converted_list(value, kind)
    return value


def _converted_list(values: Any, kind: str) -> list[Any]:
    nested = re.search(r'(\w+)/(\w+)', kind)
    if nested:
        message_class = import_message(f'{nested[1]}/msg/{nested[2]}')
        if message_class is None:
            raise ValueError(f"Message package '{nested[1]}' is not installed.")
        return [fill_message(message_class(), value) for value in values]
    if 'octet' in kind:
        return [bytes([int(value) & 0xFF]) for value in values]
    return [value.item() if isinstance(value, np.generic) else value for value in values]
