"""Read JSON files, with errors that name the file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def read_json(path: Path, what: str) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        path: of the file.
        what: what the file should be, for messages.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds no JSON object, e.g. because it is cut off.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"'{path}' does not exist; expected {what}. Check the path, or "
            'unpack the archive it comes in.'
        )
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"'{path}' is no whole JSON ({error}); expected {what}. Copy it again."
        ) from error
    if not isinstance(content, dict):
        raise ValueError(f"'{path}' holds no JSON object; expected {what}.")
    return content


@contextmanager
def expecting(path: Path, what: str) -> Iterator[None]:
    """Name the file when a key in it is missing or of another type."""
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"'{path}' lacks or garbles {error}; expected {what}.") from error
