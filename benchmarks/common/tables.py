"""Tables as Markdown: for the terminal and for the pages that quote them."""

from collections.abc import Sequence


class Table:
    """Print rows one by one, as they are measured."""

    def __init__(self, **columns: int) -> None:
        """Print the head: names of columns and their widths; `_` in a name is a blank."""
        self._widths = list(columns.values())
        names = [name.replace('_', ' ') for name in columns]
        self._widths = [max(width, len(name)) for width, name in zip(self._widths, names)]
        self.row(*names)
        self.row(*('-' * width for width in self._widths))

    def row(self, *cells: object) -> None:
        padded = (str(cell).ljust(width) for cell, width in zip(cells, self._widths))
        print(f'| {" | ".join(padded)} |', flush=True)


def bar(what: str, value: float, limit: float, *, at_most: bool = False) -> str:
    """Return one line: a figure, its limit, and the ratio of the two (1 or more is met)."""
    ratio = limit / value if at_most else value / limit
    word = 'at most' if at_most else 'at least'
    verdict = 'met' if ratio >= 1 else 'MISSED'
    return f'{verdict}: {what}: {value:.4g}, {word} {limit:g} (ratio {ratio:.2f})'


def sizes(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Read sizes such as 192x640: height x width."""
    return [
        (int(height), int(width)) for height, _, width in (text.partition('x') for text in texts)
    ]
