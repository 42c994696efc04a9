"""Frames of KITTI raw with their true depth, and which of its pixels count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.datasets.file_kinds import IMAGE_ENDINGS
from mono_depth_ros.datasets.image_files import read_image, read_unchanged
from mono_depth_ros.datasets.kitti.calibration import FILE_NAME, read_camera
from mono_depth_ros.datasets.kitti.drive import SCANNER, camera_folder, frame_files
from mono_depth_ros.datasets.kitti.raw import COLOR, find_image
from mono_depth_ros.datasets.splits import SplitEntry
from mono_depth_ros.evaluation.frame_metrics import LIMITS
from mono_depth_ros.evaluation.lidar import read_scan, velodyne_depth, velodyne_projection
from mono_depth_ros.evaluation.protocol.options import GROUND_TRUTHS
from mono_depth_ros.evaluation.protocol.samples import Frame
from mono_depth_ros.types import Image, Matrix, Size

_SCANS = {'lidar': 'scanner', 'lidar_z': 'camera'}
_PNG_FOLDERS = {'projected': 'velodyne_raw', 'dense': 'groundtruth'}
_GARG_ROWS = (0.40810811, 0.99189189)
_GARG_COLUMNS = (0.03594771, 0.96405229)
_PNG_UNITS_PER_METRE = 256


def check_ground_truth(kind: str) -> None:
    """Raise a ValueError that lists the kinds of true depth if this is none."""
    if kind not in GROUND_TRUTHS:
        raise ValueError(f"ground_truth is '{kind}'; expected {', '.join(GROUND_TRUTHS)}.")


def read_frame(root: Path, entry: SplitEntry, kind: str) -> Frame:
    """Read a colour image, its intrinsics and its true depth.

    Args:
        root: holds the folders of the recording days.
        entry: a line of a split file.
        kind: 'lidar' (velodyne_points, forward from the scanner), 'lidar_z' (the same along the
            camera's optical axis), 'projected' (proj_depth/velodyne_raw) or 'dense'
            (proj_depth/groundtruth); the PNGs hold depth along the optical axis too.

    Raises:
        FileNotFoundError: drive, image, true depth or calibration is missing.
        ValueError: a file is broken, sizes differ, or no pixel is left to compare.
    """
    check_ground_truth(kind)
    image = read_image_of(root, entry)
    depth = read_depth(root, entry, kind)
    if image.shape[:2] != depth.shape:
        raise ValueError(
            f"Image '{_image_path(root, entry)}' is {_size_text(image.shape)} (height x width), "
            f'but its true depth is {_size_text(depth.shape)}. Use the rectified (sync) images at '
            'the size that KITTI publishes; the network gets them resized.'
        )
    mask = evaluation_mask(depth, kind)
    if not mask.any():
        raise ValueError(
            f"Frame '{entry}' has no true depth ({kind}) where it is evaluated. Drop its line "
            'from the split.'
        )
    K = read_camera(_day(root, entry) / FILE_NAME, COLOR[entry.side]).K
    return Frame(str(entry), image, K, depth, mask)


def read_image_of(root: Path, entry: SplitEntry) -> Image:
    """Read the colour image (H, W, 3) of a line of a split."""
    return read_image(_image_path(root, entry))


def read_depth(root: Path, entry: SplitEntry, kind: str) -> Matrix:
    """Read a frame's true depth (H, W) [m], 0 where unknown; arguments as in read_frame."""
    check_ground_truth(kind)
    path = _depth_path(root, entry, kind)
    if not path.is_file():
        raise FileNotFoundError(
            f"True depth '{path}' ({kind}) of frame '{entry}' does not exist. "
            f'{_what_there_is(root, entry)}'
        )
    if kind in _SCANS:
        day, camera = _day(root, entry), COLOR[entry.side]
        size = read_camera(day / FILE_NAME, camera).size
        projection = velodyne_projection(day, camera)
        return velodyne_depth(read_scan(path), projection, size, _SCANS[kind])
    return _read_png(path)


def evaluation_mask(depth: Matrix, kind: str) -> NDArray[np.bool_]:
    """Return where true depth (H, W) [m] is compared.

    'dense' follows the improved ground truth: wherever there is any. The others follow Eigen:
    between the caps and within Garg's crop.
    """
    if not GROUND_TRUTHS[kind]:
        return depth > 0
    mask = np.zeros(depth.shape, bool)
    rows, columns = garg_crop((depth.shape[0], depth.shape[1]))
    mask[rows, columns] = True
    return mask & (depth > LIMITS[0]) & (depth < LIMITS[1])


def garg_crop(size: Size) -> tuple[slice, slice]:
    """Return the rows and columns of Garg et al. 2016: without sky, bonnet and borders."""
    rows = (int(share * size[0]) for share in _GARG_ROWS)
    columns = (int(share * size[1]) for share in _GARG_COLUMNS)
    return slice(*rows), slice(*columns)


def _day(root: Path, entry: SplitEntry) -> Path:
    return root / Path(entry.folder).parent


def _image_path(root: Path, entry: SplitEntry) -> Path:
    drive = root / entry.folder
    if not drive.is_dir():
        raise FileNotFoundError(
            f"Drive '{drive}' of frame '{entry}' does not exist. Unpack it below '{root}', or "
            'drop its lines from the split.'
        )
    camera = COLOR[entry.side]
    path = find_image(root, entry, camera)
    if path is None:
        missing = drive / camera_folder(camera) / 'data' / f'{entry.index:010}{IMAGE_ENDINGS[0]}'
        raise FileNotFoundError(
            f"Image '{missing}' (or {', '.join(IMAGE_ENDINGS[1:])}) of frame '{entry}' does not "
            'exist. Unpack the whole drive, or drop the line from the split.'
        )
    return path


def _depth_path(root: Path, entry: SplitEntry, kind: str) -> Path:
    drive = root / entry.folder
    if kind in _SCANS:
        missing = drive / SCANNER / 'data' / f'{entry.index:010}.bin'
        return frame_files(drive / SCANNER).get(entry.index, missing)
    camera = f'image_{COLOR[entry.side]:02}'
    return drive / 'proj_depth' / _PNG_FOLDERS[kind] / camera / f'{entry.index:010}.png'


def _what_there_is(root: Path, entry: SplitEntry) -> str:
    there = [kind for kind in GROUND_TRUTHS if _depth_path(root, entry, kind).is_file()]
    if there:
        return f'The frame has {" and ".join(there)}: choose it as ground truth.'
    return "Unpack the drive with velodyne_points, or KITTI's annotated depth into proj_depth."


def _read_png(path: Path) -> Matrix:
    values = read_unchanged(path)
    if values.ndim != 2 or values.dtype != np.uint16:
        raise ValueError(
            f"True depth '{path}' is no 16-bit gray PNG (metres times {_PNG_UNITS_PER_METRE}). "
            'Copy it again.'
        )
    return np.asarray(values, np.float64) / _PNG_UNITS_PER_METRE


def _size_text(shape: tuple[int, ...]) -> str:
    return f'{shape[0]}x{shape[1]}'
