"""The executable `train_depth`: KITTI, a bag or the street become a card that depth_node runs."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mono_depth_ros.machine import keep_freed_memory

if TYPE_CHECKING:
    from mono_depth_ros.training.callbacks.base import Callback
    from mono_depth_ros.training.config.schema import TrainConfig

# OpenMP's threads wait for each other this long before they sleep, some ten microseconds: enough
# for the next layer (not to wait at all costs a third), too short to take cores from the readers.
os.environ.setdefault('GOMP_SPINCOUNT', '10000')


def main(argv: Sequence[str] | None = None) -> int:
    """Train one network; return the exit code."""
    try:
        from mono_depth_ros.training.config.parse import UnknownOptionError, parse_config
    except ModuleNotFoundError as error:
        return _refuse_without(error)
    try:
        config = parse_config(sys.argv[1:] if argv is None else argv)
    except (OSError, ValueError) as error:
        print(f'train_depth: error: {error}', file=sys.stderr)
        return 2 if isinstance(error, UnknownOptionError) else 1
    return _run(config)


def _run(config: TrainConfig) -> int:
    keep_freed_memory()
    try:
        from mono_depth_ros.training.callbacks.progress import ProgressCallback
        from mono_depth_ros.training.callbacks.report import ReportCallback
        from mono_depth_ros.training.callbacks.tensorboard import TensorBoardCallback
        from mono_depth_ros.training.train import TrainingDiverged, train
    except ModuleNotFoundError as error:
        return _refuse_without(error)
    stopped = _stopped_by_signals()
    callbacks: list[Callback] = []
    try:
        folder = Path(config.output)
        callbacks = [ProgressCallback(), TensorBoardCallback(folder), ReportCallback(folder)]
        train(config, callbacks, stopped.is_set)
    except (OSError, ValueError, TrainingDiverged) as error:
        print(f'train_depth: error: {error}', file=sys.stderr)
        return 1
    finally:
        for callback in callbacks:
            callback.close()
    if stopped.is_set():
        print('train_depth: stopped; the same command with --resume true goes on from here')
        return 130
    return 0


def _refuse_without(error: ModuleNotFoundError) -> int:
    print(
        f'train_depth: error: {error.name} is not installed; training needs more packages '
        "than the node: pip install -r requirements-train.txt, or the extra '[train]'.",
        file=sys.stderr,
    )
    return 1


def _stopped_by_signals() -> threading.Event:
    """Let the first signal stop the training after its step, and the second at once."""
    stopped = threading.Event()

    def stop(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return stopped


if __name__ == '__main__':
    sys.exit(main())
