"""Write what a training did into <output>/report.html, also of one that was killed."""

from __future__ import annotations

from pathlib import Path

import torch

from mono_depth_ros.evaluation.protocol.evaluate import EvaluationResult
from mono_depth_ros.inference.cards.model_card import ModelCard
from mono_depth_ros.machine import processor_name
from mono_depth_ros.training.callbacks.advice import advise
from mono_depth_ros.training.callbacks.base import Callback
from mono_depth_ros.training.callbacks.history import HeldOutErrors, History, validation_of
from mono_depth_ros.training.callbacks.pictures import color_pictures
from mono_depth_ros.training.callbacks.report_page import Report, write_page
from mono_depth_ros.training.callbacks.step_means import Averager, StepMeans
from mono_depth_ros.training.config.checks import is_metric
from mono_depth_ros.training.config.schema import TrainConfig
from mono_depth_ros.training.losses.step_result import StepImages
from mono_depth_ros.visualization.libraries import require_report_libraries

FILE_NAME = 'report.html'

# On import, as with every other library that training needs: train_depth says what installs it.
require_report_libraries()


class ReportCallback(Callback):
    """Keeps a training's history and writes its report, anew with every checkpoint.

    Args:
        folder: the run's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._run: _Run | None = None

    def on_start(self, config: TrainConfig, step: int, steps: int, samples: int) -> None:
        """Begin a history, or take up that of the training which goes on."""
        self._run = _Run(self._folder, config, step, steps, samples)

    def on_step(self, record: StepMeans, pictures: StepImages) -> None:
        """Gather the step."""
        assert self._run is not None
        self._run.add(record, pictures)

    def on_validation(self, step: int, result: EvaluationResult) -> None:
        """Remember the metrics and write the report."""
        assert self._run is not None
        self._run.history.add_validation(validation_of(step, result))
        self._run.write('running')

    def on_held_out(self, step: int, errors: dict[str, float]) -> None:
        """Remember the errors and write the report."""
        assert self._run is not None
        self._run.history.add_held_out(HeldOutErrors(step, **errors))
        self._run.write('running')

    def on_checkpoint(self, step: int) -> None:
        """Write the report; the history has a span that ends here, where a resume begins."""
        assert self._run is not None
        self._run.write('running')

    def on_end(self, card: ModelCard) -> None:
        """Write the report, with the card."""
        assert self._run is not None
        self._run.write('finished', card)
        self._run = None

    def close(self) -> None:
        """Write the report of a training that ended before its end; nothing after on_end."""
        if self._run is not None:
            self._run.write('ended early')
            self._run = None


class _Run:
    """What a report is written of."""

    def __init__(
        self, folder: Path, config: TrainConfig, step: int, steps: int, samples: int
    ) -> None:
        self._path = folder / FILE_NAME
        self._config, self._step, self._steps, self._samples = config, step, steps, samples
        self._metric = is_metric(config)
        self._gathered = Averager()
        self._pictures: StepImages | None = None
        self.history = History(folder, step, steps)

    def add(self, record: StepMeans, pictures: StepImages) -> None:
        self._step, self._pictures = record.step, pictures
        self._gathered.add(record)
        if len(self._gathered) >= self.history.steps_per_span:
            self.history.add_span(self._gathered.take())

    def write(self, state: str, card: ModelCard | None = None) -> None:
        if self._gathered:
            self.history.add_span(self._gathered.take())
        config, history = self._config, self.history
        pictures = {}
        if self._pictures is not None:
            pictures = color_pictures(self._pictures, config.min_depth, config.max_depth)
        page = write_page(
            Report(
                config=config,
                step=self._step,
                steps=self._steps,
                samples=self._samples,
                hardware=_hardware(self._pictures),
                state=state,
                spans=history.spans,
                validations=history.validations,
                held_out=history.held_out,
                metric=self._metric,
                advice=advise(config, history, self._metric),
                pictures=pictures,
                card=card,
            )
        )
        unfinished = self._path.with_suffix('.new')
        unfinished.write_text(page, encoding='utf-8')
        unfinished.replace(self._path)


def _hardware(pictures: StepImages | None) -> str:
    threads = torch.get_num_threads()
    processor = f'{processor_name()}, {threads} thread{"s" if threads > 1 else ""}'
    if pictures is None or pictures.target.device.type != 'cuda':
        return processor
    return f'{torch.cuda.get_device_name(pictures.target.device)} ({processor})'
