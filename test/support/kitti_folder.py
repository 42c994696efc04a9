"""Write a KITTI raw folder of hand-sized drives, and find the real one."""

from pathlib import Path

import cv2
import numpy as np

REAL_KITTI = Path(__file__).parents[3] / 'shared' / 'data' / 'kitti'

DAY = '2011_09_26'
DRIVE = f'{DAY}/{DAY}_drive_0001_sync'

# A camera of 50 px focal length in the scanner's place: its z axis is the scanner's x axis.
CAMERAS = """
S_rect_02: {width} {height}
R_rect_00: 1 0 0 0 1 0 0 0 1
P_rect_02: 50 0 {cx} 0 0 50 {cy} 0 0 0 1 0
P_rect_03: 50 0 {cx} -25 0 50 {cy} 0 0 0 1 0
S_rect_03: {width} {height}
"""
SCANNER = 'R: 0 -1 0 0 0 -1 1 0 0\nT: 0 0 0\n'


def write_day(root: Path, size: tuple[int, int] = (40, 60)) -> Path:
    """Write the calibration of a day; the principal point is the middle of the image."""
    day = root / DAY
    day.mkdir(parents=True, exist_ok=True)
    height, width = size
    text = CAMERAS.format(height=height, width=width, cx=width // 2, cy=height // 2)
    (day / 'calib_cam_to_cam.txt').write_text(text)
    (day / 'calib_velo_to_cam.txt').write_text(SCANNER)
    return day


def write_image(root: Path, index: int, image: np.ndarray, side: str = 'l') -> Path:
    """Write an (H, W, 3) uint8 RGB image as PNG."""
    camera = {'l': 'image_02', 'r': 'image_03'}[side]
    return _write_png(root / DRIVE / camera / 'data', index, image[..., ::-1])


def write_depth(root: Path, index: int, depth: np.ndarray, kind: str) -> Path:
    """Write an (H, W) depth image [m] as KITTI does: 'velodyne_raw' or 'groundtruth'."""
    values = np.round(depth * 256).astype(np.uint16)
    return _write_png(root / DRIVE / 'proj_depth' / kind / 'image_02', index, values)


def write_scan(root: Path, index: int, points: list[tuple[float, float, float]]) -> Path:
    """Write scanned points (x forward, y left, z up) [m] with a reflectance of 0.5."""
    path = root / DRIVE / 'velodyne_points' / 'data' / f'{index:010}.bin'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.array([(*point, 0.5) for point in points], np.float32).tobytes())
    return path


def write_split(root: Path, *indices: int) -> Path:
    """Write a split file of left images of the drive."""
    path = root / 'split.txt'
    path.write_text(''.join(f'{DRIVE} {index} l\n' for index in indices))
    return path


def _write_png(folder: Path, index: int, values: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f'{index:010}.png'
    assert cv2.imwrite(str(path), values)
    return path
