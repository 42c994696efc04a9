"""Reports: one HTML file, pictures included, no script. templates/ says what stands where."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from mono_depth_ros.types import Image
from mono_depth_ros.visualization.libraries import require_report_libraries

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).parent / 'templates'


def render_page(template: str, **values: Any) -> str:
    """Return a whole page; what is text in it stays text, whatever it contains.

    Args:
        template: a file of templates/.
        values: what the template calls by name.

    Raises:
        ModuleNotFoundError: see require_report_libraries.
    """
    require_report_libraries()
    return _environment().get_template(template).render(values)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {'columns': _columns, 'data_url': _data_url, 'figure': _figure}
    return environment


def _columns(rows: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return the names of all columns, in the order in which they come up."""
    return list(dict.fromkeys(name for row in rows.values() for name in row))


def _data_url(image: Image, kind: str) -> str:
    """Return (H, W, 3) uint8 RGB as the address of a picture that holds itself."""
    _, data = cv2.imencode(f'.{kind}', np.ascontiguousarray(image[..., ::-1]))
    return f'data:image/{kind};base64,' + base64.b64encode(data.tobytes()).decode()


def _figure(value: float | None) -> str:
    if value is None or value != value:
        return ''
    return f'{value:,}' if isinstance(value, int) else f'{value:.4f}'
