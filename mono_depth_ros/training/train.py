"""The training loop, from a configuration to a model card.

Everything random is a function of the seed and the step, so a training that was killed goes on
from its checkpoint as if it had never stopped.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from mono_depth_ros.inference.cards.model_card import ModelCard
from mono_depth_ros.networks import DepthNetwork
from mono_depth_ros.training.build import TrainingSetup, build
from mono_depth_ros.training.callbacks.base import Callback
from mono_depth_ros.training.callbacks.step_means import StepMeans
from mono_depth_ros.training.checkpoints import load_checkpoint, save_checkpoint
from mono_depth_ros.training.config.schema import TrainConfig
from mono_depth_ros.training.data.batch import AugmentedData, Batch, StepSampler, collate
from mono_depth_ros.training.export import export_card, validate
from mono_depth_ros.training.held_out import HeldOut
from mono_depth_ros.training.losses.objective import Objective
from mono_depth_ros.training.losses.step_result import StepResult
from mono_depth_ros.training.schedule import learning_rate

# A loss that grows to so many times its recent median will not come back.
EXPLODED = 20.0
_RECENT = 100


class TrainingDiverged(RuntimeError):  # noqa: N818 - it is what happened
    """The loss is no number any more, or has exploded; the message names the samples."""


def train(
    config: TrainConfig,
    callbacks: Sequence[Callback] = (),
    is_stopped: Callable[[], bool] = lambda: False,
) -> ModelCard | None:
    """Train a network and write its model card.

    Args:
        config: what to train, on what, and how.
        callbacks: look on.
        is_stopped: asked after every step; True ends the training with a checkpoint.

    Returns:
        The card of the trained network; None if it was stopped, and in all processes but the
        first.

    Raises:
        FileNotFoundError, ValueError: the configuration or the data is wrong.
        TrainingDiverged: the loss is not finite or exploded.
    """
    fabric = _fabric(config, callbacks)
    setup = build(config)
    state = _State(fabric, setup, config)
    state.call('on_start', config, state.step, state.steps, len(setup.data))
    for note in setup.notes:
        state.call('on_note', note)
    saved = validated = time.monotonic()
    for batches, waited in _batches(state):
        start = time.monotonic()
        rate = learning_rate(config.optimizer, state.step, state.steps, state.steps_per_epoch)
        results = _step(state, batches, rate)
        state.step += 1
        seconds = time.monotonic() - start + waited
        record = _record(state, results, rate, seconds, waited)
        state.call('on_step', record, pictures=results[-1].images)
        if not fabric.is_global_zero or state.step == state.steps:
            continue
        stopped = fabric.world_size == 1 and is_stopped()
        if stopped or time.monotonic() - saved > 60 * config.checkpoint_minutes:
            save_checkpoint(Path(config.output), state.to_save())
            saved = time.monotonic()
            state.call('on_checkpoint', state.step)
        if stopped:
            return None
        if time.monotonic() - validated > 60 * config.validate_minutes:
            _validate(state)
            validated = time.monotonic()
    return _finish(state) if fabric.is_global_zero else None


class _State:
    """What a training changes as it goes."""

    def __init__(self, fabric: Fabric, setup: TrainingSetup, config: TrainConfig) -> None:
        self.fabric, self.setup, self.config = fabric, setup, config
        self.objective = setup.objective
        world = fabric.world_size
        self.global_batch = config.batch_size * config.accumulate * world
        self.steps_per_epoch = len(setup.data) / self.global_batch
        self.steps = config.steps or max(1, round(config.epochs * self.steps_per_epoch))
        self.held_out = HeldOut(config) if config.held_out else None
        self.step = 0
        self.recent: list[float] = []
        optimizer = _optimizer(self.objective, config)
        saved = load_checkpoint(Path(config.output)) if config.resume else None
        if saved:
            self.step = int(saved['step'])
            _load_weights(self.objective, saved, config)
        # The objective as Fabric runs it: in its precision, and in step with other processes.
        self.module, self.optimizer = fabric.setup(self.objective, optimizer)
        self.average = _average(self.objective.depth, config)
        if saved:
            self.optimizer.load_state_dict(saved['optimizer'])
            torch.set_rng_state(saved['random'])
            if self.average:
                self.average.load_state_dict(saved['average'])

    def call(self, hook: str, *values: Any, **more: Any) -> None:
        """Call a method of every callback, in the first process alone."""
        if self.fabric.is_global_zero:
            self.fabric.call(hook, *values, **more)

    @property
    def network(self) -> DepthNetwork:
        """What is validated and exported: the averaged weights, where an average is kept."""
        network = self.average.module if self.average else self.objective.depth
        assert isinstance(network, DepthNetwork)
        return network

    def to_save(self) -> dict[str, Any]:
        """Return everything that a resumed training needs."""
        average = self.average.state_dict() if self.average else {}
        return {
            'step': self.step,
            'objective': self.objective.state_dict(),
            'config': asdict(self.config),
            'optimizer': self.optimizer.state_dict(),
            'random': torch.get_rng_state(),
            'average': average,
        }


def _average(network: DepthNetwork, config: TrainConfig) -> AveragedModel | None:
    decay = config.optimizer.average
    if decay == 0:
        return None

    def blend(past: Tensor, now: Tensor, count: Tensor | int) -> Tensor:
        kept = min(decay, (1 + int(count)) / (10 + int(count)))  # early weights are soon forgotten
        return past * kept + now * (1 - kept)

    return AveragedModel(network, avg_fn=blend)


def _load_weights(objective: Objective, saved: dict[str, Any], config: TrainConfig) -> None:
    for name in ('network', 'network_options', 'pose_network'):
        before, now = saved['config'][name], getattr(config, name)
        if before != now:
            raise ValueError(
                f"The checkpoint in '{config.output}' was trained with {name} {before!r}, not "
                f'{now!r}; go on with the same, or start in another output folder.'
            )
    objective.load_state_dict(saved['objective'])


def _fabric(config: TrainConfig, callbacks: Sequence[Callback]) -> Fabric:
    cv2.setNumThreads(1)  # readers are processes of their own
    if config.threads:
        torch.set_num_threads(config.threads)
    processes = config.devices * config.num_nodes
    strategy = DDPStrategy(find_unused_parameters=True) if processes > 1 else 'auto'
    is_mixed = config.precision == 'bf16-mixed'
    fabric = Fabric(
        accelerator=config.accelerator,
        devices=config.devices,
        strategy=strategy,
        num_nodes=config.num_nodes,
        precision=None if is_mixed else config.precision,
        plugins=_MixedPrecision(config) if is_mixed else None,
        callbacks=list(callbacks),
    )
    fabric.launch()
    if fabric.device.type == 'cuda':  # every batch has the same size: look for its fastest kernels
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision('high')  # TensorFloat-32, as convolutions have it
    return fabric


class _MixedPrecision(MixedPrecision):
    """Networks in bfloat16, but what they are given as it is: 8 bits are no pose or pixel."""

    def __init__(self, config: TrainConfig) -> None:
        on_cpu = config.accelerator == 'cpu' or not torch.cuda.is_available()
        super().__init__('bf16-mixed', 'cpu' if on_cpu else 'cuda')

    def convert_input(self, data: Any) -> Any:
        return data


def _optimizer(objective: Objective, config: TrainConfig) -> torch.optim.Optimizer:
    options = config.optimizer
    encoder = {id(parameter) for parameter in objective.depth.encoder.parameters()}
    parameters = [p for p in objective.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {'params': [p for p in parameters if id(p) in encoder], 'factor': options.encoder_factor},
        {'params': [p for p in parameters if id(p) not in encoder], 'factor': 1.0},
    ]
    if options.name == 'adamw':
        return torch.optim.AdamW(
            groups, options.learning_rate, fused=True, weight_decay=options.weight_decay
        )
    return torch.optim.Adam(groups, options.learning_rate, fused=True)


def _batches(state: _State) -> Iterator[tuple[list[Batch], float]]:
    """Give every step's batches, and how long they were waited for [s]."""
    config, fabric = state.config, state.fabric
    data = AugmentedData(
        state.setup.data,
        state.setup.size,
        config.augmentation,
        config.seed,
        config.multi_resolution,
    )
    sampler = StepSampler(
        len(state.setup.data),
        state.global_batch,
        config.seed,
        state.step,
        state.steps,
        fabric.global_rank,
        fabric.world_size,
        config.accumulate,
    )
    loader = DataLoader(
        data,
        batch_sampler=sampler,
        num_workers=config.reading.workers,
        collate_fn=collate,
        pin_memory=fabric.device.type == 'cuda',
        worker_init_fn=_prepare_worker if config.reading.workers else None,
    )
    batches = iter(loader)
    for _ in range(state.step, state.steps):
        start = time.monotonic()
        step = [next(batches) for _ in range(config.accumulate)]
        yield [batch.to(fabric.device) for batch in step], time.monotonic() - start


