"""KITTI's frames as an evaluation runs over them: Eigen's split, the benchmark's, or one's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mono_depth_ros.datasets.known_splits import KNOWN_SPLITS, check_known_split
from mono_depth_ros.datasets.splits import SplitEntry, read_split
from mono_depth_ros.evaluation.protocol.evaluate import (
    DepthFactor,
    EvaluationResult,
    ImageResult,
    Predict,
    Skipped,
    evaluate_frames,
)
from mono_depth_ros.evaluation.protocol.kitti_ground_truth import (
    check_ground_truth,
    read_frame,
    read_image_of,
)
from mono_depth_ros.evaluation.protocol.options import KITTI_SPLITS
from mono_depth_ros.evaluation.protocol.samples import Frame, Rules
from mono_depth_ros.types import Image


class KittiFrames:
    """The frames of a split of KITTI raw.

    Args:
        root: holds the folders of the recording days.
        split: lines 'folder index side', or a file of them.
        ground_truth: 'lidar', 'lidar_z', 'projected' or 'dense', see kitti_ground_truth.

    Raises:
        FileNotFoundError: root or split is missing.
        ValueError: the split or the name of the true depth is wrong.
    """

    def __init__(
        self,
        root: str | Path,
        split: str | Path | list[SplitEntry],
        ground_truth: str = 'lidar',
    ) -> None:
        check_ground_truth(ground_truth)
        self.entries = split if isinstance(split, list) else read_split(split)
        self.root = _root(root)
        self.rules = Rules(ground_truth)
        self.names = [str(entry) for entry in self.entries]

    def read(self, index: int) -> Frame:
        """Read a frame; see `read_frame`."""
        return read_frame(self.root, self.entries[index], self.rules.ground_truth)

    def read_image(self, index: int) -> Image:
        """Read a frame's image."""
        return read_image_of(self.root, self.entries[index])


def open_split(root: str | Path, split: str) -> tuple[Path, list[SplitEntry]]:
    """Find and read one of the papers' test sets, or a file of one's own.

    Args:
        root: KITTI's, where the papers' lists are looked for.
        split: 'eigen', 'eigen_benchmark', or a file.

    Returns:
        The file, and its lines; one of the papers' is checked to be whole.

    Raises:
        FileNotFoundError: there is none; says where the list comes from and where to put it.
        ValueError: it is not the papers' list, or no list at all.
    """
    if split not in KITTI_SPLITS:
        return Path(split).expanduser(), read_split(split)
    name, _ = KITTI_SPLITS[split]
    path = _find_split(Path(root).expanduser(), split, name)
    return path, check_known_split(path, name)


def evaluate_kitti(
    predict: Predict,
    root: str | Path,
    split_file: str | Path,
    ground_truth: str = 'lidar',
    *,
    depth_factor: DepthFactor | None = None,
    flip: bool = False,
    batch_size: int = 2,
    on_image: Callable[[ImageResult | Skipped], None] | None = None,
) -> EvaluationResult:
    """Evaluate predictions on the frames of a split file; none is skipped.

    Args:
        predict: from RGB images to inverse depths, see network_predictor and row_prior.
        root: holds the folders of the recording days.
        split_file: lines 'folder index side'.
        ground_truth: 'lidar', 'lidar_z', 'projected' or 'dense', see kitti_ground_truth.
        depth_factor: what makes metres of predicted depth, None where it is in metres already.
        flip: average each prediction with that of the mirrored image.
        batch_size: images per call of predict.
        on_image: gets every image's result as it comes, for progress.

    Raises:
        FileNotFoundError: the split, a drive, an image or its true depth is missing.
        ValueError: a file is broken or a prediction is no inverse depth; the message says which.
    """
    return evaluate_frames(
        KittiFrames(root, split_file, ground_truth),
        predict,
        depth_factor=depth_factor,
        flip=flip,
        batch_size=batch_size,
        on_image=on_image,
    )


def _find_split(root: Path, split: str, name: str) -> Path:
    """Return the file of one of the papers' lists, as Monodepth2 or as we call it."""
    names = (f'{name}.txt', f'{split}/test_files.txt')
    folders = (root / 'splits', root, root.parent / 'splits')
    places = [folder / file for folder in folders for file in names]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        known = KNOWN_SPLITS[name]
        raise FileNotFoundError(
            f"The list of split '{split}' ({known.lines} lines: {known.what}) is not in "
            f"'{root}'. It is splits/{split}/test_files.txt of the repository "
            f"nianticlabs/monodepth2: copy it to '{places[0]}', or give its path as --split and "
            'say --ground-truth.'
        )
    return found


def _root(root: str | Path) -> Path:
    path = Path(root).expanduser()
    if not path.is_dir():
        raise FileNotFoundError(
            f"KITTI's root '{root}' is no folder; expected one with days such as 2011_09_26."
        )
    return path
