"""What the keys of a model card's file accept, in words and as a test, and how they are stored."""

import re
from collections.abc import Callable
from math import isfinite
from typing import Any, NamedTuple


class Key(NamedTuple):
    """What a key's value must be, in words and as a test, and how it is stored."""

    expected: str
    accepts: Callable[[Any], bool]
    convert: Callable[[Any], Any] = lambda value: value


def key(
    expected: str,
    accepts: Callable[[Any], bool],
    convert: Callable[[Any], Any] = lambda value: value,
) -> dict[str, Key]:
    """Return the metadata of a field that is a key of the card's file."""
    return {'key': Key(expected, accepts, convert)}


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite number, and no truth value."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


def is_whole(value: Any) -> bool:
    """Tell whether a value is a whole number, and no truth value."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_text(value: Any) -> bool:
    """Tell whether a value is a text that says something."""
    return isinstance(value, str) and value != ''


def is_sha256(value: Any) -> bool:
    """Tell whether a value is 64 hexadecimal digits."""
    return isinstance(value, str) and re.fullmatch('[0-9a-f]{64}', value) is not None


def is_size(value: Any) -> bool:
    """Tell whether a value is a list of two whole numbers."""
    return _is_list(value, 2, is_whole)


def is_intrinsics(value: Any) -> bool:
    """Tell whether a value is the rows of a camera's K."""
    if not _is_list(value, 3, lambda row: _is_list(row, 3, is_number)):
        return False
    return bool(value[0][0] > 0 and value[1][1] > 0 and value[2] == [0, 0, 1])


def is_mapping(value: Any, accepts: Callable[[Any], bool]) -> bool:
    """Tell whether a value maps texts to values of a kind."""
    if not isinstance(value, dict) or not all(map(is_text, value)):
        return False
    # Each once: aliases let a small file repeat a value endlessly.
    return all(map(accepts, {id(item): item for item in value.values()}.values()))


def to_matrix(value: Any) -> tuple[tuple[float, ...], ...]:
    """Return rows of numbers as tuples."""
    return tuple(tuple(float(entry) for entry in row) for row in value)


def _is_list(value: Any, length: int, accepts: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and len(value) == length and all(map(accepts, value))


TEXT = key('a text', is_text)
WHOLE = key('a whole number', is_whole)
NUMBER = key('a number, such as 0.1 (1.0e-3, never 1e-3)', is_number, float)
