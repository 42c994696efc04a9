"""Evaluate on a bag, without ROS: images become depth, references are read, the core compares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection

from mono_depth_ros.bags.index import choose_image_topic, find_camera_info, index_bag
from mono_depth_ros.bags.reader import (
    DamagedBagError,
    deserialize,
    open_bag,
    read_messages,
    rgb_from_bag_message,
    select_connections,
)
from mono_depth_ros.bags.topics import CameraTopics
from mono_depth_ros.bags.transforms import read_extrinsics, transform_takers
from mono_depth_ros.evaluation.robot.evaluator import BagEvaluation, DepthFrame
from mono_depth_ros.evaluation.robot.options import EvaluationOptions
from mono_depth_ros.evaluation.robot.poses import POSE_TYPES
from mono_depth_ros.evaluation.robot.reference_messages import (
    CLOUD_TYPE,
    TRANSPORT,
    View,
    check_reference_type,
    reference_of,
)
from mono_depth_ros.evaluation.robot.result import BagResult, FrameRecord
from mono_depth_ros.geometry.transforms import TransformTree
from mono_depth_ros.inference.estimator import ScaledDepth
from mono_depth_ros.messages.calibration_file import geometry_of
from mono_depth_ros.messages.camera_info import ImageGeometry, rectify_image
from mono_depth_ros.messages.encodings import UnsupportedEncodingError
from mono_depth_ros.stamps import NANOSECONDS, stamp_of
from mono_depth_ros.types import Image


class Predict(Protocol):
    """What turns images into depth, such as inference's Predictor."""

    def __call__(self, image: Image, geometry: ImageGeometry) -> ScaledDepth:
        """Return the depth of a rectified image (H, W, 3) RGB."""


@dataclass(frozen=True, kw_only=True)
class BagSource(CameraTopics):
    """What of a bag is evaluated; the camera's topics are those of CameraTopics.

    Attributes:
        reference_info_topic: of a depth topic; the camera_info beside it by default.
        extrinsics: a YAML file of transforms, beside those of /tf_static and /tf.
        stamps: 'header', or 'log' for the times of recording where headers have none.
        start: bag time to skip at the beginning [s].
        duration: bag time to evaluate [s]; None: to the end.
    """

    reference_info_topic: str | None = None
    extrinsics: str | Path | None = None
    stamps: str = 'header'
    start: float = 0.0
    duration: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.stamps not in ('header', 'log'):
            raise ValueError(f"stamps is '{self.stamps}'; expected 'header' or 'log'.")
        if not 0 <= self.start < float('inf'):
            raise ValueError(f'start is {self.start}; expected 0 or more seconds.')
        if self.duration is not None and not self.duration > 0:
            raise ValueError(f'duration is {self.duration}; expected seconds above 0.')


def evaluate_bag(
    path: str | Path,
    predict: Predict,
    options: EvaluationOptions,
    source: BagSource | None = None,
    *,
    on_frame: Callable[[FrameRecord], None] | None = None,
    on_progress: Callable[[float], None] = lambda share: None,
) -> BagResult:
    """Compare the depth of a bag's images with what another sensor of it measured.

    Args:
        path: a ROS 1 .bag, a ROS 2 bag folder, or one storage file (.mcap, .db3).
        predict: gives the depth of a rectified image.
        options: what to compare with, and how.
        source: where the images are.
        on_frame: gets every compared frame.
        on_progress: gets the share of the bag that is read.

    Raises:
        FileNotFoundError: the bag or a file named in the source does not exist.
        ValueError: the bag, a topic, an encoding or a calibration is wrong, or nothing could be
            compared; the message says why.
    """
    path = Path(path).expanduser()
    with open_bag(path) as reader:
        try:
            run = _Run(reader, predict, options, source or BagSource(), on_frame)
            for share in run.read():
                on_progress(share)
        except DamagedBagError:  # names the bag itself
            raise
        except ValueError as error:
            raise ValueError(f"Bag '{path}': {error}") from error
    nothing = run.evaluation.why_nothing()
    if nothing:
        raise ValueError(f"Bag '{path}': {nothing}.")
    return run.evaluation.result()


