"""Split files: which frames to train or to evaluate on, one `folder index side` per line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

SIDES = ('l', 'r')


class SplitEntry(NamedTuple):
    """One line of a split file.

    Attributes:
        folder: the drive, relative to the data's root.
        index: the frame's number.
        side: 'l' or 'r', the camera.
    """

    folder: str
    index: int  # type: ignore[assignment]  # hides tuple.index
    side: str

    def __str__(self) -> str:
        return f'{self.folder} {self.index} {self.side}'


def read_split(path: str | Path) -> list[SplitEntry]:
    """Read a split file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it has no lines, or one of another form; the message says which.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"Split file '{path}' does not exist; prepare_split makes one from drives or bags."
        )
    # A file that is no text fails at its first line, by name.
    lines = path.read_text(encoding='utf-8', errors='replace').splitlines()
    entries = [
        _entry(line, f'{path}:{number}') for number, line in enumerate(lines, 1) if line.strip()
    ]
    if not entries:
        raise ValueError(f"Split file '{path}' is empty; expected lines 'folder index side'.")
    return entries


def write_split(path: str | Path, entries: Iterable[SplitEntry]) -> None:
    """Write a split file that read_split reads."""
    text = ''.join(f'{entry}\n' for entry in entries)
    Path(path).expanduser().write_text(text, encoding='utf-8')


def _entry(line: str, where: str) -> SplitEntry:
    words = line.split()
    if len(words) == 2:  # the field's lists of single cameras leave the side out
        words.append('l')
    if len(words) != 3 or not words[1].isdecimal() or words[2] not in SIDES:
        raise ValueError(
            f"{where}: '{line}' is not of the form 'folder index side', for example "
            "'2011_09_26/2011_09_26_drive_0052_sync 12 l' (side: l or r)."
        )
    return SplitEntry(words[0], int(words[1]), words[2])
