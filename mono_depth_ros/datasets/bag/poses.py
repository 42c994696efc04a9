"""Where the camera of a bag was: a file beside the bag, which training reads.

Its lines are those of the TUM benchmark, which many SLAM programs write: seconds, place x y z [m]
and quaternion x y z w of the (rectified) camera in a fixed frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np

from mono_depth_ros.geometry.rotations import quaternion_from_matrix
from mono_depth_ros.geometry.transforms import Trajectory
from mono_depth_ros.stamps import NANOSECONDS
from mono_depth_ros.types import Matrix

_EXPECTED = 'stamp [s], x y z [m] and quaternion x y z w'


def poses_file(bag: Path) -> Path:
    """Return where the poses of a bag are: drive.mcap.poses.txt beside drive.mcap."""
    return bag.with_name(f'{bag.name}.poses.txt')


def write_poses(path: Path, stamps: Sequence[int], poses: Matrix) -> None:
    """Write world_from_camera (N, 3, 4) at stamps [ns], exact to the nanosecond."""
    with path.open('w', encoding='utf-8') as file:
        print(f'# {_EXPECTED} of world_from_camera', file=file)
        for stamp, pose in zip(stamps, poses):
            numbers = [*pose[:, 3], *quaternion_from_matrix(pose[:, :3])]
            text = ' '.join(f'{number:.9g}' for number in numbers)
            print(f'{stamp // NANOSECONDS}.{stamp % NANOSECONDS:09} {text}', file=file)


def read_poses(path: Path) -> Trajectory:
    """Read such a file; between its poses the camera moves steadily.

    Raises:
        FileNotFoundError: there is none; says how it is made.
        ValueError: a line holds something else; names it.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"known_poses needs '{path}', which does not exist. Write it with find_poses, or copy "
            f'what a SLAM program found: lines of {_EXPECTED}.'
        )
    track = Trajectory()
    lines = path.read_text(encoding='utf-8', errors='replace').splitlines()
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith('#'):
            continue
        try:
            stamp, *values = words
            x, y, z, *quaternion = map(float, values)
            track.add(int(Decimal(stamp) * NANOSECONDS), (x, y, z), _four(quaternion))
        except (ValueError, InvalidOperation) as error:
            raise ValueError(f"'{path}', line {number}: {error}; expected {_EXPECTED}.") from error
    return track


def motion_between(track: Trajectory, target: int, source: int) -> Matrix | None:
    """Return source_from_target (4, 4) of the camera at two stamps [ns], None where not known."""
    world_from_target, world_from_source = track.at(target), track.at(source)
    if world_from_target is None or world_from_source is None:
        return None
    return np.asarray(np.linalg.inv(world_from_source) @ world_from_target)


def _four(quaternion: Sequence[float]) -> Sequence[float]:
    if len(quaternion) != 4:
        raise ValueError(f'{4 + len(quaternion)} numbers in place of 8')
    return quaternion
