"""Choose the frames of a split file from KITTI drives or bags, and part them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

import numpy as np

from mono_depth_ros.bags.storage_files import METADATA, SUFFIXES
from mono_depth_ros.datasets.bag.options import BagOptions
from mono_depth_ros.datasets.bag.recording import BagRecording
from mono_depth_ros.datasets.image_files import read_image
from mono_depth_ros.datasets.kitti.calibration import FILE_NAME, read_camera
from mono_depth_ros.datasets.kitti.drive import camera_folder, frame_files
from mono_depth_ros.datasets.kitti.raw import COLOR, GRAY
from mono_depth_ros.datasets.splits import SplitEntry
from mono_depth_ros.datasets.static_frames import is_moving
from mono_depth_ros.types import Image

OTHER = {'l': 'r', 'r': 'l'}


@dataclass(frozen=True)
class Chosen:
    """The targets of one drive or bag.

    Attributes:
        name: of the drive or bag, as in the split.
        entries: the targets in the order of time.
        images: how many images there are.
        incomplete: how many lack a neighbour or the stereo partner.
        static: how many were left out because the camera stands still.
        reach: targets at least this far apart (in lines) share no image.
    """

    name: str
    entries: tuple[SplitEntry, ...]
    images: int
    incomplete: int
    static: int
    reach: int

    def __str__(self) -> str:
        return (
            f'{self.name}: {self.images} images, {self.incomplete} that lack a source, '
            f'{self.static} of a standing camera, {len(self.entries)} chosen'
        )


def find_drives(root: Path) -> list[str]:
    """Return the drives under a KITTI root, as a split names them.

    Raises:
        FileNotFoundError: there are none.
    """
    cameras = [camera_folder(camera) for camera in (*COLOR.values(), *GRAY.values())]
    drives = sorted(
        {
            str(folder.parent.relative_to(root))
            for camera in cameras
            for folder in root.glob(f'*/*_drive_*/{camera}')
        }
    )
    if not drives:
        raise FileNotFoundError(
            f"'{root}' holds no drives such as 2011_09_26/2011_09_26_drive_0001_sync/image_02."
        )
    return drives


def select_recordings(
    root: Path, names: Sequence[str], patterns: Sequence[str], left_out: Collection[str] = ()
) -> list[str]:
    """Return the drives or bags whose names match a pattern, but for those left out.

    Raises:
        ValueError: there are none.
    """
    wanted = [
        name
        for name in names
        if name not in left_out and any(fnmatch(name, pattern) for pattern in patterns)
    ]
    if not wanted:
        raise ValueError(
            f"None of {len(names)} recordings in '{root}' is left by --only "
            f'{" ".join(patterns)}'
            f'{" and --leave-out" if left_out else ""}. They are: '
            f'{", ".join(names[:5])}{", …" if len(names) > 5 else ""}.'
        )
    return wanted


def find_bags(root: Path) -> list[str]:
    """Return the bags in a folder, as a split names them.

    Raises:
        FileNotFoundError: there is no such folder, or no bag in it.
        ValueError: a name has a space, which split files do not allow.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"Folder '{root}' does not exist; expected one that holds bags.")
    bags = [path.name for path in sorted(root.iterdir()) if is_bag(path)]
    if not bags:
        raise FileNotFoundError(
            f"'{root}' holds no bags: ROS 1 files (.bag), ROS 2 folders with "
            'metadata.yaml, .mcap or .db3 files.'
        )
    for name in bags:
        if len(name.split()) > 1:
            raise ValueError(
                f"Bag '{name}' has a space in its name, and words of a split file "
                'are parted by spaces. Rename it.'
            )
    return bags


def choose_kitti(
    root: Path,
    drive: str,
    offsets: Sequence[int] = (-1, 1),
    stereo: bool = False,
    sides: str = 'l',
    min_motion: float = 0.0,
) -> Chosen:
    """Choose the frames of a drive that have all their sources on disk.

    Args:
        root: KITTI's root.
        drive: folder under it.
        offsets: the neighbours that a frame needs; () for none.
        stereo: whether it needs the other camera's image.
        sides: which cameras give targets: 'l', 'r' or 'lr'.
        min_motion: least motion to each neighbour, see `motion_between`; 0 keeps all.

    Raises:
        FileNotFoundError, ValueError: calibration or images are missing or broken.
    """
    files = _files_of(root / drive)
    entries, images, complete_count = [], 0, 0
    for side in sides:
        own, other = files[side], files[OTHER[side]]
        complete = [
            number
            for number in sorted(own)
            if all(number + offset in own for offset in offsets)
            and (not stereo or number in other)
        ]
        images, complete_count = images + len(own), complete_count + len(complete)
        rows = np.array(complete, np.int64)[:, None] + np.array([0, *offsets], np.int64)
        rows = rows[is_moving(rows, partial(_read_number, own), min_motion)]
        entries += [SplitEntry(drive, number, side) for number in rows[:, 0].tolist()]
    entries.sort(key=lambda entry: (entry.index, entry.side))
    return Chosen(
        drive,
        tuple(entries),
        images,
        images - complete_count,
        complete_count - len(entries),
        _reach(offsets) * len(sides),
    )


