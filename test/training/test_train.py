"""The loop: it learns, it survives being killed, and two processes do what one does."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from forking import ForkedProcess, start_forked
from kitti_folder import DRIVE, write_day, write_image

from mono_depth_ros.datasets import splits
from mono_depth_ros.datasets.splits import SplitEntry
from mono_depth_ros.datasets.street.raycast import Street, render_frame
from mono_depth_ros.inference.cards.checkpoint import load_network
from mono_depth_ros.inference.cards.model_card import load_card
from mono_depth_ros.training.build import build
from mono_depth_ros.training.callbacks.base import Callback
from mono_depth_ros.training.callbacks.step_means import StepMeans
from mono_depth_ros.training.checkpoints import FILE_NAME, load_checkpoint
from mono_depth_ros.training.config.schema import (
    DataConfig,
    LossConfig,
    OptimizerConfig,
    TrainConfig,
)
from mono_depth_ros.training.train import TrainingDiverged, train

pytestmark = pytest.mark.slow

SIZE = (64, 128)
STREET = {
    'data': 'street',
    'network': 'small_depth',
    'input_size': list(SIZE),
    'batch_size': 2,
    'threads': 1,
    'accelerator': 'cpu',
    'seed': 3,
    'reading': {'workers': 0, 'options': {'frames': 6}},
}


class Recorder(Callback):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.records: list[StepMeans] = []
        self.checkpoints: list[int] = []
        self.notes: list[str] = []

    def on_start(self, config, step, steps, samples) -> None:
        self.samples = samples

    def on_note(self, note) -> None:
        self.notes.append(note)

    def on_step(self, record, pictures) -> None:
        self.records.append(record)

    def on_held_out(self, step, errors) -> None:
        self.held_out = errors

    def on_checkpoint(self, step) -> None:
        self.checkpoints.append(step)

    def on_end(self, card) -> None:
        self.card = card


def street_config(folder: Path, **changes) -> TrainConfig:
    config = TrainConfig(
        data='street',
        input_size=SIZE,
        batch_size=2,
        threads=1,
        accelerator='cpu',
        seed=3,
        reading=DataConfig(workers=0, options={'frames': 6}),
        output=str(folder),
        loss=LossConfig(levels=1),
    )
    return replace(config, **changes)


def test_the_result_is_a_card_with_the_trained_weights(tmp_path):
    recorder = Recorder()

    card = train(
        street_config(tmp_path, steps=2, supervision='S', depth_scale=5.4, name='mine'), [recorder]
    )

    assert card == recorder.card == load_card(tmp_path / 'card')
    assert (card.name, card.depth_unit, card.depth_scale) == ('mine', 'metric', 5.4)
    assert card.training_K[0][0] == pytest.approx(0.58 * SIZE[1])
    saved = load_checkpoint(tmp_path)['objective']
    network = load_network(card)
    for name, weight in network.state_dict().items():
        if weight.is_floating_point():
            torch.testing.assert_close(
                weight.float(), saved[f'depth.{name}'], atol=1e-6, rtol=2e-3
            )


def test_depth_from_neighbours_in_time_alone_is_relative(tmp_path):
    card = train(street_config(tmp_path, steps=1))

    assert card.depth_unit == 'relative' and card.depth_scale is None


def test_measured_distances_make_it_metric(tmp_path):
    loss = LossConfig(levels=1, velocity=0.05)

    assert train(street_config(tmp_path, steps=1, loss=loss)).depth_unit == 'metric'


def test_a_loss_that_is_no_number_stops_the_training_and_names_the_sample(tmp_path):
    config = street_config(
        tmp_path,
        steps=20,
        supervision='S',
        optimizer=OptimizerConfig(learning_rate=1e30, schedule='constant'),
    )

    with pytest.raises(TrainingDiverged, match=r"'street 0 frame \d'.*learning_rate"):
        train(config)


def test_a_stopped_training_saves_and_goes_on_as_if_it_had_not_stopped(tmp_path):
    config = street_config(tmp_path / 'straight', steps=4)
    train(config)
    halted = replace(config, output=str(tmp_path / 'halted'))
    recorder = Recorder()

    assert train(halted, [recorder], lambda: len(recorder.records) == 2) is None
    assert recorder.checkpoints == [2]
    train(replace(halted, resume=True))

    assert_same_weights(tmp_path / 'straight', tmp_path / 'halted', 1e-6)


def test_gradients_of_small_batches_add_up_to_those_of_a_large_one(tmp_path):
    frozen = {'freeze_batch_norm': True, 'network_options': {'block_drop': 0.0}, 'steps': 2}
    train(street_config(tmp_path / 'large', batch_size=4, **frozen))
    train(street_config(tmp_path / 'small', batch_size=2, accumulate=2, **frozen))

    assert_same_weights(tmp_path / 'large', tmp_path / 'small', 1e-5)


def test_mixed_precision_learns_motion_and_sees_the_same_geometry(tmp_path):
    full, mixed = Recorder(), Recorder()
    for recorder, precision in ((full, '32-true'), (mixed, 'bf16-mixed')):
        train(street_config(tmp_path / precision, steps=1, precision=precision), [recorder])

    loss = full.records[0].loss
    # bfloat16 has three digits; a camera matrix in it would move every pixel by up to one
    assert mixed.records[0].loss != loss
    assert mixed.records[0].loss == pytest.approx(loss, rel=0.01)


def test_a_killed_training_goes_on_from_its_last_checkpoint(tmp_path):
    recipe = write_recipe(tmp_path, steps=6, checkpoint_minutes=0.0)
    assert run(recipe, tmp_path / 'straight').wait() == 0
    killed = run(recipe, tmp_path / 'killed')
    wait_for(tmp_path / 'killed' / FILE_NAME, killed)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = load_checkpoint(tmp_path / 'killed')['step']

    assert run(recipe, tmp_path / 'killed', '--resume', 'true').wait() == 0

    assert 1 <= before < 6 and load_checkpoint(tmp_path / 'killed')['step'] == 6
    assert_same_weights(tmp_path / 'straight', tmp_path / 'killed', 1e-6)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_processes_ends_it_with_a_checkpoint(tmp_path, number):
    """A terminal, systemd and SLURM tell the readers too."""
    recipe = write_recipe(
        tmp_path, steps=10_000, checkpoint_minutes=0.0, reading=STREET['reading'] | {'workers': 1}
    )
    stopped = run(recipe, tmp_path / 'stopped')
    try:
        wait_for(tmp_path / 'stopped' / FILE_NAME, stopped)
        os.killpg(stopped.pid, number)
        assert stopped.wait(120) == 130
    finally:
        stopped.kill()

    assert load_checkpoint(tmp_path / 'stopped')['step'] < 10_000


def test_two_processes_do_what_one_does(tmp_path):
    frozen = {'freeze_batch_norm': True, 'network_options': {'block_drop': 0.0}, 'steps': 3}
    one = write_recipe(tmp_path / 'one', batch_size=4, **frozen)
    two = write_recipe(tmp_path / 'two', batch_size=2, devices=2, **frozen)

    assert run(one, tmp_path / 'one').wait() == 0
    assert run(two, tmp_path / 'two').wait() == 0

    assert_same_weights(tmp_path / 'one', tmp_path / 'two', 1e-5)


def test_resuming_another_network_is_refused(tmp_path):
    train(street_config(tmp_path, steps=1))

    with pytest.raises(ValueError, match="trained with network 'small_depth', not 'hr_depth'"):
        train(street_config(tmp_path, steps=1, resume=True, network='hr_depth'))


def test_there_must_be_something_to_resume(tmp_path):
    with pytest.raises(FileNotFoundError, match='no checkpoint'):
        train(street_config(tmp_path, resume=True))


def test_frozen_batch_norms_keep_their_statistics(tmp_path):
    config = street_config(tmp_path, steps=2, freeze_batch_norm=True)
    before = build(config).objective.state_dict()

    train(config)

    after = load_checkpoint(tmp_path)['objective']
    running = [name for name in before if 'running_' in name]
    assert running and all(torch.equal(before[name], after[name]) for name in running)


def write_recipe(folder: Path, **changes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / 'recipe.yaml'
    path.write_text(yaml.safe_dump(STREET | {'loss': {'levels': 1}} | changes))
    return path


def run(recipe: Path, folder: Path, *options: str) -> ForkedProcess:
    arguments = ['--recipe', str(recipe), '--output', str(folder), *options]
    return start_forked(
        ['-m', 'mono_depth_ros.cli.train_depth', *arguments],
        recipe.with_suffix('.log'),
        {**os.environ, 'OMP_NUM_THREADS': '1'},
    )


def wait_for(path: Path, process: ForkedProcess) -> None:
    end = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.02)


def assert_same_weights(first: Path, second: Path, tolerance: float) -> None:
    one, other = (load_checkpoint(folder)['objective'] for folder in (first, second))
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(
            one[name],
            other[name],
            atol=tolerance,
            rtol=0,
            msg=lambda text, name=name: f'{name}: {text}',
        )


def test_the_average_of_the_weights_is_what_is_exported_and_resumed(tmp_path):
    options = OptimizerConfig(average=0.5, learning_rate=1e-3)
    config = street_config(tmp_path / 'straight', steps=4, optimizer=options)

    card = train(config)

    saved = load_checkpoint(tmp_path / 'straight')
    average = saved['average']['module.heads.0.conv.weight']
    exported = load_network(card).state_dict()['heads.0.conv.weight']
    assert not torch.equal(average, saved['objective']['depth.heads.0.conv.weight'])
    torch.testing.assert_close(exported, average, atol=1e-6, rtol=2e-3)
    recorder = Recorder()
    halted = replace(config, output=str(tmp_path / 'halted'))
    train(halted, [recorder], lambda: len(recorder.records) == 2)
    train(replace(halted, resume=True))
    again = load_checkpoint(tmp_path / 'halted')['average']['module.heads.0.conv.weight']
    torch.testing.assert_close(again, average, atol=1e-6, rtol=0)


def test_a_slower_encoder_moves_less(tmp_path):
    config = street_config(tmp_path, steps=1, optimizer=OptimizerConfig(encoder_factor=0.0))
    before = build(config).objective.state_dict()

    train(config)

    after = load_checkpoint(tmp_path)['objective']
    moved = {
        name
        for name in before
        if name.endswith('weight') and not torch.equal(before[name], after[name])
    }
    assert moved and not [name for name in moved if name.startswith('depth.encoder')]


def test_held_out_images_are_watched_without_being_trained_on(tmp_path):
    write_day(tmp_path, SIZE)
    for number in range(4):
        write_image(tmp_path, number, render_frame(Street(), number, SIZE).image)
    for name, number in (('train', 1), ('val', 2)):
        entry = SplitEntry(DRIVE, number, 'l')
        splits.write_split(tmp_path / f'{name}.txt', [entry])
    recorder = Recorder()
    config = street_config(
        tmp_path / 'run',
        steps=2,
        data='kitti_raw',
        root=str(tmp_path),
        reading=DataConfig(workers=0),
        split=str(tmp_path / 'train.txt'),
        held_out=str(tmp_path / 'val.txt'),
    )

    train(config, [recorder])

    assert recorder.samples == 1
    assert 0 < recorder.held_out['reprojection'] < 0.5 and recorder.held_out['identity'] > 0


def test_known_poses_need_no_pose_network_and_are_metres(tmp_path):
    config = street_config(
        tmp_path,
        steps=1,
        pose_network='none',
        reading=DataConfig(workers=0, options={'frames': 3, 'known_poses': True}),
    )

    assert train(config).depth_unit == 'metric'
