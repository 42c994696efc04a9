"""Show a training in TensorBoard while it runs: tensorboard --logdir <the run's folder>."""

from __future__ import annotations

import time
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from mono_depth_ros.evaluation.protocol.evaluate import EvaluationResult
from mono_depth_ros.inference.cards.model_card import ModelCard
from mono_depth_ros.training.callbacks.base import Callback
from mono_depth_ros.training.callbacks.pictures import color_pictures
from mono_depth_ros.training.callbacks.step_means import Averager, StepMeans
from mono_depth_ros.training.config.schema import TrainConfig
from mono_depth_ros.training.losses.step_result import StepImages

FOLDER = 'tensorboard'


class TensorBoardCallback(Callback):
    """Writes scalars and pictures for TensorBoard.

    Args:
        folder: the run's; the events go into a folder of their own in it.
        scalar_seconds: time between points of the curves, each the mean of its steps.
        picture_seconds: time between pictures.
    """

    def __init__(
        self, folder: Path, scalar_seconds: float = 1.0, picture_seconds: float = 120.0
    ) -> None:
        self._folder = folder / FOLDER
        self._scalar_seconds, self._picture_seconds = scalar_seconds, picture_seconds
        self._writer: SummaryWriter | None = None
        self._limits = TrainConfig.min_depth, TrainConfig.max_depth
        self._steps = Averager()
        self._scalars_at = self._pictures_at = float('-inf')
        self._unwritten: tuple[int, StepImages] | None = None

    def on_start(self, config: TrainConfig, step: int, steps: int, samples: int) -> None:
        """Open a file of events, which hides what an earlier run wrote of the steps to come."""
        self._limits = config.min_depth, config.max_depth
        self._writer = SummaryWriter(str(self._folder), purge_step=step + 1, flush_secs=10)

    def on_step(self, record: StepMeans, pictures: StepImages) -> None:
        """Write the curves, and now and then pictures."""
        self._steps.add(record)
        self._unwritten = record.step, pictures
        now = time.monotonic()
        if now - self._scalars_at >= self._scalar_seconds:
            self._write_scalars()
            self._scalars_at = now
        if now - self._pictures_at >= self._picture_seconds:
            self._write_pictures()
            self._pictures_at = now

    def on_validation(self, step: int, result: EvaluationResult) -> None:
        """Write the validation's metrics."""
        for kind in ('median_scaled', 'unscaled'):
            for name, value in getattr(result, kind)._asdict().items():
                self._add_scalar(f'validation_{kind}/{name}', value, step)
        self._add_scalar('validation/scale', result.scale, step)
        self._flush()

    def on_held_out(self, step: int, errors: dict[str, float]) -> None:
        """Write the errors."""
        for name, value in errors.items():
            self._add_scalar(f'held_out/{name}', value, step)
        self._flush()

    def on_checkpoint(self, step: int) -> None:
        """Bring everything to the disk."""
        self._flush()

    def on_end(self, card: ModelCard) -> None:
        """Write what is left and close the file."""
        self.close()

    def close(self) -> None:
        """Write what is left and close the file, however the training ended; harmless twice."""
        if self._writer is None:
            return
        self._flush()
        self._write_pictures()
        self._writer.close()
        self._writer = None

    def _flush(self) -> None:
        assert self._writer is not None
        self._write_scalars()
        self._writer.flush()

    def _write_scalars(self) -> None:
        if not self._steps:
            return
        span = self._steps.take()
        for name, value in _scalars(span).items():
            self._add_scalar(name, value, span.step)

    def _write_pictures(self) -> None:
        if self._unwritten is None:
            return
        assert self._writer is not None
        step, pictures = self._unwritten
        for name, picture in color_pictures(pictures, *self._limits).items():
            self._writer.add_image(f'pictures/{name}', picture, step, dataformats='HWC')
        self._unwritten = None

    def _add_scalar(self, name: str, value: float, step: int) -> None:
        assert self._writer is not None
        self._writer.add_scalar(name, value, step)


def _scalars(span: StepMeans) -> dict[str, float]:
    scalars = {'loss': span.loss, 'learning_rate': span.learning_rate}
    scalars |= {f'terms/{name}': value for name, value in span.terms.items()}
    if span.seconds:
        scalars |= {
            'speed/images_per_second': span.images_per_second,
            'speed/wait_share': span.wait_share,
        }
    return scalars
