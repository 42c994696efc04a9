"""What our reports are made of: one HTML file, pictures included, no script."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.visualization.page_style import STYLE

Picture = NDArray[np.uint8]


def write_html(title: str, parts: Iterable[str]) -> str:
    """Return a whole page.

    Args:
        title: what the browser calls it, as text.
        parts: HTML, one after the other.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n<title>{escape(title)}</title>\n'
        f'<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{"".join(parts)}</main>\n</body>\n'
        '</html>\n'
    )


def head(name: str, state: str) -> str:
    """Return the page's heading, and under it a line in words."""
    return f'<h1>{escape(name)}</h1>\n<p class="state">{escape(state)}</p>\n'


def tiles(values: Sequence[tuple[str, str]]) -> str:
    """Return the few figures to see first, by name."""
    items = ''.join(
        f'<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>' for name, value in values
    )
    return f'<dl class="tiles">{items}</dl>\n'


def advice(sentences: Sequence[str]) -> str:
    """Return what the reader should look at, '' if that is nothing."""
    if not sentences:
        return ''
    items = ''.join(f'<li>{escape(sentence)}</li>' for sentence in sentences)
    return f'<section class="advice"><h2>To look at</h2><ul>{items}</ul></section>\n'


def section(title: str, content: str) -> str:
    """Return HTML under a title."""
    return f'<section><h2>{escape(title)}</h2>{content}</section>\n'


def grid(figures: Iterable[str]) -> str:
    """Return figures beside each other, as many as the page is wide."""
    return f'<div class="grid">{"".join(figures)}</div>'


def table(rows: Mapping[str, Any]) -> str:
    """Return values by name."""
    lines = ''.join(
        f'<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>'
        for name, value in rows.items()
    )
    return f'<table>{lines}</table>'


def figure_table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """Return figures by row and column; counts (int) as they are, others in four decimals."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    top = ''.join(f'<th>{escape(name)}</th>' for name in names)
    body = ''.join(
        f'<tr><th>{escape(title)}</th>'
        + ''.join(f'<td>{_figure(row.get(name))}</td>' for name in names)
        + '</tr>'
        for title, row in rows.items()
    )
    return (
        f'<div class="scroll"><table class="metrics"><tr><th></th>{top}</tr>{body}</table></div>'
    )


def picture(image: Picture, caption: str, kind: str = 'png') -> str:
    """Return a picture with its caption.

    Args:
        image: (H, W, 3) uint8 RGB.
        caption: as text.
        kind: 'png', or 'jpeg' for photographs.
    """
    _, data = cv2.imencode(f'.{kind}', np.ascontiguousarray(image[..., ::-1]))
    url = f'data:image/{kind};base64,' + base64.b64encode(data.tobytes()).decode()
    return (
        f'<figure><img alt="{escape(caption)}" src="{url}">'
        f'<figcaption>{escape(caption)}</figcaption></figure>'
    )


def _figure(value: float | None) -> str:
    if value is None or value != value:
        return ''
    return f'{value:,}' if isinstance(value, int) else f'{value:.4f}'
