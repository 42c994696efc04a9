"""The data sets by name: what each is told, and which options of its own it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NamedTuple, TypeVar

from torch.utils.data import ConcatDataset

from mono_depth_ros.datasets.bag.data import RosbagData
from mono_depth_ros.datasets.bag.options import BagOptions
from mono_depth_ros.datasets.cityscapes import Cityscapes
from mono_depth_ros.datasets.ddad import Ddad
from mono_depth_ros.datasets.image_sequence import ImageSequence
from mono_depth_ros.datasets.kitti.raw import KittiRaw
from mono_depth_ros.datasets.motion_limit import MIN_MOTION
from mono_depth_ros.datasets.sample import TrainingData
from mono_depth_ros.datasets.street.data import StreetData
from mono_depth_ros.suggest import did_you_mean


@dataclass(frozen=True)
class DataRequest:
    """What every data set is told; each takes of it what it knows.

    Attributes:
        root: its folder or file; the street has none.
        split: its split files, separated by commas, or the name of a part.
        stereo_split: more split files, of samples whose stereo partner is their only source.
        size: (height, width) of rendered samples.
        offsets: neighbours in time; () for none.
        stereo: whether samples have a stereo partner.
        hints: whether samples have depth hints.
        keep: whether decoded images stay in memory.
    """

    root: str
    split: str
    stereo_split: str
    size: tuple[int, int]
    offsets: tuple[int, ...]
    stereo: bool
    hints: bool
    keep: bool


@dataclass(frozen=True)
class KittiOptions:
    """Options of KITTI raw, see KittiRaw."""

    both_sides: bool = False
    known_poses: bool = False
    labels: str = ''


@dataclass(frozen=True)
class ImageSequenceOptions:
    """Options of a folder of images or a video, see ImageSequence."""

    intrinsics: str = ''
    input: str = 'raw'
    step: int = 1
    min_motion: float = MIN_MOTION


@dataclass(frozen=True)
class CityscapesOptions:
    """Options of Cityscapes."""

    step: int = 2
    keep_rows: float = 0.75


@dataclass(frozen=True)
class DdadOptions:
    """Options of DDAD and other data sets of the DGP format, see Ddad."""

    cameras: Sequence[str] = ('CAMERA_01',)
    min_distance: float = 0.1


@dataclass(frozen=True)
class StreetOptions:
    """Options of the ray-cast street, see StreetData."""

    frames: int = 60
    seed: int = 0
    spacing: int = 1
    first: int = 1
    known_poses: bool = False
    keep: bool = True


Options = TypeVar('Options')


class _Entry(NamedTuple):
    options: type[Any]
    open: Callable[[DataRequest, Any], TrainingData]


_DATASETS: dict[str, _Entry] = {}


def register_dataset(
    name: str, options: type[Options]
) -> Callable[
    [Callable[[DataRequest, Options], TrainingData]],
    Callable[[DataRequest, Options], TrainingData],
]:
    """Register a function that opens a data set of a name with options of a dataclass."""

    def register(
        opener: Callable[[DataRequest, Options], TrainingData],
    ) -> Callable[[DataRequest, Options], TrainingData]:
        _DATASETS[name] = _Entry(options, opener)
        return opener

    return register


def list_datasets() -> list[str]:
    """Return the names of all data sets."""
    return sorted(_DATASETS)


def open_dataset(name: str, request: DataRequest, options: Mapping[str, Any]) -> TrainingData:
    """Open a data set.

    Args:
        name: one of `list_datasets()`.
        request: what every data set is told.
        options: fields of the data set's own options.

    Raises:
        FileNotFoundError, ValueError: the name or an option is unknown, or the data are not there
            or not as asked for.
    """
    if name not in _DATASETS:
        known = list_datasets()
        raise ValueError(
            f"Unknown data '{name}'.{did_you_mean(name, known)} Available: {', '.join(known)}."
        )
    entry = _DATASETS[name]
    known = [field.name for field in fields(entry.options) if field.name != 'offsets']
    for option in options:
        if option not in known:
            raise ValueError(
                f"Data '{name}' has no option '{option}'.{did_you_mean(option, known)} "
                f'Available: {", ".join(known)}.'
            )
    return entry.open(request, entry.options(**options))


@register_dataset('kitti_raw', KittiOptions)
def _open_kitti(request: DataRequest, options: KittiOptions) -> TrainingData:
    def read(splits: str, offsets: Sequence[int], stereo: bool) -> KittiRaw:
        paths = [path.strip() for path in splits.split(',')]
        return KittiRaw(
            request.root, paths, offsets, stereo, request.hints, request.keep, **asdict(options)
        )

    parts: list[TrainingData] = []
    if request.split:
        parts.append(read(request.split, request.offsets, request.stereo))
    if request.stereo_split:
        parts.append(read(request.stereo_split, (), True))
    if not parts:
        raise ValueError(
            "kitti_raw needs a 'split' (or 'stereo_split') file; prepare_split makes "
            'one from the drives under root.'
        )
    return joined(parts)


@register_dataset('rosbag', BagOptions)
def _open_rosbag(request: DataRequest, options: BagOptions) -> TrainingData:
    if request.stereo and options.stereo_topic is None:
        raise ValueError(
            'supervision S and MS need the other camera: give '
            '--reading.options.stereo_topic, or use supervision M.'
        )
    options = replace(options, offsets=request.offsets)
    return RosbagData(request.root, request.split or None, options)


@register_dataset('image_sequence', ImageSequenceOptions)
def _open_images(request: DataRequest, options: ImageSequenceOptions) -> TrainingData:
    _refuse_stereo('image_sequence', request)
    if not options.intrinsics:
        raise ValueError(
            'image_sequence needs the calibration of its camera: give '
            '--reading.options.intrinsics, a YAML file of camera_calibration.'
        )
    return ImageSequence(request.root, offsets=request.offsets, **asdict(options))


@register_dataset('cityscapes', CityscapesOptions)
def _open_cityscapes(request: DataRequest, options: CityscapesOptions) -> TrainingData:
    return Cityscapes(
        request.root,
        request.split or 'train',
        offsets=request.offsets,
        stereo=request.stereo,
        **asdict(options),
    )


@register_dataset('ddad', DdadOptions)
def _open_ddad(request: DataRequest, options: DdadOptions) -> TrainingData:
    _refuse_stereo('ddad', request)
    return Ddad(
        request.root, split=request.split or 'train', offsets=request.offsets, **asdict(options)
    )


@register_dataset('street', StreetOptions)
def _open_street(request: DataRequest, options: StreetOptions) -> TrainingData:
    return StreetData(
        request.size, request.offsets, request.stereo, hints=request.hints, **asdict(options)
    )


def _refuse_stereo(name: str, request: DataRequest) -> None:
    if request.stereo:
        raise ValueError(
            f"data '{name}' has no stereo partners, which supervision S and MS need; use M."
        )


def joined(parts: Sequence[TrainingData]) -> TrainingData:
    """Return data sets one after the other, as one."""
    return parts[0] if len(parts) == 1 else ConcatDataset(parts)  # type: ignore[arg-type]
