"""The camera part of KITTI raw's calib_cam_to_cam.txt."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FILE_NAME = 'calib_cam_to_cam.txt'


class KittiCamera(NamedTuple):
    """One rectified camera of a recording day.

    Attributes:
        K: (3, 3) intrinsics [px].
        x: the camera's place along the x axis of camera 0 [m].
        size: (height, width) of its images.
    """

    K: NDArray[np.float64]
    x: float
    size: tuple[int, int]


def read_camera(path: Path, camera: int) -> KittiCamera:
    """Read one camera (0 to 3) of a calib_cam_to_cam.txt.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file lacks the camera or its values make no camera.
    """
    P = read_numbers(path, f'P_rect_{camera:02}', 12).reshape(3, 4)
    width, height = read_numbers(path, f'S_rect_{camera:02}', 2)
    if not (P[0, 0] > 0 and P[1, 1] > 0):
        raise ValueError(
            f'{path}: P_rect_{camera:02} has focal lengths {P[0, 0]} and {P[1, 1]}; expected '
            'positive pixels. Take the official calibration of that day.'
        )
    return KittiCamera(P[:, :3].copy(), float(-P[0, 3] / P[0, 0]), (int(height), int(width)))


def read_numbers(path: Path, key: str, count: int) -> NDArray[np.float64]:
    """Read the (count,) numbers that a calib_*.txt has after a key.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file lacks the key or has other than that many numbers there.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"Calibration '{path}' does not exist; KITTI offers it per day (calibration zip of "
            f'{path.parent.name}). Unpack it there.'
        )
    text = path.read_text(encoding='utf-8', errors='replace')
    lines = dict(_key_and_values(line) for line in text.splitlines() if ':' in line)
    return _values(lines, key, count, path)


def _key_and_values(line: str) -> tuple[str, str]:
    key, _, values = line.partition(':')
    return key.strip(), values


def _values(lines: dict[str, str], key: str, count: int, path: Path) -> NDArray[np.float64]:
    if key not in lines:
        raise ValueError(f"{path}: '{key}' is missing; it is not the calibration of that camera.")
    try:
        values = np.array([float(word) for word in lines[key].split()])
    except ValueError as error:
        raise ValueError(f"{path}: '{key}' holds words that are no numbers: {error}") from error
    if len(values) != count:
        raise ValueError(f"{path}: '{key}' has {len(values)} numbers, expected {count}.")
    return values