def choose_bag(root: Path, name: str, options: BagOptions) -> Chosen:
    """Choose the images of a bag that have all their sources and show motion.

    Raises:
        FileNotFoundError, ValueError: the bag or what it should hold is missing or wrong.
    """
    recording = BagRecording(root / name, options, name)
    rows = recording.candidates()
    moving = recording.moving(rows)
    recording.close()
    stamps = recording.stamps[rows[moving, 0]].tolist()
    period = float(np.median(np.diff(recording.stamps))) if len(recording.stamps) > 1 else 1.0
    return Chosen(
        name,
        tuple(SplitEntry(name, stamp, 'l') for stamp in stamps),
        len(recording.stamps),
        len(recording.stamps) - len(rows),
        int((~moving).sum()),
        round(_reach(options.offsets) * recording.interval / period),
    )


def part(
    chosen: Iterable[Chosen], share: float, seed: int = 0
) -> tuple[list[SplitEntry], list[SplitEntry]]:
    """Part targets into training and validation by whole drives or bags.

    The same names and seed give the same parts. Of a single drive its end is for validation, and
    the frames in between that share sources with it are left out.

    Args:
        chosen: targets by drive.
        share: of validation, 0 to below 1; drives are whole, so it is met roughly.
        seed: of the order in which drives are drawn.

    Raises:
        ValueError: the share is not one, or nothing is left to train on.
    """
    if not 0 <= share < 1:
        raise ValueError(f'The share of validation is {share}; expected 0 to below 1.')
    found = [one for one in chosen if one.entries]
    drives = [one.entries for one in found]
    if not drives:
        raise ValueError(
            'No frame was chosen: every image lacks neighbours or shows a standing '
            'camera. Check offsets and intervals, or set min_motion to 0.'
        )
    if share == 0:
        return [entry for drive in drives for entry in drive], []
    if len(drives) == 1:
        return _cut(found[0], share)
    wanted = share * sum(len(drive) for drive in drives)
    order = sorted(drives, key=lambda drive: _draw(drive[0].folder, seed))
    drawn: set[str] = set()
    count = 0
    for drive in order[:-1]:  # one is left to train on, whatever the share
        if abs(wanted - count - len(drive)) < abs(wanted - count):
            drawn.add(drive[0].folder)
            count += len(drive)
    drawn = drawn or {min(order, key=len)[0].folder}
    training, validation = (
        [entry for drive in drives if (drive[0].folder in drawn) == held for entry in drive]
        for held in (False, True)
    )
    return training, validation


def _cut(one: Chosen, share: float) -> tuple[list[SplitEntry], list[SplitEntry]]:
    entries = list(one.entries)
    start = len(entries) - max(1, round(share * len(entries)))
    training = entries[: max(0, start - one.reach)]
    if not training:
        raise ValueError(
            f"'{one.name}' alone has only {len(entries)} targets: too few to part. "
            'Give more drives, or 0 as the share of validation.'
        )
    return training, entries[start:]


def _reach(offsets: Sequence[int]) -> int:
    return 2 * max([*map(abs, offsets), 0])


def _read_number(files: Mapping[int, Path], number: int) -> Image:
    return read_image(files[number])


def _draw(name: str, seed: int) -> str:
    return hashlib.sha256(f'{seed} {name}'.encode()).hexdigest()


def is_bag(path: Path) -> bool:
    """Say whether a path looks like a bag of any kind."""
    if path.is_dir():
        return (path / METADATA).is_file()
    return path.suffix in SUFFIXES.values()


def _files_of(folder: Path) -> dict[str, Mapping[int, Path]]:
    """Return the image files of both sides by number; colour, or gray where there is none.

    Raises:
        FileNotFoundError: no images, or no calibration.
        ValueError: a file is empty, or two are of one frame.
    """
    for kind in (COLOR, GRAY):
        files = {side: _numbered(folder / camera_folder(camera)) for side, camera in kind.items()}
        if files['l'] or files['r']:
            for side, camera in kind.items():
                if files[side]:
                    read_camera(folder.parent / FILE_NAME, camera)
            return files
    raise FileNotFoundError(
        f"Drive '{folder}' has no images in image_02/data or image_00/data; unpack its zip again."
    )


def _numbered(folder: Path) -> Mapping[int, Path]:
    files = frame_files(folder)
    empty = next((path for path in files.values() if not path.stat().st_size), None)
    if empty:
        raise ValueError(f"Image '{empty}' is empty; unpack its drive again.")
    return files
