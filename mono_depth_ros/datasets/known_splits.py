"""The field's own lists of KITTI frames: what they must look like."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mono_depth_ros.datasets.splits import SplitEntry, read_split

_FOLDER = re.compile(r'(\d{4}_\d{2}_\d{2})/\1_drive_\d{4}_sync')


@dataclass(frozen=True)
class KnownSplit:
    """What a published list holds.

    Attributes:
        what: where it comes from.
        lines: how many frames.
        drives: from how many drives.
        sides: of which cameras.
    """

    what: str
    lines: int
    drives: int
    sides: str


KNOWN_SPLITS = {
    'eigen_test': KnownSplit('test frames of Eigen et al. 2014', 697, 28, 'l'),
    'eigen_benchmark_test': KnownSplit(
        'those of eigen_test that have improved ground truth (Uhrig et al. 2017)', 652, 28, 'l'
    ),
    'eigen_zhou_train': KnownSplit(
        "Eigen's training drives without static frames (Zhou et al. 2017)", 39_810, 32, 'lr'
    ),
    'eigen_zhou_val': KnownSplit('the validation part of the same', 4_424, 31, 'lr'),
}
# DDAD's dataset JSON holds its splits by number.
DDAD_SPLITS = {'train': '0', 'val': '1', 'test': '2', 'train_overfit': '3'}


def check_known_split(path: str | Path, name: str) -> list[SplitEntry]:
    """Read one of the field's lists and check that it is whole and of the right form.

    Args:
        path: the file.
        name: one of `KNOWN_SPLITS`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the name is unknown, or the file is not that list; says how it differs.
    """
    if name not in KNOWN_SPLITS:
        raise ValueError(f"Unknown split '{name}'. Known: {', '.join(KNOWN_SPLITS)}.")
    known = KNOWN_SPLITS[name]
    entries = read_split(path)
    malformed = next((entry for entry in entries if not _FOLDER.fullmatch(entry.folder)), None)
    if malformed:
        raise ValueError(
            f"Split '{path}', line '{malformed}': the folder is not of the form "
            "'2011_09_26/2011_09_26_drive_0002_sync'."
        )
    found = {
        'lines': (len(entries), known.lines),
        'different lines': (len(set(entries)), known.lines),
        'drives': (len({entry.folder for entry in entries}), known.drives),
        'cameras': (''.join(sorted({entry.side for entry in entries})), known.sides),
    }
    for what, (is_, should) in found.items():
        if is_ != should:
            raise ValueError(
                f"Split '{path}' is not {name} ({known.what}): it has {is_} {what}, "
                f'expected {should}. Copy the list again.'
            )
    return entries


def check_apart(training: list[SplitEntry], test: list[SplitEntry], names: str) -> None:
    """Refuse a training list with drives of a test list.

    Args:
        training: lines to train on.
        test: lines to test on.
        names: of the two files, for messages.

    Raises:
        ValueError: they share a drive.
    """
    shared = sorted({entry.folder for entry in training} & {entry.folder for entry in test})
    if shared:
        raise ValueError(
            f'{names} share {len(shared)} drives, the first is {shared[0]}: what was '
            'trained on is no test. Leave them out of one list.'
        )
