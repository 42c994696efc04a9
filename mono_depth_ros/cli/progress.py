"""The bar of what takes long: none where nobody watches, such as in a log file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(unit: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar; what it yields moves it: done, of how many in all."""
    from tqdm import tqdm

    with tqdm(desc='Writing', unit=f' {unit}', disable=None) as bar:

        def advance(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield advance
