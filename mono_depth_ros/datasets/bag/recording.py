"""One bag as training data: which frames make a sample, and how one is read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import finalize

import numpy as np
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader

from mono_depth_ros.bags.index import (
    BagIndex,
    ImageTrack,
    Odometry,
    choose_image_topic,
    find_camera_info,
    index_bag,
)
from mono_depth_ros.bags.reader import (
    deserialize,
    open_bag,
    read_messages,
    rgb_from_bag_message,
    select_connections,
)
from mono_depth_ros.bags.timing import NONE, nearest_in_time, neighbours_in_time
from mono_depth_ros.datasets.bag.options import BagOptions
from mono_depth_ros.datasets.bag.poses import motion_between, poses_file, read_poses
from mono_depth_ros.datasets.sample import Source, TrainingSample
from mono_depth_ros.datasets.splits import SplitEntry
from mono_depth_ros.datasets.static_frames import is_moving
from mono_depth_ros.messages.camera_info import CameraModel, ImageGeometry, rectify_image
from mono_depth_ros.stamps import NANOSECONDS, stamp_of
from mono_depth_ros.types import Image, Matrix

Frames = NDArray[np.int64]

# Cameras of a pair are triggered together; the stamps of two drivers may differ by this.
STEREO_TOLERANCE = 1_000_000  # [ns]
# Rectified partners share one K; calibration tools round it [px].
SAME_INTRINSICS = 0.5
# Of the interval between neighbours: jitter passes, a lost image does not.
DEFAULT_TOLERANCE = 0.25


@dataclass(frozen=True, eq=False)
class _View:
    """One camera of the bag: its images and what to do with them."""

    track: ImageTrack
    model: CameraModel
    geometry: ImageGeometry


class BagRecording:
    """One bag, indexed by one pass over its headers; images are read when asked for.

    Attributes:
        path: of the bag.
        name: of the bag in split files and messages.
        stamps: (N,) stamps of the images [ns].
        interval: time between neighbours [ns].
        tolerance: how far a neighbour may be off [ns].

    Raises:
        FileNotFoundError, ValueError: the bag, a topic, a calibration or poses are missing or
            wrong.
    """

    def __init__(self, path: str | Path, options: BagOptions, name: str = '') -> None:
        self.path = Path(path).expanduser()
        self.name = name or self.path.name
        self.options = options
        self._opened: tuple[int, AnyReader, finalize[..., Any]] | None = None
        with open_bag(self.path) as reader, _naming(self.path):
            self._views, self._odometry = _look_into(reader, options)
            self.stamps = self._views[0].track.stamps
            self.interval, self.tolerance = _timing(self.stamps, options)
            self._baseline = _baseline(*self._views) if options.stereo_topic else 0.0
        file = poses_file(self.path)
        takes_poses = options.known_poses or (options.offsets and file.is_file())
        self._poses = read_poses(file) if takes_poses else None
        for view in range(len(self._views)):
            self.read(0, view)  # size and encoding are wrong at once or never
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open file behind: another process opens its own."""
        return {**self.__dict__, '_opened': None}

    @property
    def K(self) -> Matrix:  # noqa: N802 - K is the field's name
        """(3, 3) intrinsics of the images as they are read [px]."""
        return self._views[0].geometry.K_out

    def close(self) -> None:
        """Close the file; the next read opens it again."""
        if self._opened is not None and self._opened[0] == os.getpid():
            self._opened[2]()
        self._opened = None

    def candidates(self) -> Frames:
        """Return (N, 1 + S) frames: every target that has all the sources it should have."""
        targets = np.arange(len(self.stamps))
        sources = neighbours_in_time(
            self.stamps, self.options.offsets, self.interval, self.tolerance
        )
        complete = (sources != NONE).all(axis=1)
        if self.options.stereo_topic:
            complete &= self._partners(self.stamps) != NONE
        frames: Frames = np.column_stack([targets, sources])[complete]
        return frames

    def moving(self, frames: Frames) -> NDArray[np.bool_]:
        """Say which of these candidates show enough motion; reads the images once."""
        return is_moving(frames, self.read, self.options.min_motion)

    def sample(self, frames: Sequence[int]) -> TrainingSample:
        """Read one row of `candidates`.

        Raises:
            ValueError: an image cannot be decoded or is of another size.
        """
        target, *others = (int(frame) for frame in frames)
        sources = [
            self._neighbour(target, other, offset)
            for offset, other in zip(self.options.offsets, others)
        ]
        if self.options.stereo_topic:
            sources.append(self._stereo_source(target))
        name = str(SplitEntry(self.name, int(self.stamps[target]), 'l'))
        return TrainingSample(self.read(target), tuple(sources), self.K, name)

    def read(self, frame: int, view: int = 0) -> Image:
        """Read one image (H, W, 3) uint8 RGB, rectified where that is needed; view 1: stereo."""
        chosen = self._views[view]
        stamp = int(chosen.track.stamps[frame])
        where = f"Bag '{self.path}', '{chosen.track.topic}' at {stamp / NANOSECONDS:.3f} s"
        message = self._message(chosen.track, frame, where)
        try:
            image = rgb_from_bag_message(message)
        except ValueError as error:
            raise ValueError(
                f'{where}: {error} Copy the bag again, or train from a split file '
                'that leaves this image out.'
            ) from error
        if image.shape[:2] != chosen.model.size:
            raise ValueError(
                f'{where}: the image is {image.shape[1]}x{image.shape[0]}, its calibration is for '
                f'{chosen.model.size[1]}x{chosen.model.size[0]}. Give the calibration of this '
                'very image (intrinsics, or another camera_info_topic).'
            )
        return rectify_image(image, chosen.geometry)

    def _message(self, track: ImageTrack, frame: int, where: str) -> Any:
        """Find one message by the time of its recording: a chunk of the bag is read, no more."""
        stamp, log_time = int(track.stamps[frame]), int(track.log_times[frame])
        reader = self._reader()
        connections = select_connections(reader, [track.topic])
        for connection, _, data in read_messages(reader, connections, log_time, log_time + 1):
            message = deserialize(reader, connection, data)
            if self.options.stamps == 'log' or stamp_of(message) == stamp:
                return message
        raise ValueError(f'{where}: the image is gone, the bag changed meanwhile. Start again.')

    def _reader(self) -> AnyReader:
        # After a fork two processes would share one position in the file.
        if self._opened is None or self._opened[0] != os.getpid():
            stack = ExitStack()
            reader = stack.enter_context(open_bag(self.path))
            self._opened = os.getpid(), reader, finalize(self, stack.close)
        return self._opened[1]

    def _partners(self, stamps: Frames) -> Frames:
        return nearest_in_time(self._views[1].track.stamps, stamps, STEREO_TOLERANCE)

    def _stereo_source(self, target: int) -> Source:
        [partner] = self._partners(self.stamps[[target]])
        pose = np.eye(4)
        pose[0, 3] = -self._baseline
        return Source(self.read(int(partner), 1), 0, pose, abs(self._baseline))

    def _neighbour(self, target: int, other: int, offset: int) -> Source:
        first, second = int(self.stamps[target]), int(self.stamps[other])
        motion = motion_between(self._poses, first, second) if self._poses else None
        known = motion if self.options.known_poses else None
        return Source(self.read(other), offset, known, self._distance(first, second, motion))

    def _distance(self, first: int, second: int, motion: Matrix | None) -> float | None:
        if self.options.speed is not None:
            return self.options.speed * abs(second - first) / NANOSECONDS
        if self._odometry:
            return self._odometry.distance(first, second)
        return None if motion is None else float(np.linalg.norm(motion[:3, 3]))


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ValueError(f"Bag '{path}': {error}") from error


