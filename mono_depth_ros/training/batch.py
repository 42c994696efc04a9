"""Samples become batches: which sample at which step, and tensors of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mono_depth_ros.datasets.sample import TrainingData, TrainingSample
from mono_depth_ros.training.augmentation import AugmentedSample, augment
from mono_depth_ros.training.config import AugmentationConfig


@dataclass
class Batch:
    """B samples with N sources in all; images are (., 3, H, W) RGB in [0, 1].

    Attributes:
        target: (B, 3, H, W), for the losses.
        target_colours: (B, 3, H, W), for the networks.
        source: (N, 3, H, W), for the losses.
        source_colours: (N, 3, H, W), for the networks.
        sample_of: (N,) which sample a source belongs to.
        slot_of: (N,) which of its sample's sources it is.
        offset: (N,) frames after the target; 0 is the stereo partner.
        pose: (N, 4, 4) source_from_target [m], NaN where unknown.
        distance: (N,) how far the camera moved [m], NaN where unknown.
        K: (B, 3, 3) [px].
        hint: (B, 1, H, W) depth [m], NaN where unknown.
        seed: (B,) for what is random on the device.
        names: the samples' names.
    """

    target: Tensor
    target_colours: Tensor
    source: Tensor
    source_colours: Tensor
    sample_of: Tensor
    slot_of: Tensor
    offset: Tensor
    pose: Tensor
    distance: Tensor
    K: Tensor
    hint: Tensor
    seed: Tensor
    names: list[str]

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device, with bytes turned into [0, 1]."""
        moved = {item.name: getattr(self, item.name) for item in fields(self)}
        for name, value in moved.items():
            if isinstance(value, Tensor):
                value = value.to(device, non_blocking=True)
                moved[name] = value / 255 if value.dtype == torch.uint8 else value
        return Batch(**moved)

    def pin_memory(self) -> Batch:
        """Return the batch in memory that a GPU copies from faster."""
        return Batch(**{item.name: value.pin_memory() if isinstance(value, Tensor) else value
                        for item in fields(self) for value in [getattr(self, item.name)]})


class Draw(NamedTuple):
    """Which sample to read, for which place of which step."""

    step: int
    place: int
    index: int


class StepSampler:
    """Say for every step which samples it takes: every epoch its own order of all of them.

    Steps are counted over the whole training, so a resumed one starts where it ended.

    Args:
        length: samples in the data.
        global_batch: samples per step, over all devices and accumulated batches.
        seed: decides on the order.
        first_step: where to start.
        steps: where to end.
        rank: this process's number.
        world: how many processes share a step.
        parts: batches that this process's share of a step is cut into.
    """

    def __init__(self, length: int, global_batch: int, seed: int, first_step: int, steps: int,
                 rank: int = 0, world: int = 1, parts: int = 1) -> None:
        self.length, self.global_batch, self.seed = length, global_batch, seed
        self.first_step, self.steps = first_step, steps
        self.rank, self.world, self.parts = rank, world, parts

    def __len__(self) -> int:
        return (self.steps - self.first_step) * self.parts

    def __iter__(self) -> Iterator[list[Draw]]:
        """Give the draws of one batch after the other."""
        share = self.global_batch // self.world
        part = share // self.parts
        for step in range(self.first_step, self.steps):
            draws = self.step(step)[self.rank * share:(self.rank + 1) * share]
            yield from (draws[start:start + part] for start in range(0, share, part))

    def step(self, step: int) -> list[Draw]:
        """Return all draws of a step; an epoch's last step goes on into the next epoch."""
        numbers = range(step * self.global_batch, (step + 1) * self.global_batch)
        orders = {epoch: np.random.default_rng((self.seed, epoch)).permutation(self.length)
                  for epoch in {number // self.length for number in numbers}}
        return [Draw(step, place, int(orders[number // self.length][number % self.length]))
                for place, number in enumerate(numbers)]


class AugmentedData(Dataset[AugmentedSample]):
    """Read and augment what the sampler asks for.

    What is random depends on seed, step and place alone: neither on the worker that reads it
    nor on what was read before.
    """

    def __init__(self, data: TrainingData, size: tuple[int, int], options: AugmentationConfig,
                 seed: int) -> None:
        self.data, self.size, self.options, self.seed = data, size, options, seed

    def __getitem__(self, draw: Draw) -> tuple[AugmentedSample, int]:  # type: ignore[override]
        """Return an augmented sample, and a seed for what is random later."""
        random = np.random.default_rng((self.seed, draw.step, draw.place))
        sample = augment(self.data[draw.index], self.size, self.options, random)
        return sample, int(random.integers(2**31))


def collate(drawn: list[tuple[AugmentedSample, int]]) -> Batch:
    """Stack augmented samples to one batch; their images stay bytes."""
    samples = [augmented.sample for augmented, _ in drawn]
    sources = [source for sample in samples for source in sample.sources]
    places = [(number, slot) for number, sample in enumerate(samples)
              for slot in range(len(sample.sources))]
    unknown = np.full((4, 4), np.nan)
    poses = [unknown if s.source_from_target is None else s.source_from_target for s in sources]
    distances = [np.nan if s.distance is None else s.distance for s in sources]
    return Batch(
        target=_images([sample.target for sample in samples]),
        target_colours=_images([augmented.target_colours for augmented, _ in drawn]),
        source=_images([source.image for source in sources]),
        source_colours=_images([image for augmented, _ in drawn
                                for image in augmented.source_colours]),
        sample_of=torch.tensor([number for number, _ in places]),
        slot_of=torch.tensor([slot for _, slot in places]),
        offset=torch.tensor([source.offset for source in sources]),
        pose=torch.tensor(np.stack(poses), dtype=torch.float32),
        distance=torch.tensor(distances, dtype=torch.float32),
        K=torch.tensor(np.stack([sample.K for sample in samples]), dtype=torch.float32),
        hint=torch.stack([_hint(sample) for sample in samples]),
        seed=torch.tensor([seed for _, seed in drawn]),
        names=[sample.name for sample in samples])


def _images(images: list[Any]) -> Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()


def _hint(sample: TrainingSample) -> Tensor:
    if sample.depth_hint is None:
        return torch.full((1, *sample.target.shape[:2]), torch.nan)
    return torch.from_numpy(sample.depth_hint)[None]
