"""One drive of KITTI raw: its folders, frames and time stamps."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.datasets.file_kinds import IMAGE_ENDINGS, add_frame
from mono_depth_ros.stamps import NANOSECONDS

Stamps = NDArray[np.int64]

# The cameras by their number in folders and calibration.
CAMERAS = {
    0: 'camera_gray_left',
    1: 'camera_gray_right',
    2: 'camera_color_left',
    3: 'camera_color_right',
}
SCANNER, INERTIAL, STAMP_FILE = 'velodyne_points', 'oxts', 'timestamps.txt'
VELO_FILE, IMU_FILE = 'calib_velo_to_cam.txt', 'calib_imu_to_velo.txt'
# In place of the stamp of a frame that a sensor did not record.
NO_STAMP = np.iinfo(np.int64).min

_JUST_CHANGED = 2 * NANOSECONDS
_EPOCH = datetime(1970, 1, 1)
_STAMP = re.compile(r'(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?')
_NAME = re.compile(r'(\d{4})_(\d\d)_(\d\d)_drive_\d{4}_(sync|extract)')


@dataclass(frozen=True, eq=False)
class KittiTrack:
    """What one sensor of a drive recorded.

    Attributes:
        files: one per frame, in the order of time.
        stamps: (N,) of the files [ns since 1970].
    """

    files: tuple[Path, ...]
    stamps: Stamps

    @property
    def numbers(self) -> list[int]:
        """Return the number of each frame."""
        return [int(file.stem) for file in self.files]


def camera_folder(camera: int) -> str:
    """Return a camera's folder in a drive: image_02."""
    return f'image_{camera:02}'


def find_sensors(drive: Path) -> list[str]:
    """Return the folders of the sensors that a drive has frames of.

    Raises:
        FileNotFoundError: there is no such drive, or it holds no images.
    """
    if not drive.is_dir():
        raise FileNotFoundError(
            f"Drive '{drive}' does not exist. Expected a folder such as "
            '2011_09_26/2011_09_26_drive_0052_sync.'
        )
    cameras = [camera_folder(camera) for camera in CAMERAS]
    found = [name for name in (*cameras, SCANNER, INERTIAL) if sensor_files(drive / name)]
    if not set(cameras) & set(found):
        raise FileNotFoundError(
            f"'{drive}' holds no images in {', '.join(cameras)} (each with data/). Name the "
            'folder of one drive (…_sync), not that of the day.'
        )
    return found


def read_track(drive: Path, sensor: str, rate: float | None = None) -> KittiTrack:
    """List the frames of a sensor with their stamps.

    Args:
        drive: folder of the drive.
        sensor: its folder in there, e.g. 'image_02'.
        rate: frames per second, for drives without time stamps: frame n is n / rate seconds
            after noon (UTC) of the day in the drive's name.

    Raises:
        FileNotFoundError: there is no timestamps.txt, and no rate either.
        ValueError: there are both, or timestamps.txt is wrong.
    """
    numbered = frame_files(drive / sensor)
    indices = np.array(sorted(numbered), np.int64)
    files = tuple(numbered[number] for number in indices.tolist())
    path = drive / sensor / STAMP_FILE
    if rate is not None and path.exists():
        raise ValueError(f"'{path}' says when the frames were taken; leave out --rate.")
    if rate is not None:
        stamps = _noon(drive) + np.rint(indices * (NANOSECONDS / rate)).astype(np.int64)
        return KittiTrack(files, stamps)
    lines = read_stamps(path)
    if len(indices) and indices[-1] >= len(lines):
        raise ValueError(
            f"'{path}' has {len(lines)} lines, but there is a frame "
            f"'{files[-1].name}': it needs one line per frame, from 0 on."
        )
    stamps = lines[indices]
    if (stamps == NO_STAMP).any():
        at = int(np.argmax(stamps == NO_STAMP))
        raise ValueError(
            f"'{path}': line {indices[at] + 1} is empty, but there is a frame '{files[at].name}': "
            "expected its date and time. Unpack the file from the drive's archive."
        )
    if (np.diff(stamps) <= 0).any():
        at = int(indices[np.argmax(np.diff(stamps) <= 0) + 1])
        raise ValueError(f"'{path}': line {at + 1} is not later than the one before.")
    return KittiTrack(files, stamps)