def _prepare_worker(index: int) -> None:
    for sent_to_all in (signal.SIGINT, signal.SIGTERM):  # the trainer's affair
        signal.signal(sent_to_all, signal.SIG_IGN)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _step(state: _State, batches: list[Batch], rate: float) -> list[StepResult]:
    config, fabric = state.config, state.fabric
    torch.manual_seed(hash((config.seed, state.step, fabric.global_rank)) % 2**31)
    state.objective.set_training_progress(state.step / state.steps)
    state.objective.train()
    for group in state.optimizer.param_groups:
        group['lr'] = rate * group['factor']
    results = [
        _learn(state, batch, 1 / len(batches), is_last=index == len(batches) - 1)
        for index, batch in enumerate(batches)
    ]
    if config.optimizer.gradient_clip:
        fabric.clip_gradients(
            state.module, state.optimizer, max_norm=config.optimizer.gradient_clip
        )
    state.optimizer.step()
    state.optimizer.zero_grad()
    if state.average:
        state.average.update_parameters(state.objective.depth)
    return results


def _learn(state: _State, batch: Batch, share: float, *, is_last: bool) -> StepResult:
    """Add a batch's gradients, pass by pass: one pass's graph at a time."""
    fabric, result = state.fabric, None
    for remaining in reversed(range(state.objective.passes)):
        waits = is_last and remaining == 0  # for the other processes
        with fabric.no_backward_sync(state.module, enabled=not waits):
            found: StepResult = state.module(batch, result)
            _check_loss(state, found.loss.detach(), batch)
            fabric.backward(found.loss.mean() * share)
        result = found.added_to(result)
    assert result is not None
    return result


