"""What a card can be evaluated on: frames with true depth, and what they are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mono_depth_ros.evaluation.protocol.ddad import DdadFrames
from mono_depth_ros.evaluation.protocol.kitti import KittiFrames, open_split
from mono_depth_ros.evaluation.protocol.options import KITTI_SPLITS
from mono_depth_ros.evaluation.protocol.samples import Frames


@dataclass(frozen=True)
class EvaluationSet:
    """Frames with true depth.

    Attributes:
        frames: what is read.
        split: name of the split, or the path of its file.
        root: where the data are.
        cameras: names of the cameras, where the data set has several.
    """

    frames: Frames
    split: str
    root: Path
    cameras: tuple[str, ...] = ()


def kitti_set(root: str | Path, split: str, ground_truth: str | None = None) -> EvaluationSet:
    """Open a split of KITTI raw.

    Args:
        root: holds the folders of the recording days.
        split: a key of KITTI_SPLITS, or a file of lines 'folder index side'.
        ground_truth: see KittiFrames; None for that which the papers take with the split.

    Raises:
        FileNotFoundError, ValueError: see open_split and KittiFrames.
    """
    path, entries = open_split(root, split)
    usual = KITTI_SPLITS[split][1] if split in KITTI_SPLITS else 'lidar'
    frames = KittiFrames(root, entries, ground_truth or usual)
    name = split if split in KITTI_SPLITS else str(path.resolve())
    return EvaluationSet(frames, name, Path(root).expanduser().resolve())


def ddad_set(path: str | Path, split: str, cameras: Sequence[str]) -> EvaluationSet:
    """Open a split of DDAD, or one scene.

    Raises:
        FileNotFoundError, ValueError: see DdadFrames.
    """
    frames = DdadFrames(path, cameras, split)
    return EvaluationSet(frames, split, Path(path).expanduser().resolve(), tuple(cameras))
