"""The one worker: takes every waiting frame, estimates them as one batch, publishes."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable

from rclpy.impl.rcutils_logger import RcutilsLogger

from mono_depth_ros.inference.estimator import DepthEstimator
from mono_depth_ros.ros.camera_stream import (
    CLOUD,
    COLOR,
    DEPTH,
    RELATIVE,
    CameraStream,
    Frame,
    FrameDroppedError,
)
from mono_depth_ros.ros.frame_processing import (
    PreparedFrame,
    check_age,
    prepare_frame,
    publish_depth,
    publish_geometry,
)
from mono_depth_ros.ros.parameters import DepthNodeConfig

NEEDS_NETWORK = {DEPTH, CLOUD, RELATIVE, COLOR}


class DepthWorker:
    """Run the network in a thread of its own, always on the newest frame of each camera."""

    def __init__(self, streams: list[CameraStream], estimator: DepthEstimator,
                 config: Callable[[], DepthNodeConfig], header_age: Callable[[Frame], float],
                 wake: threading.Condition, logger: RcutilsLogger) -> None:
        self._streams = streams
        self._estimator = estimator
        self._config = config
        self._header_age = header_age
        self._wake = wake
        self._logger = logger
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
            except Exception as error:  # a broken frame must not end the node
                self._logger.error(f'inference failed: {error}\n{traceback.format_exc()}')
                for stream, _ in waiting:
                    stream.fault = f'inference failed: {error}'
                    stream.statistics.count_drop('inference_error')

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
        prepared = []
        for stream, frame in waiting:
            try:
                ready = prepare_frame(stream, frame, config.max_age)
                self._set_kind(ready, config)
                prepared.append((ready, frame))
            except FrameDroppedError as drop:
                self._drop(stream, drop)
        self._estimate([pair for pair in prepared if pair[0].wanted & NEEDS_NETWORK], config)
        for ready, _ in prepared:
            publish_geometry(ready)

    def _set_kind(self, ready: PreparedFrame, config: DepthNodeConfig) -> None:
        """Find out, once per camera and scale, in which unit its depth will be."""
        stream = ready.stream
        scaling = self._estimator.scaling(ready.geometry.K_out, ready.rgb.shape[:2],
                                          config.depth_scale or None)
        if scaling.kind == stream.kind:
            return
        stream.set_kind(scaling.kind, config.depth_scale)
        height, width = ready.rgb.shape[:2]
        rows, columns = self._estimator.network_size((height, width))
        self._logger.info(f'{stream.label}: {width}x{height} images, network at '
                          f'{columns}x{rows}, depth is {scaling.kind}'
                          + (f', factor {scaling.factor:.4g}' if scaling.kind != 'relative' else
                             ': published on depth_relative/image, no cloud; '
                             'for metres set depth_scale:=…'))
        if scaling.warning:
            self._logger.warning(f'{stream.label}: {scaling.warning}')

    def _estimate(self, frames: list[tuple[PreparedFrame, Frame]], config: DepthNodeConfig
                  ) -> None:
        estimates = self._estimator.estimate(
            [ready.rgb for ready, _ in frames], [ready.geometry.K_out for ready, _ in frames],
            config.depth_scale or None)
        for (ready, frame), estimate in zip(frames, estimates):
            stream = ready.stream
            try:
                check_age(frame.age, config.max_age)
            except FrameDroppedError as drop:
                self._drop(stream, drop)
                continue
            publish_depth(ready, estimate.depth, estimate.kind, config)
            stream.fault = ''
            stream.batch = len(frames)
            stream.statistics.count_out(frame.received, self._header_age(frame))

    def _drop(self, stream: CameraStream, drop: FrameDroppedError) -> None:
        stream.statistics.count_drop(drop.cause)
        stream.fault = str(drop)
