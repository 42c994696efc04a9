"""DDAD, and every other data set of TRI's DGP format: surround cameras with poses.

A scene is one JSON file (samples of all sensors, poses) beside `calibration/` and the images; a
dataset JSON lists scenes by split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from mono_depth_ros.datasets.image_files import read_image
from mono_depth_ros.datasets.json_files import expecting, read_json
from mono_depth_ros.datasets.known_splits import DDAD_SPLITS
from mono_depth_ros.datasets.sample import Source, TrainingSample
from mono_depth_ros.geometry.rotations import matrix_from_quaternion, rigid
from mono_depth_ros.messages.calibration_file import check_principal_point
from mono_depth_ros.types import Image, Matrix

DISTORTION = ('k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'p1', 'p2')
_DATASET = "a DGP dataset JSON with 'scene_splits', or a scene JSON with 'samples' and 'data'"
_SCENE = "a DGP scene JSON with 'samples' and 'data'"
_CALIBRATION = "a DGP calibration JSON with 'names' and 'intrinsics'"


@dataclass(frozen=True, eq=False)
class DgpScan:
    """The points of one sample's lidar.

    Attributes:
        path: of the npz file.
        world_from_sensor: (4, 4) pose of its moment [m].
    """

    path: Path
    world_from_sensor: Matrix


@dataclass(frozen=True, eq=False)
class DgpFrame:
    """One image of one camera.

    Attributes:
        path: of the image.
        size: (height, width).
        K: (3, 3) intrinsics [px].
        world_from_sensor: (4, 4) pose of its optical frame and its moment [m].
        name: scene, camera and file, for messages.
    """

    path: Path
    size: tuple[int, int]
    K: Matrix
    world_from_sensor: Matrix
    name: str

    @property
    def position(self) -> Matrix:
        """The camera's (3,) place in the world [m]."""
        return self.world_from_sensor[:3, 3]


class Ddad:
    """Images of a DGP data set with those before and after them.

    The camera's poses give the distance between target and source, for depth in metres.

    Args:
        path: a dataset JSON (ddad.json), or one scene JSON.
        cameras: which cameras, e.g. ('CAMERA_01', 'CAMERA_05').
        split: 'train', 'val', 'test' or 'train_overfit' of a dataset JSON.
        offsets: neighbours, in samples after the target (before it: negative); () for a teacher
            alone, to whom every image is a target.
        min_distance: samples are dropped unless the camera moves this far to each source [m].

    Attributes:
        static: how many targets were left out because the camera hardly moves.

    Raises:
        FileNotFoundError, ValueError: a file or a camera is missing or wrong; no samples remain.
    """

    def __init__(
        self,
        path: str | Path,
        cameras: Sequence[str] = ('CAMERA_01',),
        split: str = 'train',
        offsets: Sequence[int] = (-1, 1),
        min_distance: float = 0.1,
    ) -> None:
        if 0 in offsets:
            raise ValueError(f'offsets are {tuple(offsets)}; expected neighbours, none of them 0.')
        self.offsets = tuple(offsets)
        self._rows: list[tuple[DgpFrame, ...]] = []
        self.static = 0
        for scene in _scenes(Path(path).expanduser(), split):
            content = read_json(scene, _SCENE)
            for camera in cameras:
                rows = self._complete([frame for frame, _ in _frames(scene, content, camera)])
                moving = [row for row in rows if _least_distance(row) >= min_distance]
                self.static += len(rows) - len(moving)
                self._rows += moving
        if not self._rows:
            raise ValueError(
                f"No training samples in '{path}' ({split}): {self.static} dropped because the "
                f'camera moves less than {min_distance} m. Samples need neighbours at '
                f'{self.offsets} and a moving camera; min_distance=0 keeps all.'
            )

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._rows)

    def __getitem__(self, index: int) -> TrainingSample:
        """Read one sample.

        Raises:
            FileNotFoundError, ValueError: an image is missing, broken or of another size.
        """
        target, *others = self._rows[index]
        sources = tuple(
            Source(read_dgp_image(other), offset, distance=_distance(target, other))
            for offset, other in zip(self.offsets, others)
        )
        return TrainingSample(read_dgp_image(target), sources, target.K, str(target.path))

    def _complete(self, frames: list[DgpFrame]) -> list[tuple[DgpFrame, ...]]:
        steps = (0, *self.offsets)
        return [
            tuple(frames[index + step] for step in steps)
            for index in range(len(frames))
            if all(0 <= index + step < len(frames) for step in steps)
        ]


def lidar_frames(
    path: str | Path, cameras: Sequence[str], split: str
) -> list[tuple[DgpFrame, DgpScan]]:
    """List the images of cameras with the lidar's points of the same samples.

    Args:
        path: a dataset JSON (ddad.json), or one scene JSON.
        cameras: which cameras.
        split: 'train', 'val', 'test' or 'train_overfit' of a dataset JSON.

    Raises:
        FileNotFoundError, ValueError: a file, a camera or the lidar is missing or wrong.
    """
    pairs = []
    for scene in _scenes(Path(path).expanduser(), split):
        content = read_json(scene, _SCENE)
        for camera in cameras:
            for frame, scan in _frames(scene, content, camera):
                if scan is None:
                    raise ValueError(
                        f"Sample of '{frame.name}' in '{scene}' has no point cloud of a lidar; "
                        'true depth comes from it. Take scenes with their lidar.'
                    )
                pairs.append((frame, scan))
    if not pairs:
        raise ValueError(f"'{path}' has no images of {', '.join(cameras) or 'no camera'}.")
    return pairs


