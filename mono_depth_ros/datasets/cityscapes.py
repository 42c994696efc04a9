"""Cityscapes: snippets of 30 frames (leftImg8bit_sequence), their cameras, the right image.

    root/leftImg8bit_sequence/train/<city>/<city>_<sequence>_<frame>_leftImg8bit.png
    root/rightImg8bit_sequence/…_rightImg8bit.png          stereo
    root/camera/train/<city>/…_camera.json                 one for each snippet

Without neighbours (offsets=()) the plain leftImg8bit and rightImg8bit will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.datasets.file_kinds import IMAGE_ENDINGS, add_frame, is_called_image
from mono_depth_ros.datasets.image_files import read_image
from mono_depth_ros.datasets.json_files import expecting, read_json
from mono_depth_ros.datasets.sample import Source, TrainingSample
from mono_depth_ros.messages.calibration_file import check_principal_point
from mono_depth_ros.types import Image, Matrix

LEFT, RIGHT = 'leftImg8bit', 'rightImg8bit'
# A snippet has 30 frames; the camera file bears the number of its annotated one.
SNIPPET = 30
_CAMERA = "a Cityscapes camera JSON with 'intrinsic' and 'extrinsic' (camera_trainvaltest.zip)"


class _Frame(NamedTuple):
    """City, sequence and number of an image."""

    city: str
    sequence: str
    number: int

    def file(self, kind: str, ending: str) -> str:
        return f'{self.city}/{self.city}_{self.sequence}_{self.number:06}_{kind}{ending}'


class Cityscapes:
    """The frames of one split with those before and after them and the right camera's image.

    Args:
        root: holds leftImg8bit_sequence (or leftImg8bit) and camera.
        split: 'train', 'val' or 'test'.
        offsets: neighbours, in steps after the target (before it: negative); () for stereo or a
            teacher alone.
        step: frames from one neighbour to the next. The camera has 17 Hz; 2 comes near KITTI's
            10 Hz.
        stereo: add the right image of the same moment.
        keep_rows: share of the rows to keep, from the top: the default cuts the lower quarter,
            where the car's own bonnet moves with the camera; 1 keeps it.

    Raises:
        FileNotFoundError, ValueError: a folder or a camera file is missing or wrong; no samples
            remain.
    """

    def __init__(
        self,
        root: str | Path,
        split: str = 'train',
        offsets: Sequence[int] = (-1, 1),
        step: int = 2,
        stereo: bool = False,
        keep_rows: float = 0.75,
    ) -> None:
        if not 0 < keep_rows <= 1 or step < 1 or 0 in offsets:
            raise ValueError(
                f'keep_rows is {keep_rows}, step {step}, offsets {tuple(offsets)}; expected a '
                'share above 0 and up to 1, a step of 1 or more, offsets without 0.'
            )
        self.root, self.split = Path(root).expanduser(), split
        self.offsets, self.step, self.stereo = tuple(offsets), step, stereo
        self.keep_rows = keep_rows
        self._left = _image_folder(self.root, LEFT, bool(offsets))
        self._files = _find_images(self._left / split, LEFT)
        self._cameras = _find_cameras(self.root / 'camera' / split)
        self._targets = [frame for frame in sorted(self._files) if self._is_complete(frame)]
        for frame in self._targets:
            self._camera_file(frame)
        if not self._targets:
            raise ValueError(
                f"No training samples in '{self._left / split}': none of {len(self._files)} "
                f'images has its neighbours {self.offsets} x {step} frames away. Expected whole '
                'snippets (leftImg8bit_sequence), or offsets=() with stereo.'
            )

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._targets)

    def __getitem__(self, index: int) -> TrainingSample:
        """Read one sample.

        Raises:
            FileNotFoundError, ValueError: an image or its camera file is missing or broken.
        """
        frame = self._targets[index]
        path = self._camera_file(frame)
        K, baseline = _read_camera(path)
        target = self._read(self._path(frame))
        check_principal_point(K, (target.shape[0], target.shape[1]), f"'{path}' (bonnet cut off)")
        sources = [
            Source(self._read(self._path(self._moved(frame, offset))), offset)
            for offset in self.offsets
        ]
        if self.stereo:
            sources.append(self._partner(frame, baseline))
        return TrainingSample(target, tuple(sources), K, str(self._path(frame)))

    def _partner(self, frame: _Frame, baseline: float) -> Source:
        kind = self._left.name.replace(LEFT, RIGHT)
        folder, own = self.root / kind / self.split, self._files[frame].suffix
        paths = [folder / frame.file(RIGHT, ending) for ending in (own, *IMAGE_ENDINGS)]
        path = next((path for path in paths if path.is_file()), paths[0])
        if not path.is_file():
            raise FileNotFoundError(
                f"Image '{path}' does not exist; stereo needs {kind} "
                f'({kind}_trainvaltest.zip), unpacked in {self.root}.'
            )
        pose: Matrix = np.eye(4)
        pose[0, 3] = -baseline
        return Source(self._read(path), 0, pose, baseline)

    def _moved(self, frame: _Frame, offset: int) -> _Frame:
        return frame._replace(number=frame.number + offset * self.step)

    def _is_complete(self, frame: _Frame) -> bool:
        return all(self._moved(frame, offset) in self._files for offset in self.offsets)

    def _path(self, frame: _Frame) -> Path:
        return self._files[frame]

    def _read(self, path: Path) -> Image:
        image = read_image(path)
        return np.ascontiguousarray(image[: round(self.keep_rows * len(image))])

    def _camera_file(self, frame: _Frame) -> Path:
        known = self._cameras.get((frame.city, frame.sequence), np.zeros(0, np.int64))
        distances = np.abs(known - frame.number)
        if not distances.size or distances.min() >= SNIPPET:
            raise FileNotFoundError(
                f"'{self._path(frame).name}' has no camera file of its snippet in "
                f"'{self.root / 'camera' / self.split}'; unpack camera_trainvaltest.zip in "
                f"'{self.root}'."
            )
        nearest = frame._replace(number=int(known[distances.argmin()]))
        return self.root / 'camera' / self.split / nearest.file('camera', '.json')


def _image_folder(root: Path, kind: str, needs_sequence: bool) -> Path:
    names = [f'{kind}_sequence'] if needs_sequence else [f'{kind}_sequence', kind]
    for name in names:
        if (root / name).is_dir():
            return root / name
    raise FileNotFoundError(
        f"Cityscapes' root '{root}' has no {' or '.join(names)}; unpack "
        f'{names[0]}_trainvaltest.zip there.'
    )


def _find_images(folder: Path, kind: str) -> dict[_Frame, Path]:
    """Return the images of a split.

    Raises:
        FileNotFoundError: there are none.
        ValueError: two files are of one frame.
    """
    found: dict[_Frame, Path] = {}
    for path in sorted(filter(is_called_image, folder.glob(f'*/*_{kind}.*'))):
        city, sequence, number, _ = path.stem.rsplit('_', 3)
        add_frame(found, _Frame(city, sequence, int(number)), path)
    if not found:
        raise FileNotFoundError(
            f"'{folder}' has no images <city>/*_{kind}.png. Splits of "
            f"Cityscapes are 'train', 'val' and 'test'."
        )
    return found


def _find_cameras(folder: Path) -> dict[tuple[str, str], NDArray[np.int64]]:
    """Return the numbers of the camera files, by city and sequence."""
    numbers: dict[tuple[str, str], list[int]] = {}
    for path in folder.glob('*/*_camera.json'):
        city, sequence, number, _ = path.stem.rsplit('_', 3)
        numbers.setdefault((city, sequence), []).append(int(number))
    return {key: np.array(sorted(found), np.int64) for key, found in numbers.items()}


@lru_cache(maxsize=4096)
def _read_camera(path: Path) -> tuple[Matrix, float]:
    """Return K (3, 3) [px] and the baseline [m]."""
    content = read_json(path, _CAMERA)
    with expecting(path, _CAMERA):
        values = content['intrinsic']
        K = np.array(
            [[values['fx'], 0, values['u0']], [0, values['fy'], values['v0']], [0, 0, 1]], float
        )
        baseline = float(content['extrinsic']['baseline'])
    if not (K[0, 0] > 0 and K[1, 1] > 0 and baseline > 0):
        raise ValueError(
            f"'{path}': focal lengths {K[0, 0]:g} and {K[1, 1]:g} and baseline "
            f'{baseline:g} must be positive. Unpack camera_trainvaltest.zip again.'
        )
    return K, baseline
