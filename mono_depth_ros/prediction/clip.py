"""Run the network over clips of images and write what was asked for."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import cv2
from tqdm import tqdm

from mono_depth_ros.inference.estimator import DepthEstimator
from mono_depth_ros.inference.predictor import Predictor
from mono_depth_ros.messages.calibration_file import read_camera_file
from mono_depth_ros.messages.camera_info import rectify_image
from mono_depth_ros.prediction.files import Prediction, render, write_arrays
from mono_depth_ros.prediction.media import Clip, Frame, read_clip
from mono_depth_ros.prediction.options import describe, open_estimator
from mono_depth_ros.types import DepthKind
from mono_depth_ros.visualization.canvas import Caption, Scale, VideoWriter, choose_scale

# Large images are not held back to fill a batch [px].
_MAX_PIXELS = 16_000_000


@dataclass
class Report:
    """What was done.

    Attributes:
        predicted: images with depth.
        files: how many, by format.
        faults: one sentence for each image that was left out.
        kinds: units of the depth.
        warnings: what the user should know of the units.
    """

    predicted: int = 0
    files: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    kinds: set[DepthKind] = field(default_factory=set)
    warnings: set[str] = field(default_factory=set)


class ClipPredictor:
    """The network with what the user said about the camera and the range.

    Attributes:
        camera: None without intrinsics.
        estimator: the network.
        lacks_metres: whether a metric card has no metres here, because its focal length is known
            but not that of the camera; its shape is as good as ever.

    Raises:
        FileNotFoundError, ValueError: the card, the calibration or a choice is wrong.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.camera = read_camera_file(args.intrinsics, args.input) if args.intrinsics else None
        self.estimator: DepthEstimator = open_estimator(args)
        self._geometry = self.camera.geometry if self.camera else None
        limits = args.min_depth, args.max_depth
        self._predict = Predictor(self.estimator, args.depth_scale, *limits)
        self.lacks_metres = self._predict.lacks_metres(self._geometry)

    def kind(self, size: tuple[int, int]) -> DepthKind:
        """Return the unit of depth for images of a (height, width), before there are any."""
        return self._predict.scaling(size, self._geometry).kind

    def prepare(self, frame: Frame) -> Frame:
        """Rectify an image where its calibration says so, and refuse what does not fit."""
        if frame.image is None:
            return frame
        size = frame.image.shape[0], frame.image.shape[1]
        if self.camera is None:
            return frame
        height, width = self.camera.model.size
        if size != (height, width):
            return Frame(
                frame.stem,
                None,
                f"'{frame.stem}' is {size[1]}x{size[0]}, but --intrinsics is for {width}x{height}",
            )
        return Frame(frame.stem, rectify_image(frame.image, self.camera.geometry))

    def predict(self, frames: Sequence[Frame]) -> list[Prediction]:
        """Run the network on a batch of prepared images."""
        images = [frame.image for frame in frames if frame.image is not None]
        K = self._geometry.K_out if self._geometry else None
        found = self._predict.batch(images, [self._geometry] * len(images))
        return [
            Prediction(frame.stem, image, depth, scaling.kind, K, scaling.warning or '')
            for frame, image, (depth, scaling) in zip(frames, images, found)
        ]


def predict_clip(
    clip: Clip,
    predictor: ClipPredictor,
    output: Path,
    args: argparse.Namespace,
    report: Report,
    bar: tqdm,
) -> None:
    """Predict the images of a clip in batches, and write each as soon as it is there.

    Args:
        clip: what to read.
        predictor: the network.
        output: folder of the files.
        args: the options write and batch_size.
        report: counts what is done.
        bar: moves by one per image.
    """
    scale: Scale | None = None
    with ExitStack() as stack:
        video = None
        if clip.rate is not None and 'picture' in args.write:
            video = stack.enter_context(
                VideoWriter(output / f'{clip.files[0].stem}_picture.mp4', clip.rate)
            )
            report.files['picture'] += 1
        for batch in _batches(clip, predictor, args.batch_size, report, bar):
            predictions = predictor.predict(batch)
            for prediction in predictions:
                if video is None or scale is None:  # a film keeps the colours of its start
                    unit = '' if prediction.kind == DepthKind.RELATIVE else 'm'
                    some = predictions if video else [prediction]
                    scale = choose_scale([p.depth for p in some], unit)
                _write(prediction, scale, video, predictor, output, args, report)
            bar.update(len(batch))


def _batches(
    clip: Clip, predictor: ClipPredictor, most: int, report: Report, bar: tqdm
) -> Iterator[list[Frame]]:
    """Collect images that can be used, and count those that cannot."""
    batch: list[Frame] = []
    pixels = 0
    for frame in map(predictor.prepare, read_clip(clip)):
        if frame.image is None:
            report.faults.append(frame.fault)
            bar.update()
            continue
        batch.append(frame)
        pixels += frame.image.shape[0] * frame.image.shape[1]
        if len(batch) == most or pixels > _MAX_PIXELS:
            yield batch
            batch, pixels = [], 0
    if batch:
        yield batch


def _write(
    prediction: Prediction,
    scale: Scale,
    video: VideoWriter | None,
    predictor: ClipPredictor,
    output: Path,
    args: argparse.Namespace,
    report: Report,
) -> None:
    size = prediction.depth.shape[0], prediction.depth.shape[1]
    report.predicted += 1
    report.kinds.add(prediction.kind)
    report.warnings |= {text for text in (prediction.warning,) if text}
    write_arrays(prediction, output, args.write)
    report.files.update(form for form in args.write if form != 'picture')
    if 'picture' not in args.write:
        return
    card = predictor.estimator.card
    warning = 'untrained' if not card.is_trained else ''
    caption = Caption(
        describe(card, prediction.kind), warning, f'{prediction.stem}, {size[1]}x{size[0]}'
    )
    picture = render(prediction, scale, caption)
    if video is not None:
        video.write(picture)
        return
    path = output / f'{prediction.stem}_picture.png'
    path.write_bytes(cv2.imencode('.png', picture)[1].tobytes())
    report.files['picture'] += 1
