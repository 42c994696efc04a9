"""A real training of a few steps on the street, killed on the way and taken up again."""

import shutil
from pathlib import Path

import numpy as np
from kitti_folder import write_day, write_depth, write_image, write_split

from mono_depth_ros.training.callbacks.base import Callback
from mono_depth_ros.training.callbacks.step_means import StepMeans
from mono_depth_ros.training.checkpoints import FILE_NAME
from mono_depth_ros.training.config.schema import DataConfig, LossConfig, TrainConfig
from mono_depth_ros.training.train import train

STEPS, KILLED_AFTER, CHECKPOINT = 4, 3, 2


def watched_config(folder: Path, **changes) -> TrainConfig:
    """Return a quick training in metres on the street, validated and saved after every step."""
    root = folder / 'kitti'
    write_day(root)
    write_image(root, 0, np.full((40, 60, 3), 90, np.uint8))
    depth = np.zeros((40, 60))
    depth[20:36, 10:50] = np.linspace(30, 5, 16)[:, None]
    write_depth(root, 0, depth, 'velodyne_raw')
    values = {
        'network': 'small_depth',
        'data': 'street',
        'input_size': (64, 128),
        'batch_size': 2,
        'steps': STEPS,
        'threads': 1,
        'accelerator': 'cpu',
        'loss': LossConfig(levels=1),
        'supervision': 'S',
        'depth_scale': 5.4,
        'output': str(folder),
        'reading': DataConfig(workers=0, options={'frames': 4}),
        'validation_root': str(root),
        'validation_split': str(write_split(root, 0)),
        'checkpoint_minutes': 0,
        'validate_minutes': 0,
    }
    return TrainConfig(**(values | changes))


class Recorder(Callback):
    """Keeps what a callback is given."""

    def __init__(self) -> None:
        self.records, self.pictures, self.validations, self.card = {}, {}, {}, None
        self.notes = []

    def on_note(self, note) -> None:
        self.notes.append(note)

    def on_step(self, record, pictures) -> None:
        self.records[record.step], self.pictures[record.step] = record, pictures

    def on_validation(self, step, result) -> None:
        self.validations[step] = result

    def on_held_out(self, step, errors) -> None:
        self.held_out = errors

    def on_end(self, card) -> None:
        self.card = card


class Enough(Exception):  # noqa: N818 - it is no error
    """What ends a training when a test has seen its steps."""


class FirstSteps(Recorder):
    """Keeps the first steps and ends the training there."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count

    def on_step(self, record, pictures) -> None:
        super().on_step(record, pictures)
        if record.step == self._count:
            raise Enough


def first_steps(config: TrainConfig, count: int) -> list[StepMeans]:
    """Take the first steps of a training that leaves neither checkpoint nor card behind."""
    seen = FirstSteps(count)
    try:
        train(config, [seen])
    except Enough:
        return list(seen.records.values())
    raise AssertionError(f'the training has fewer than {count} steps')


class Killed(BaseException):
    """What stops a training as a kill does: nobody is told."""


class KillingRecorder(Recorder):
    """Ends a training after a step, and leaves an earlier one's checkpoint behind."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._checkpoint, self._kept = folder / FILE_NAME, folder / 'kept.pt'

    def on_step(self, record, pictures) -> None:
        super().on_step(record, pictures)
        if record.step == KILLED_AFTER:
            shutil.move(self._kept, self._checkpoint)
            raise Killed

    def on_checkpoint(self, step) -> None:
        if step == CHECKPOINT:
            shutil.copy(self._checkpoint, self._kept)


def train_until_killed(folder: Path, *callbacks) -> Recorder:
    """Train from the start; return what the last of the callbacks, a recorder, was given."""
    recorder = KillingRecorder(folder)
    try:
        train(watched_config(folder), [*callbacks, recorder])
    except Killed:
        return recorder
    raise AssertionError('the training was not killed')


def resume(folder: Path, *callbacks) -> Recorder:
    """Go on from the checkpoint to the end."""
    recorder = Recorder()
    train(watched_config(folder, resume=True), [*callbacks, recorder])
    return recorder