def read_stamps(path: Path) -> Stamps:
    """Read a timestamps.txt: one date and time a line, down to the nanosecond, taken as UTC.

    Returns:
        (N,) the stamp of each line, which is a frame's number; NO_STAMP where it is empty, as of
        the scans that some drives lack.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is no time.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"'{path}' does not exist, so nobody knows when its frames were taken. Unpack it from "
            "the drive's archive, or state their rate: --rate 10 is KITTI's."
        )
    lines = path.read_text(encoding='utf-8-sig', errors='replace').splitlines()
    return np.array(
        [
            _parse(line, number, path) if line.strip() else NO_STAMP
            for number, line in enumerate(lines, start=1)
        ],
        np.int64,
    )


def write_stamps(path: Path, stamps: Sequence[int]) -> None:
    """Write a timestamps.txt that `read_stamps` reads back to the nanosecond."""
    lines = []
    for stamp in stamps:
        seconds, nanoseconds = divmod(int(stamp), NANOSECONDS)
        lines.append(f'{_EPOCH + timedelta(seconds=seconds)}.{nanoseconds:09}\n')
    path.write_text(''.join(lines), encoding='utf-8')


def read_points(path: Path) -> NDArray[np.float32]:
    """Read a velodyne_points/data/*.bin file.

    Returns:
        (N, 4): x forward, y left, z up [m], reflectance in 0 to 1.

    Raises:
        ValueError: the file ends within a point.
    """
    numbers = np.fromfile(path, '<f4')
    if numbers.size == 0 or numbers.size % 4 or path.stat().st_size % 4:
        raise ValueError(
            f"Scan '{path}' has {path.stat().st_size} bytes; expected 16 per point (x, y, z, "
            'reflectance) and at least one. Copy the file again.'
        )
    return numbers.reshape(-1, 4)


def date_of(stamp_ns: int) -> str:
    """Return the day of a stamp as KITTI names folders: 2011_09_26 (UTC)."""
    return datetime.fromtimestamp(stamp_ns // NANOSECONDS, timezone.utc).strftime('%Y_%m_%d')


def _parse(line: str, number: int, path: Path) -> int:
    found = _STAMP.fullmatch(line.strip())
    try:
        if found is None:
            raise ValueError('no date and time')
        whole = datetime(*(int(part) for part in found.groups()[:6]))  # type: ignore[arg-type]
    except ValueError as error:
        raise ValueError(
            f"'{path}', line {number}: '{line.strip()}' ({error}); expected such as "
            '2011-09-26 13:02:25.964389445.'
        ) from error
    seconds = (whole - _EPOCH) // timedelta(seconds=1)
    return seconds * NANOSECONDS + int((found[7] or '').ljust(9, '0'))


def _noon(drive: Path) -> int:
    found = _NAME.fullmatch(drive.name)
    if found is None:
        raise ValueError(
            f"'{drive.name}' is not named like a drive (2011_09_26_drive_0052_sync), "
            'so its day is not known. Rename it, or add its timestamps.txt.'
        )
    day = datetime(int(found[1]), int(found[2]), int(found[3]), 12)
    return (day - _EPOCH) // timedelta(seconds=1) * NANOSECONDS


def sensor_files(folder: Path) -> tuple[Path, ...]:
    """Return the frames of a sensor (of whatever kind) in the order of their numbers."""
    return tuple(file for _, file in sorted(frame_files(folder).items()))


def frame_files(folder: Path) -> Mapping[int, Path]:
    """Return the frames of a sensor (of whatever kind) by their numbers.

    Raises:
        ValueError: two files are of one frame.
    """
    data = folder / 'data'
    if not data.is_dir():
        return {}
    changed = data.stat().st_mtime_ns
    # Clocks of file systems are coarse: what changed just now may change unseen.
    is_settled = abs(time.time_ns() - changed) > _JUST_CHANGED
    list_once = _list_frames if is_settled else _list_frames.__wrapped__
    return list_once(data, changed)


@lru_cache(maxsize=256)
def _list_frames(data: Path, changed: int) -> Mapping[int, Path]:
    endings = {SCANNER: ('.bin',), INERTIAL: ('.txt',)}.get(data.parent.name, IMAGE_ENDINGS)
    files: dict[int, Path] = {}
    for file in sorted(data.iterdir()):
        if file.suffix.lower() in endings and file.stem.isdecimal():
            add_frame(files, int(file.stem), file)
    return files