class _Run:
    """One pass over a bag."""

    def __init__(
        self,
        reader: AnyReader,
        predict: Predict,
        options: EvaluationOptions,
        source: BagSource,
        on_frame: Callable[[FrameRecord], None] | None,
    ) -> None:
        self._reader, self._predict, self._source = reader, predict, source
        self._image_topic = choose_image_topic(reader, source.image_topic)
        self._camera_frame = ''
        self._tree = TransformTree()
        self.evaluation = BagEvaluation(options, self._tree, on_frame)
        self._reference_topic = options.reference if not options.is_wall else ''
        self._look_ahead()

    def read(self) -> Iterator[float]:
        """Take in every image and reference; yield the share of the bag that is done."""
        reader, source = self._reader, self._source
        topics = [self._image_topic, *([self._reference_topic] if self._reference_topic else [])]
        start = reader.start_time + round(source.start * NANOSECONDS)
        stop = reader.end_time + 1
        if source.duration is not None:
            stop = min(stop, start + round(source.duration * NANOSECONDS))
        if start >= stop:
            raise ValueError(
                f'start is {source.start} s, but the bag is '
                f'{reader.duration / NANOSECONDS:.1f} s long'
            )
        connections = select_connections(reader, topics)
        for connection, log_time, data in read_messages(reader, connections, start, stop):
            self._take(connection, log_time, data)
            yield (log_time - start) / max(1, stop - start)
        self.evaluation.finish()

    def _take(self, connection: Connection, log_time: int, data: bytes) -> None:
        is_image = connection.topic == self._image_topic
        try:
            message: Any = deserialize(self._reader, connection, data)
        except Exception as error:  # a cut message raises whatever its parser stumbles over
            self.evaluation.skip('corrupt_image' if is_image else 'corrupt_reference', str(error))
            return
        stamp = log_time if self._source.stamps == 'log' else stamp_of(message)
        if not stamp:
            raise ValueError(
                f"Messages on '{connection.topic}' have no stamp (0 in their "
                "header). Set stamps to 'log' to use the times of recording"
            )
        if is_image:
            self._take_image(message, stamp)
        else:
            self._take_reference(message, stamp)

    def _take_image(self, message: Any, stamp: int) -> None:
        try:
            image = rgb_from_bag_message(message)
        except UnsupportedEncodingError as error:
            raise ValueError(f"'{self._image_topic}': {error}") from error
        except ValueError as error:
            self.evaluation.skip('corrupt_image', str(error))
            return
        if image.shape[:2] != self._model.size:
            self.evaluation.skip(
                'size_mismatch',
                (
                    f'the image is {image.shape[1]}x{image.shape[0]}, its calibration is for '
                    f'{self._model.size[1]}x{self._model.size[0]}'
                ),
            )
            return
        self._camera_frame = message.header.frame_id
        depth, scaling = self._predict(rectify_image(image, self._geometry), self._geometry)
        frame_id, K = message.header.frame_id, self._geometry.K_out
        self.evaluation.add_depth(DepthFrame(stamp, frame_id, depth, K, scaling.kind))

    def _take_reference(self, message: Any, stamp: int) -> None:
        try:
            reference = reference_of(message, stamp, self._reference_view)
        except UnsupportedEncodingError as error:
            raise ValueError(f"'{self._reference_topic}': {error}") from error
        except ValueError as error:
            self.evaluation.skip('corrupt_reference', str(error))
            return
        self._check_frames(reference.frame_id)
        self.evaluation.add_reference(reference)

    def _check_frames(self, reference_frame: str) -> None:
        """Refuse at once frames that nothing connects, rather than after the last image."""
        options = self.evaluation.options
        camera = options.camera_frame or self._camera_frame
        if camera:
            self._tree.common_ancestor(camera, options.reference_frame or reference_frame)

    def _look_ahead(self) -> None:
        """Read cameras, transforms and poses in one pass, before the first image."""
        reader, source, motion = self._reader, self._source, self.evaluation.motion
        info_topic = (
            None
            if source.intrinsics
            else find_camera_info(reader, self._image_topic, source.camera_info_topic)
        )
        reference_info = self._check_reference()
        takers: dict[str, Callable[[Any], None]] = {
            topic: partial(self._take_transforms, take)
            for topic, take in transform_takers(reader, self._tree).items()
        }
        if motion.topic:
            self._check_poses(motion.topic)
            takers[motion.topic] = motion.add_message
        infos = [topic for topic in (info_topic, reference_info) if topic]
        cameras = index_bag(reader, [], infos, takers=takers).cameras
        self._model, self._geometry = source.camera(info_topic, cameras)
        self._reference_view = None
        if reference_info:
            model = cameras[reference_info]
            geometry = geometry_of(model, 'rectified', f"camera_info on '{reference_info}'")
            self._reference_view = View(geometry.K_out, model.size)
        if source.extrinsics:
            read_extrinsics(source.extrinsics, self._tree)

    def _take_transforms(self, take: Callable[[Any], None], message: Any) -> None:
        """Count what is no transform, as tf2 ignores it; the others hold."""
        try:
            take(message)
        except ValueError as error:
            self.evaluation.skip('bad_transform', str(error))

    def _check_reference(self) -> str | None:
        """Return the camera_info of a depth topic; None where clouds, or a wall, need none."""
        if not self._reference_topic:
            return None
        if self._reference_topic == self._image_topic:
            raise ValueError(
                f"'{self._image_topic}' is both the image and the reference; name "
                'the topic of another sensor as reference.'
            )
        connections = select_connections(self._reader, [self._reference_topic])
        kind = connections[0].msgtype
        check_reference_type(self._reference_topic, kind or '')
        if not self._reader.topics[self._reference_topic].msgcount:
            raise ValueError(f"Topic '{self._reference_topic}' has no messages. Was the sensor on")
        return None if kind == CLOUD_TYPE else self._find_reference_info()

    def _find_reference_info(self) -> str:
        try:
            return find_camera_info(
                self._reader,
                self._reference_topic.removesuffix(TRANSPORT),
                self._source.reference_info_topic,
            )
        except ValueError as error:
            raise ValueError(
                f"Depth on '{self._reference_topic}' needs its camera's intrinsics: "
                f'{error} (Of the reference it is reference_info.)'
            ) from error

    def _check_poses(self, topic: str) -> None:
        kind = select_connections(self._reader, [topic])[0].msgtype
        if kind not in POSE_TYPES:
            raise ValueError(f"'{topic}' carries {kind}, expected one of: {', '.join(POSE_TYPES)}")
