"""The keys of a model card's file: what each accepts and how it is read."""

import re
from collections.abc import Callable
from math import isfinite
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """What a key's value must be, in words and as a test, and how it is stored."""

    expected: str
    accepts: Callable[[Any], bool]
    convert: Callable[[Any], Any] = lambda value: value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ''


def _is_list(value: Any, length: int, accepts: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and len(value) == length and all(map(accepts, value))


def _is_intrinsics(value: Any) -> bool:
    if not _is_list(value, 3, lambda row: _is_list(row, 3, _is_number)):
        return False
    return bool(value[0][0] > 0 and value[1][1] > 0 and value[2] == [0, 0, 1])


def _to_matrix(value: Any) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(entry) for entry in row) for row in value)


_TEXT = Kind('a text', _is_text)
_WHOLE = Kind('a whole number', _is_whole)
_NUMBER = Kind('a number, such as 0.1 (1.0e-3, never 1e-3)', _is_number, float)

KINDS = {
    'network': Kind('the name of a network, such as small_depth', _is_text),
    'network_options': Kind(
        'options by name, such as {se_before_activation: true}',
        lambda value: isinstance(value, dict) and all(map(_is_text, value)),
    ),
    'weights': Kind("a file beside the card, or 'none' (untrained)", _is_text),
    'sha256': Kind(
        '64 hexadecimal digits, in quotes',
        lambda value: isinstance(value, str) and re.fullmatch('[0-9a-f]{64}', value) is not None,
    ),
    'seed': _WHOLE,
    'input_size': Kind(
        '[height, width] in pixels', lambda value: _is_list(value, 2, _is_whole), tuple
    ),
    'min_depth': _NUMBER,
    'max_depth': _NUMBER,
    'depth_unit': Kind('metric or relative', lambda value: value in ('metric', 'relative')),
    'depth_scale': _NUMBER,
    'training_K': Kind(
        'the rows [fx, skew, cx], [0, fy, cy], [0, 0, 1] in pixels at input_size',
        _is_intrinsics,
        _to_matrix,
    ),
    'training_data': _TEXT,
    'license_code': _TEXT,
    'license_weights': _TEXT,
    'metrics': Kind(
        'numbers by name, such as {abs_rel: 0.106}',
        lambda value: isinstance(value, dict) and all(map(_is_number, value.values())),
    ),
    'parameters': _WHOLE,
    'macs': _WHOLE,
}

REQUIRED = (
    'network',
    'weights',
    'input_size',
    'min_depth',
    'max_depth',
    'depth_unit',
    'training_data',
    'license_code',
    'license_weights',
)