def _look_into(reader: AnyReader, options: BagOptions) -> tuple[list[_View], Odometry | None]:
    """Index the bag; return the camera's view, its stereo partner's if wanted, and odometry."""
    images = [choose_image_topic(reader, options.image_topic)]
    infos = [
        None
        if options.intrinsics
        else find_camera_info(reader, images[0], options.camera_info_topic)
    ]
    if options.stereo_topic:
        images.append(choose_image_topic(reader, options.stereo_topic))
        infos.append(find_camera_info(reader, images[1], options.stereo_info_topic))
    known = [topic for topic in infos if topic]
    index = index_bag(reader, images, known, options.odometry_topic, options.stamps)
    _check_overlap(index, images[0])
    views = [
        _View(index.images[image], *options.camera(info, index.cameras))
        for image, info in zip(images, infos)
    ]
    return views, index.odometry


def _check_overlap(index: BagIndex, topic: str) -> None:
    if index.odometry is None:
        return
    stamps, known = index.images[topic].stamps, index.odometry.stamps
    if stamps[-1] < known[0] or known[-1] < stamps[0]:
        raise ValueError(
            f"Odometry and '{topic}' do not overlap in time: their stamps come from two clocks. "
            "Set stamps='log' to use the times at which they were recorded."
        )


def _timing(stamps: Frames, options: BagOptions) -> tuple[int, int]:
    """Return the time between neighbours and how far one may be off [ns]."""
    if len(stamps) < 2 and options.offsets:
        raise ValueError(
            f'it holds {len(stamps)} image; a target and its neighbours need more. Record longer.'
        )
    seconds = options.frame_interval
    median = int(np.median(np.diff(stamps))) if len(stamps) > 1 else 0
    interval = median if seconds is None else round(seconds * NANOSECONDS)
    if options.tolerance is None:
        return interval, round(DEFAULT_TOLERANCE * interval)
    tolerance = round(options.tolerance * NANOSECONDS)
    if options.offsets and not 0 <= tolerance < interval / 2:
        raise ValueError(
            f'tolerance is {options.tolerance} s, but neighbours are {interval / NANOSECONDS:.3f} '
            's apart. Expected 0 or more, and less than half of that.'
        )
    return interval, tolerance


def _baseline(left: _View, right: _View) -> float:
    """Return how far right of the first camera the second one is [m]: P[0, 3] is -fx B.

    Raises:
        ValueError: the two are not calibrated as a stereo pair.
    """
    names = f"'{left.track.topic}' and '{right.track.topic}'"
    cure = (
        'Calibrate them together (camera_calibration with two cameras), and record both '
        'camera_info topics.'
    )
    for view in (left, right):
        if not view.model.P.any():
            raise ValueError(f"The camera_info of '{view.track.topic}' has no P. {cure}")
        if view.geometry.maps is None and not np.allclose(
            view.model.P[:, :3], view.geometry.K_out, atol=SAME_INTRINSICS
        ):
            raise ValueError(
                f"'{view.track.topic}' is not rectified: its P differs from K though "
                "it has no distortion. Set input='rectified' if the images are."
            )
    difference = np.abs(left.geometry.K_out - right.geometry.K_out).max()
    if left.model.size != right.model.size or difference > SAME_INTRINSICS:
        raise ValueError(
            f'The cameras of {names} differ in size, or by {difference:.1f} px in '
            f'their rectified intrinsics. {cure}'
        )
    x_left, x_right = (view.model.P[0, 3] / view.model.P[0, 0] for view in (left, right))
    if x_left == x_right:
        raise ValueError(f'P of {names} says that both cameras are at one place. {cure}')
    return float(x_left - x_right)
