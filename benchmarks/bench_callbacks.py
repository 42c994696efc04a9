"""Print what a step costs everybody who follows a training: python benchmarks/bench_callbacks.py.

A bar of 0.2 ms is 1 % of a step of 20 ms, which is a fast one.
"""

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from common.headline import headline
from common.tables import bar

from mono_depth_ros.training.callbacks.base import Callback
from mono_depth_ros.training.callbacks.progress import ProgressCallback
from mono_depth_ros.training.callbacks.report import ReportCallback
from mono_depth_ros.training.callbacks.step_means import StepMeans
from mono_depth_ros.training.callbacks.tensorboard import TensorBoardCallback
from mono_depth_ros.training.config.schema import TrainConfig
from mono_depth_ros.training.losses.step_result import StepImages

STEPS, SIZE = 3000, (192, 640)
LIMIT_MS = 0.2
CALLBACKS: dict[str, Callable[[Path], Callback]] = {
    'progress bar': lambda folder: ProgressCallback(io.StringIO()),
    'TensorBoard': TensorBoardCallback,
    'report': ReportCallback,
}


def main() -> None:
    print(headline('torch', 'tensorboard'))
    for name, make in CALLBACKS.items():
        with tempfile.TemporaryDirectory() as folder:
            print(
                bar(
                    f'{name} per step [ms]',
                    milliseconds(make, Path(folder)),
                    LIMIT_MS,
                    at_most=True,
                )
            )


def milliseconds(make: Callable[[Path], Callback], folder: Path) -> float:
    """Return the CPU time of the training's thread per step [ms]."""
    color, gray = torch.rand(3, *SIZE), torch.rand(1, *SIZE)
    pictures = StepImages(color, color, gray, torch.ones(1, *SIZE))
    terms = dict.fromkeys(('photometric', 'smoothness', 'reprojection', 'identity'), 0.1)
    records = [StepMeans(step, 1, 0.1, terms, 1e-4, 12, 0.1, 0.01) for step in range(1, STEPS + 1)]
    callback = make(folder)
    callback.on_start(TrainConfig(output=str(folder)), 0, STEPS, 100)
    begun = time.thread_time()
    for record in records:
        callback.on_step(record, pictures)
    spent = time.thread_time() - begun
    callback.close()
    return 1e3 * spent / STEPS


if __name__ == '__main__':
    main()
