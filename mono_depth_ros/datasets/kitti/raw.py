"""KITTI raw: date/drive folders, png or jpg, colour (02, 03) or gray (00, 01) cameras."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.datasets.image_files import read_image, read_label_map
from mono_depth_ros.datasets.kitti.calibration import FILE_NAME, KittiCamera, read_camera
from mono_depth_ros.datasets.kitti.drive import camera_folder, frame_files
from mono_depth_ros.datasets.kitti.poses import POSES, motion_of, read_poses
from mono_depth_ros.datasets.sample import Source, TrainingSample
from mono_depth_ros.datasets.splits import SplitEntry, read_split
from mono_depth_ros.datasets.stereo_hints import stereo_hint

COLOR, GRAY = {'l': 2, 'r': 3}, {'l': 0, 'r': 1}
_SAME_K = 0.5  # [px]


class KittiRaw:
    """The frames of a split file with their neighbours in time and their stereo partner.

    Args:
        root: holds the folders of the recording days.
        split: a split file, or several that count as one.
        offsets: neighbours in time, e.g. (-1, 1). A frame takes those that exist.
        stereo: add the other camera's image of the same moment, where it exists.
        hints: add depth from stereo matching wherever the partner exists.
        keep: keep decoded images in memory, for data that fits.
        both_sides: take the other camera's image of every line as a target too, where it exists.
        known_poses: give neighbours their place from odometry's poses.txt, where a drive has it.
        labels: folder of semantic label maps beside each folder of images: with 'labels', those of
            image_02/data/0000000005.jpg are in image_02/labels/0000000005.png, one class number
            per pixel; where there is none, the sample has none.

    Raises:
        FileNotFoundError, ValueError: root or split is missing or wrong.
    """

    def __init__(
        self,
        root: str | Path,
        split: str | Path | Sequence[str | Path],
        offsets: Sequence[int] = (-1, 1),
        stereo: bool = False,
        hints: bool = False,
        keep: bool = False,
        both_sides: bool = False,
        known_poses: bool = False,
        labels: str = '',
    ) -> None:
        self.root = Path(root).expanduser()
        if not self.root.is_dir():
            raise FileNotFoundError(
                f"KITTI's root '{root}' is no folder; expected one with days such as 2011_09_26."
            )
        splits = [split] if isinstance(split, (str, Path)) else split
        self.entries = [entry for path in splits for entry in read_split(path)]
        if both_sides:
            self.entries += self._other_sides()
        self.known_poses = known_poses
        self.labels = labels
        self.offsets = tuple(offsets)
        self.stereo = stereo
        self.hints = hints
        self._kept: dict[Path, NDArray[np.uint8]] | None = {} if keep else None
        self._kept_hints: dict[SplitEntry, NDArray[np.float32]] = {}

    def __len__(self) -> int:
        """Return the number of lines of the split."""
        return len(self.entries)

    def __getitem__(self, index: int) -> TrainingSample:
        """Read a frame and its sources.

        Raises:
            FileNotFoundError: the frame itself, or all of its sources are missing.
            ValueError: an image or the calibration is broken, or sizes differ.
        """
        entry = self.entries[index]
        path = self._image_path(entry)
        if path is None:
            raise FileNotFoundError(
                f"Frame '{entry}' is missing: no {entry.index:010}.png/.jpg in image_02 "
                f'or image_00 (right: 03, 01) of {self.root / entry.folder}. Unpack that drive, '
                'or drop the line from the split.'
            )
        camera = self._camera(path)
        target = self._read(path, camera)
        stereo = self._partner(entry, path, camera)
        sources = [*self._neighbours(entry, path, camera), *([stereo] if stereo else [])]
        if not self.stereo:
            sources = [source for source in sources if source.offset]
        if not sources and (self.offsets or self.stereo):
            wanted = ', '.join(f'{offset:+}' for offset in self.offsets) or 'none'
            raise FileNotFoundError(
                f"Frame '{entry}' has nothing to compare with: neighbours {wanted}"
                f'{" and the stereo partner" if self.stereo else ""} are missing beside {path}. '
                'Drop the line from the split, or choose other supervision.'
            )
        hint = self._hint(entry, target, stereo, camera)
        return TrainingSample(
            target, tuple(sources), camera.K, str(entry), hint, self._labels(path, camera)
        )

    def _other_sides(self) -> list[SplitEntry]:
        others = [_other_side(entry) for entry in self.entries]
        known = set(self.entries)
        return [other for other in others if other not in known and self._image_path(other)]

    def _neighbours(self, entry: SplitEntry, path: Path, camera: KittiCamera) -> list[Source]:
        paths = {
            offset: self._image_path(entry._replace(index=entry.index + offset), path)
            for offset in self.offsets
        }
        poses = read_poses(path.parents[2] / POSES)
        sources = []
        for offset, neighbour in paths.items():
            if neighbour:
                motion = motion_of(poses, entry.index, offset, camera.x)
                distance = None if motion is None else float(np.linalg.norm(motion[:3, 3]))
                sources.append(
                    Source(
                        self._read(neighbour, camera),
                        offset,
                        motion if self.known_poses else None,
                        distance,
                    )
                )
        return sources

    def _partner(self, entry: SplitEntry, path: Path, camera: KittiCamera) -> Source | None:
        if not (self.stereo or self.hints):
            return None
        partner = self._image_path(_other_side(entry), path)
        if partner is None:
            return None
        pose = np.eye(4)
        pose[0, 3] = self._baseline(path, partner, entry.side)
        return Source(self._read(partner, camera), 0, pose, abs(float(pose[0, 3])))

    def _baseline(self, path: Path, partner: Path, side: str) -> float:
        """Return the x of an image's camera, seen from its partner's [m]."""
        camera, other = self._camera(path), self._camera(partner)
        baseline = camera.x - other.x
        is_placed = baseline < 0 if side == 'l' else baseline > 0
        if not (is_placed and np.allclose(camera.K, other.K, rtol=0, atol=_SAME_K)):
            raise ValueError(
                f'{path.parents[3] / FILE_NAME}: the cameras of {path.parents[1].name} and '
                f'{partner.parents[1].name} make no rectified pair (x {camera.x:.3f} and '
                f'{other.x:.3f} m, fx {camera.K[0, 0]:.1f} and {other.K[0, 0]:.1f} px); expected '
                'equal K and the odd camera on the right. Take the official calibration of that '
                'day.'
            )
        return baseline

    def _hint(
        self,
        entry: SplitEntry,
        target: NDArray[np.uint8],
        stereo: Source | None,
        camera: KittiCamera,
    ) -> NDArray[np.float32] | None:
        if not self.hints or stereo is None or stereo.source_from_target is None:
            return None
        if entry not in self._kept_hints:
            baseline = float(stereo.source_from_target[0, 3])
            hint = stereo_hint(target, stereo.image, float(camera.K[0, 0]), baseline)
            if self._kept is None:
                return hint
            self._kept_hints[entry] = hint
        return self._kept_hints[entry]

    def _labels(self, image: Path, camera: KittiCamera) -> NDArray[np.uint8] | None:
        path = image.parents[1] / self.labels / f'{image.stem}.png'
        if not self.labels or not path.is_file():
            return None
        labels = read_label_map(path)
        if labels.shape != camera.size:
            raise ValueError(
                f"Label map '{path}' is {labels.shape[0]}x{labels.shape[1]} (height x width), but "
                f'its image is {camera.size[0]}x{camera.size[1]}; expected one class per pixel.'
            )
        return labels

    def _image_path(self, entry: SplitEntry, like: Path | None = None) -> Path | None:
        """Return a frame's file, of the kind (colour or gray) of another one if given."""
        kinds = [COLOR, GRAY]
        if like:
            kinds = [COLOR] if int(like.parent.parent.name[-2:]) >= 2 else [GRAY]
        paths = (find_image(self.root, entry, kind[entry.side]) for kind in kinds)
        return next((path for path in paths if path), None)

    def _camera(self, path: Path) -> KittiCamera:
        return _read_camera_once(path.parents[3] / FILE_NAME, int(path.parent.parent.name[-2:]))

    def _read(self, path: Path, camera: KittiCamera) -> NDArray[np.uint8]:
        if self._kept is not None and path in self._kept:
            return self._kept[path]
        image = read_image(path)
        if image.shape[:2] != camera.size:
            raise ValueError(
                f"Image '{path}' is {image.shape[0]}x{image.shape[1]} (height x width), but "
                f'{FILE_NAME} of its day says {camera.size[0]}x{camera.size[1]}. Use the '
                'rectified (sync) images and the calibration of that day.'
            )
        if self._kept is not None:
            self._kept[path] = image
        return image


def find_image(root: Path, entry: SplitEntry, camera: int) -> Path | None:
    """Return the file of a frame as a camera (0 to 3) took it, None where there is none.

    Raises:
        ValueError: two files are of one frame.
    """
    return frame_files(root / entry.folder / camera_folder(camera)).get(entry.index)


def _other_side(entry: SplitEntry) -> SplitEntry:
    return entry._replace(side='r' if entry.side == 'l' else 'l')


@lru_cache(maxsize=64)
def _read_camera_once(path: Path, camera: int) -> KittiCamera:
    return read_camera(path, camera)