def _check_loss(state: _State, loss: Tensor, batch: Batch) -> None:
    """Stop before a loss that is no number, or has exploded, spoils the weights."""
    median = float(np.median(state.recent)) if len(state.recent) >= _RECENT else np.inf
    fine = loss.isfinite() & (loss < EXPLODED * median)
    if fine.all():
        return
    wrong = (~fine).nonzero()[:, 0].tolist()
    names = [f"'{batch.names[i]}' ({float(loss[i]):.3g})" for i in wrong]
    raise TrainingDiverged(
        f'The loss of step {state.step} is not finite or exploded (median of late '
        f'{median:.3g}) on {", ".join(names)}. Look at these samples; if they are fine, lower '
        'optimizer.learning_rate or set optimizer.gradient_clip. The last checkpoint is whole.'
    )


def _record(
    state: _State, results: list[StepResult], rate: float, seconds: float, waited: float
) -> StepMeans:
    loss = float(torch.stack([result.loss.detach().mean() for result in results]).mean())
    state.recent = [*state.recent[1 - _RECENT :], loss]
    terms = {
        name: float(torch.stack([result.terms[name] for result in results]).mean())
        for name in results[0].terms
    }
    return StepMeans(state.step, 1, loss, terms, rate, state.global_batch, seconds, waited)


def _validate(state: _State) -> None:
    if state.config.validation_split:
        result = validate(state.network, state.config, state.objective.training_focal)
        state.call('on_validation', state.step, result)
    if state.held_out:
        errors = state.held_out.errors(state.network, state.objective)
        state.call('on_held_out', state.step, errors)


def _finish(state: _State) -> ModelCard:
    save_checkpoint(Path(state.config.output), state.to_save())
    _validate(state)
    card = export_card(state.network, state.config, state.steps, state.setup.training_K)
    state.call('on_end', card)
    return card
