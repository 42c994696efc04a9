"""What a training says in the terminal: a bar, or a line now and then where there is none."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

from mono_depth_ros.evaluation.protocol.evaluate import EvaluationResult
from mono_depth_ros.inference.cards.model_card import ModelCard
from mono_depth_ros.training.callbacks.advice import advise_on_waiting
from mono_depth_ros.training.callbacks.base import Callback
from mono_depth_ros.training.callbacks.report import FILE_NAME
from mono_depth_ros.training.callbacks.report_page import duration, launch_command, metric_rows
from mono_depth_ros.training.callbacks.step_means import Averager, StepMeans, join_step_means
from mono_depth_ros.training.config.checks import is_metric
from mono_depth_ros.training.config.schema import TrainConfig
from mono_depth_ros.training.losses.step_result import StepImages
from mono_depth_ros.types import DepthKind

_BAR = '{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} {elapsed}<{remaining}{postfix}'


class ProgressCallback(Callback):
    """Tells a person how a training goes.

    Args:
        stream: where to; standard output by default.
        bar_seconds: time between updates of the bar, where the stream is a terminal.
        line_seconds: time between lines, where it is none.
    """

    def __init__(
        self, stream: TextIO | None = None, bar_seconds: float = 0.5, line_seconds: float = 30.0
    ) -> None:
        self._stream = stream or sys.stdout
        self._is_terminal = self._stream.isatty()
        self._interval = bar_seconds if self._is_terminal else line_seconds
        self._bar: tqdm | None = None
        self._steps = Averager()
        self._total: StepMeans | None = None
        self._config = TrainConfig()
        self._begun, self._shown = time.monotonic(), float('-inf')
        self._first = self._all = 0

    def on_start(self, config: TrainConfig, step: int, steps: int, samples: int) -> None:
        """Say what will be done."""
        self._config, self._first, self._all = config, step, steps
        self._begun, self._shown = time.monotonic(), float('-inf')
        batch = config.batch_size * config.accumulate * config.devices * config.num_nodes
        goes_on = f', goes on after step {step}' if step else ''
        self._say(
            f'{config.network}, supervision {config.supervision}, on {samples} samples of '
            f'{config.data}: {steps} steps of {batch}{goes_on}'
        )
        self._say(f'Watch it: tensorboard --logdir {config.output}')
        if self._is_terminal:
            self._bar = tqdm(
                total=steps, initial=step, file=self._stream, bar_format=_BAR, dynamic_ncols=True
            )

    def on_note(self, note: str) -> None:
        """Say it."""
        self._say(f'Note: {note}')

    def on_step(self, record: StepMeans, pictures: StepImages) -> None:
        """Show the step, if it is time."""
        self._steps.add(record)
        now = time.monotonic()
        if now - self._shown < self._interval:
            return
        self._shown = now
        span = self._take()
        if self._bar is None:
            self._say(
                f'step {span.step}/{self._all}  {_text(span)}'
                f'{self._remaining(span.step, now) if span.seconds else ""}'
            )

    def on_validation(self, step: int, result: EvaluationResult) -> None:
        """Print the figures that matter most."""
        metrics = result.median_scaled
        metres = f', unscaled {result.unscaled.abs_rel:.3f}' if is_metric(self._config) else ''
        self._say(
            f'step {step}: validated on {len(result.images)} images: AbsRel '
            f'{metrics.abs_rel:.3f} median-scaled{metres}, a1 {metrics.a1:.3f}'
        )

    def on_held_out(self, step: int, errors: dict[str, float]) -> None:
        """Print both errors side by side."""
        self._say(
            f'step {step}: held-out images: reprojection {errors["reprojection"]:.4f}, '
            f'identity {errors["identity"]:.4f}'
        )

    def on_checkpoint(self, step: int) -> None:
        """Say that a kill will now lose nothing."""
        self._say(f'step {step}: checkpoint in {self._config.output}')

    def on_end(self, card: ModelCard) -> None:
        """Print what came out."""
        if self._steps:
            self._take()
        self.close()
        self._say(
            _summary(self._config, card, self._total, self._all, time.monotonic() - self._begun)
        )

    def close(self) -> None:
        """Leave the bar's line, however the training ended; harmless twice."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _take(self) -> StepMeans:
        """Count the steps since the last time, and show them in the bar."""
        span = self._steps.take()
        self._total = span if self._total is None else join_step_means([self._total, span])
        if self._bar is not None:
            self._bar.set_postfix_str(_text(span), refresh=False)
            self._bar.update(span.step - self._bar.n)
        return span

    def _remaining(self, step: int, now: float) -> str:
        per_step = (now - self._begun) / (step - self._first)
        return f'  {duration(per_step * (self._all - step))} left'

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.write(text, file=self._stream)
        else:
            print(text, file=self._stream, flush=True)


def _text(span: StepMeans) -> str:
    speed = f'  {span.images_per_second:.1f} images/s  waiting {span.wait_share:.0%}'
    return f'loss {span.loss:.4f}{speed if span.seconds else ""}'


def _summary(
    config: TrainConfig, card: ModelCard, total: StepMeans | None, steps: int, seconds: float
) -> str:
    lines = ['', f'{card.name}: {steps} steps done, {duration(seconds)} in this run']
    if total is not None and total.seconds:
        lines.append(
            f'{total.images_per_second:.1f} images/s, {total.wait_share:.1%} of the '
            'step time spent waiting for data'
        )
        advice = advise_on_waiting(config, total.wait_share)
        lines += [advice] if advice else []
    lines += _table(metric_rows(card))
    unit = 'metric' if card.depth_unit == DepthKind.METRIC else 'relative, no metres'
    lines += [
        f'card     {card.source} (depth: {unit})',
        f'report   {Path(config.output) / FILE_NAME}',
        f'run it   {launch_command(card)}',
    ]
    return '\n'.join(lines)


def _table(rows: Mapping[str, Mapping[str, float]]) -> list[str]:
    if not rows:
        return []
    width = max(len(title) for title in rows)
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    head = ' ' * width + ''.join(f'{name:>10}' for name in names)
    return [
        head,
        *(
            f'{title:<{width}}'
            + ''.join(f'{row[name]:10.3f}' if name in row else ' ' * 10 for name in names)
            for title, row in rows.items()
        ),
    ]
