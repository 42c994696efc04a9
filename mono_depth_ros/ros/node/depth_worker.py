"""The one worker: takes every waiting frame, estimates them as one batch, publishes."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Sequence

from rclpy.impl.rcutils_logger import RcutilsLogger
from std_msgs.msg import Header

from mono_depth_ros.inference.estimator import DepthEstimator, ScaledDepth
from mono_depth_ros.inference.memory import BatchLimit, MemoryExhaustedError
from mono_depth_ros.inference.predictor import Predictor
from mono_depth_ros.inference.units import DepthScaling
from mono_depth_ros.ros.node.camera_stream import CameraStream, Frame, FrameDroppedError
from mono_depth_ros.ros.node.frame_processing import (
    PreparedFrame,
    check_age,
    prepare_frame,
    publish_depth,
    publish_geometry,
)
from mono_depth_ros.ros.node.parameters import DepthNodeConfig
from mono_depth_ros.types import DepthKind

LOG_PERIOD_S = 60.0


class DepthWorker:
    """Run the network in a thread of its own, always on the newest frame of each camera."""

    def __init__(
        self,
        streams: list[CameraStream],
        estimator: DepthEstimator,
        config: Callable[[], DepthNodeConfig],
        header_age: Callable[[Header], float],
        wake: threading.Condition,
        logger: RcutilsLogger,
    ) -> None:
        self._streams = streams
        self._estimator = estimator
        self._config = config
        self._header_age = header_age
        self._wake = wake
        self._logger = logger
        self._batches = BatchLimit()
        self._running = True
        self._thread = threading.Thread(target=self._run, name='depth_worker', daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the frames in work and end the thread."""
        with self._wake:
            self._running = False
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while waiting := self._wait():
            try:
                self._process(waiting)
            except Exception as error:  # of no frame in particular; the thread must live on
                for stream, _ in waiting:
                    self._fail(stream, error)

    def _wait(self) -> list[tuple[CameraStream, Frame]]:
        """Return the newest frame of every camera that has one; nothing when stopped."""
        with self._wake:
            while self._running:
                taken = [(stream, stream.take()) for stream in self._streams]
                waiting = [(stream, frame) for stream, frame in taken if frame is not None]
                if waiting:
                    return waiting
                self._wake.wait()
        return []

    def _process(self, waiting: list[tuple[CameraStream, Frame]]) -> None:
        config = self._config()
        prepared = [
            ready for stream, frame in waiting if (ready := self._prepare(stream, frame, config))
        ]
        plain = [ready for ready in prepared if not ready.needs_network]
        needing = [ready for ready in prepared if ready.needs_network]
        for ready in plain:
            self._publish(ready, None, config)
        for ready, found in zip(needing, self._estimate(needing, config)):
            self._publish(ready, found, config, batch=len(needing))

    def _prepare(
        self, stream: CameraStream, frame: Frame, config: DepthNodeConfig
    ) -> PreparedFrame | None:
        try:
            return prepare_frame(stream, frame, config.max_age)
        except FrameDroppedError as drop:
            self._drop(stream, drop)
        except Exception as error:
            self._fail(stream, error)
        return None

    def _note_unit(
        self, ready: PreparedFrame, scaling: DepthScaling, config: DepthNodeConfig
    ) -> None:
        """Keep in which unit a camera's depth is, and log it when it is new."""
        stream = ready.stream
        stream.set_kind(scaling.kind, config.depth_scale)
        height, width = ready.rgb.shape[:2]
        if not stream.is_first((width, height, scaling.kind, config.depth_scale)):
            return
        rows, columns = self._estimator.network_size((height, width))
        self._logger.info(
            f'{stream.label}: {width}x{height} images, network at '
            f'{columns}x{rows}, depth is {self._unit_in_words(scaling, config)}'
        )
        if scaling.warning:
            self._logger.warning(f'{stream.label}: {scaling.warning}')

    def _unit_in_words(self, scaling: DepthScaling, config: DepthNodeConfig) -> str:
        untrained = '' if self._estimator.card.is_trained else 'untrained, '
        if scaling.kind == DepthKind.RELATIVE:
            return (
                f'{untrained}relative: published on depth_relative/image, no cloud; for '
                'metres set depth_scale:=…'
            )
        by_hand = ' by hand' if config.depth_scale else ''
        return f'{untrained}{scaling.kind}{by_hand}, factor {scaling.factor:.4g}'

    def _estimate(self, frames: list[PreparedFrame], config: DepthNodeConfig) -> list[ScaledDepth]:
        """Run the network on all frames at once; nothing comes back when it fails."""
        predictor = self._predictor(config)

        def work(part: Sequence[PreparedFrame]) -> list[ScaledDepth]:
            return predictor.batch(
                [ready.rgb for ready in part], [ready.geometry for ready in part]
            )

        try:
            return self._batches.run(work, frames)
        except MemoryExhaustedError as error:
            for ready in frames:
                self._drop(ready.stream, FrameDroppedError('out_of_memory', str(error)))
            return []
        except Exception as error:
            for ready in frames:
                self._fail(ready.stream, error)
            return []

    def _publish(
        self,
        ready: PreparedFrame,
        found: ScaledDepth | None,
        config: DepthNodeConfig,
        batch: int = 0,
    ) -> None:
        if not ready.wanted:  # whoever listened has gone meanwhile
            return
        stream = ready.stream
        try:
            check_age(ready.received, config.max_age)
            # The unit that depth would have, where nobody asks for depth itself.
            scaling = (
                found.scaling
                if found
                else self._predictor(config).scaling(ready.rgb.shape[:2], ready.geometry)
            )
            self._note_unit(ready, scaling, config)
            if found:
                publish_depth(ready, found.depth, scaling.kind, config)
            publish_geometry(ready)
        except FrameDroppedError as drop:
            self._drop(stream, drop)
        except Exception as error:
            self._fail(stream, error)
        else:
            stream.fault = ''
            stream.batch = min(batch, self._batches.limit or batch)
            stream.batch_limit = self._batches.limit
            stream.statistics.count_out(ready.received, self._header_age(ready.header))

    def _predictor(self, config: DepthNodeConfig) -> Predictor:
        scale = config.depth_scale or None
        return Predictor(self._estimator, scale, config.min_depth, config.max_depth)

    def _drop(self, stream: CameraStream, drop: FrameDroppedError) -> None:
        stream.statistics.count_drop(drop.cause)
        stream.fault = str(drop)

    def _fail(self, stream: CameraStream, error: Exception) -> None:
        """Count a frame that broke in a way nobody foresaw; it must not end the node."""
        if not stream.node.context.ok():  # interrupted while publishing
            return
        stream.statistics.count_drop('inference_error')
        stream.fault = f'inference failed: {error}'
        self._logger.error(
            f'{stream.label}: inference failed: {error}\n{traceback.format_exc()}',
            throttle_duration_sec=LOG_PERIOD_S,
        )