def read_dgp_image(frame: DgpFrame) -> Image:
    """Read a frame's (H, W, 3) uint8 RGB image.

    Raises:
        FileNotFoundError, ValueError: it is missing, broken or of another size.
    """
    image = read_image(frame.path)
    if image.shape[:2] != frame.size:
        raise ValueError(
            f"Image '{frame.path}' is {image.shape[1]}x{image.shape[0]}, but its "
            f'scene says {frame.size[1]}x{frame.size[0]}. Use the original images: '
            'the calibration is theirs.'
        )
    return image


def read_points(path: Path) -> Matrix:
    """Read the (N, 3) points of a scan, in its sensor's frame [m].

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no npz of points.
    """
    if not path.is_file():
        raise FileNotFoundError(f"Points '{path}' do not exist. Unpack the scene's point_cloud.")
    try:
        with np.load(path) as content:
            points = content['data']
            if points.ndim != 2 or points.shape[1] < 3 or not np.isfinite(points).all():
                raise ValueError(f'shape {points.shape}')
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise ValueError(
            f"Points '{path}' are no npz whose 'data' is (N, 3 or more) finite "
            f'numbers ({error}). Copy the file again.'
        ) from error
    return np.asarray(points[:, :3], np.float64)


def _scenes(path: Path, split: str) -> list[Path]:
    content = read_json(path, _DATASET)
    if 'samples' in content:
        return [path]
    if split not in DDAD_SPLITS:
        raise ValueError(f"Unknown split '{split}'. Expected one of: {', '.join(DDAD_SPLITS)}.")
    with expecting(path, _DATASET):
        known = content['scene_splits']
        names = known[DDAD_SPLITS[split]]['filenames'] if DDAD_SPLITS[split] in known else []
    if not names:
        held = [name for name, key in DDAD_SPLITS.items() if key in known]
        raise ValueError(
            f"'{path}' has no scenes of split '{split}'. It holds: {', '.join(held) or 'none'}."
        )
    return [path.parent / name for name in names]


def _frames(
    scene: Path, content: dict[str, Any], camera: str
) -> list[tuple[DgpFrame, DgpScan | None]]:
    """Return the images of one camera in the order of the scene's samples, with their scans."""
    with expecting(scene, _SCENE):
        data = {datum['key']: datum for datum in content['data']}
        cameras = sorted(
            {datum['id']['name'] for datum in data.values() if 'image' in datum['datum']}
        )
        if camera not in cameras:
            raise ValueError(
                f"'{scene}' has no camera '{camera}'. It holds: {', '.join(cameras)}."
            )
        intrinsics: dict[str, Matrix] = {}
        frames = []
        for sample in content['samples']:
            calibration = sample['calibration_key']
            scan = None
            for datum in (data[key] for key in sample['datum_keys']):
                if 'filename' in datum['datum'].get('point_cloud', {}):
                    scan = _scan(scene, datum['datum']['point_cloud'])
            for datum in (data[key] for key in sample['datum_keys']):
                if datum['id']['name'] != camera:
                    continue
                if calibration not in intrinsics:
                    intrinsics[calibration] = _intrinsics(
                        scene.parent / 'calibration' / f'{calibration}.json', camera
                    )
                image = datum['datum']['image']
                frames.append((_frame(scene, image, intrinsics[calibration]), scan))
    return frames


def _frame(scene: Path, image: dict[str, Any], K: Matrix) -> DgpFrame:
    size = (int(image['height']), int(image['width']))
    check_principal_point(K, size, f"Calibration of '{scene}'")
    return DgpFrame(
        scene.parent / image['filename'],
        size,
        K,
        _pose(scene, image['pose']),
        f'{scene.parent.name}/{image["filename"]}',
    )


def _scan(scene: Path, cloud: dict[str, Any]) -> DgpScan:
    return DgpScan(scene.parent / cloud['filename'], _pose(scene, cloud['pose']))


def _pose(scene: Path, pose: dict[str, Any]) -> Matrix:
    """Return world_from_sensor (4, 4) of a translation and a quaternion."""
    quaternion = [float(pose['rotation'][f'q{name}']) for name in 'xyzw']
    position = [float(pose['translation'][axis]) for axis in 'xyz']
    try:
        return rigid(matrix_from_quaternion(quaternion), position)
    except ValueError as error:
        raise ValueError(f"A pose in '{scene}' is none: {error}") from error


def _intrinsics(path: Path, camera: str) -> Matrix:
    content = read_json(path, _CALIBRATION)
    with expecting(path, _CALIBRATION):
        if camera not in content['names']:
            raise ValueError(
                f"'{path}' has no camera '{camera}'. It holds: {', '.join(content['names'])}."
            )
        values = content['intrinsics'][content['names'].index(camera)]
        K = np.array(
            [
                [values['fx'], values.get('skew', 0), values['cx']],
                [0, values['fy'], values['cy']],
                [0, 0, 1],
            ],
            float,
        )
    if not (K[0, 0] > 0 and K[1, 1] > 0):
        raise ValueError(
            f"'{path}': focal lengths of {camera} are {K[0, 0]:g} and {K[1, 1]:g}; "
            'expected positive pixels. Take the official calibration.'
        )
    if any(values.get(name) for name in DISTORTION):
        raise ValueError(
            f"'{path}': {camera} is distorted. Expected rectified images; rectify "
            'them and their calibration first.'
        )
    return K


def _distance(first: DgpFrame, second: DgpFrame) -> float:
    return float(np.linalg.norm(second.position - first.position))


def _least_distance(row: tuple[DgpFrame, ...]) -> float:
    return min((_distance(row[0], other) for other in row[1:]), default=float('inf'))
