"""Train from bags: ROS 1 (.bag) and ROS 2 (sqlite3, mcap), raw or compressed images."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np

from mono_depth_ros.datasets.bag.options import BagOptions
from mono_depth_ros.datasets.bag.recording import BagRecording, Frames
from mono_depth_ros.datasets.sample import TrainingSample
from mono_depth_ros.datasets.splits import SplitEntry, read_split
from mono_depth_ros.stamps import NANOSECONDS

# An open bag costs a file descriptor and its index.
MAX_OPEN = 32


class RosbagData:
    """The images of one bag, or of many by a split file, with their neighbours in time.

    Without a split every image that has all its sources is a target, unless the camera stands
    still around it: that needs one pass over the images. A split file, as prepare_split writes
    it, names targets by `bag stamp l`, the stamp in nanoseconds; they are taken as they are, and
    only the headers are read beforehand.

    Args:
        root: a bag; with a split, the folder that holds its bags.
        split: a split file.
        options: topics, intervals, thresholds.

    Attributes:
        summary: what was found and what was left out, a line for each bag.
        static: how many targets were left out because the camera stands still.

    Raises:
        FileNotFoundError, ValueError: a bag or what it should hold is missing or wrong; no
            samples remain.
    """

    def __init__(
        self, root: str | Path, split: str | Path | None = None, options: BagOptions | None = None
    ) -> None:
        options = options or BagOptions()
        self.static = 0
        self._recordings: list[BagRecording] = []
        self._rows: list[Frames] = []
        lines = []
        for name, (path, entries) in _bags(Path(root).expanduser(), split).items():
            recording = BagRecording(path, options, name)
            rows = recording.candidates()
            line = describe(recording, rows)
            if entries:
                rows = _rows_of(entries, recording, rows, str(split))
                line += f'; {len(rows)} chosen by the split'
            else:
                moving = recording.moving(rows)
                self.static += int((~moving).sum())
                line += f'; {(~moving).sum()} dropped because the camera stands still'
                rows = rows[moving]
            recording.close()
            lines.append(line)
            self._recordings.append(recording)
            self._rows.append(rows)
        self.summary = '\n'.join(lines)
        self._ends = np.cumsum([len(rows) for rows in self._rows])
        self._recent: OrderedDict[int, None] = OrderedDict()
        if not len(self):
            raise ValueError(
                f"No training samples in '{root}': {self.summary}. Set frame_interval and "
                'tolerance to what the camera did, min_motion lower (0: keep all), or record '
                'with a moving camera.'
            )

    def __len__(self) -> int:
        """Return the number of samples."""
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> TrainingSample:
        """Read one sample.

        Raises:
            ValueError: an image is broken or of another size.
        """
        index = range(len(self))[index]
        bag = int(np.searchsorted(self._ends, index, side='right'))
        row = index - (int(self._ends[bag - 1]) if bag else 0)
        self._make_room_for(bag)
        return self._recordings[bag].sample(self._rows[bag][row].tolist())

    def _make_room_for(self, bag: int) -> None:
        self._recent[bag] = None
        self._recent.move_to_end(bag)
        if len(self._recent) > MAX_OPEN:
            oldest, _ = self._recent.popitem(last=False)
            self._recordings[oldest].close()

    def targets(self) -> list[SplitEntry]:
        """Return the samples as lines of a split file, relative to the bags' folder."""
        return [
            SplitEntry(recording.name, int(recording.stamps[target]), 'l')
            for recording, rows in zip(self._recordings, self._rows)
            for target in rows[:, 0].tolist()
        ]


def describe(recording: BagRecording, rows: Frames) -> str:
    """Say how many targets of a bag have all their sources, and what time that meant."""
    images = len(recording.stamps)
    found = int(np.median(np.diff(recording.stamps))) if images > 1 else 0
    return (
        f'{recording.name}: {images} images, one per {found / NANOSECONDS:.3f} s; '
        f'{len(rows)} with neighbours at {recording.interval / NANOSECONDS:.3f} '
        f'± {recording.tolerance / NANOSECONDS:.3f} s'
    )


def _bags(root: Path, split: str | Path | None) -> dict[str, tuple[Path, list[SplitEntry]]]:
    """Return each bag's name, path and the lines of the split about it."""
    if split is None:
        return {root.name: (root, [])}
    bags: dict[str, tuple[Path, list[SplitEntry]]] = {}
    for entry in read_split(split):
        bags.setdefault(entry.folder, (root / entry.folder, []))[1].append(entry)
    return bags


def _rows_of(
    entries: list[SplitEntry], recording: BagRecording, rows: Frames, split: str
) -> Frames:
    """Return the rows of the targets that a split names.

    Raises:
        ValueError: there is no such image, or it lacks a neighbour.
    """
    by_stamp = {int(recording.stamps[row[0]]): row for row in rows}
    known = set(recording.stamps.tolist())
    for entry in entries:
        if entry.index not in by_stamp:
            reason = (
                'its neighbours are missing at '
                f'{recording.interval / NANOSECONDS:.3f} ± '
                f'{recording.tolerance / NANOSECONDS:.3f} s'
                if entry.index in known
                else 'the bag has no image of that stamp'
            )
            raise ValueError(
                f"Split '{split}', line '{entry}': {reason}. Use the options that the split was "
                'made with, or make it anew with prepare_split.'
            )
    return np.array([by_stamp[entry.index] for entry in entries])
