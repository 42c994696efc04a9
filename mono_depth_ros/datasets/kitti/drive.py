"""One drive of KITTI raw: its folders, frames and time stamps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
IMAGE_ENDINGS = ('.png', '.jpg', '.jpeg')

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
    files = sensor_files(drive / sensor)
    indices = np.array([int(file.stem) for file in files], np.int64)
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
    if (np.diff(stamps) <= 0).any():
        at = int(indices[np.argmax(np.diff(stamps) <= 0) + 1])
        raise ValueError(f"'{path}': line {at + 1} is not later than the one before.")
    return KittiTrack(files, stamps)


def read_stamps(path: Path) -> Stamps:
    """Read a timestamps.txt: one date and time a line, down to the nanosecond, taken as UTC.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is no time.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"'{path}' does not exist, so nobody knows when its frames were taken. Unpack it from "
            "the drive's archive, or state their rate: --rate 10 is KITTI's."
        )
    lines = path.read_text(encoding='utf-8', errors='replace').splitlines()
    return np.array(
        [_parse(line, number, path) for number, line in enumerate(lines, start=1) if line.strip()],
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
    endings = {SCANNER: ('.bin',), INERTIAL: ('.txt',)}.get(folder.name, IMAGE_ENDINGS)
    files = [
        file
        for file in (folder / 'data').glob('*')
        if file.suffix in endings and file.stem.isdigit()
    ]
    return tuple(sorted(files, key=lambda file: int(file.stem)))
