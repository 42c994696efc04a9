"""Samples become batches: which sample at which step, and tensors of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, Union

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mono_depth_ros.datasets.sample import TrainingData, TrainingSample
from mono_depth_ros.training.config.schema import AugmentationConfig
from mono_depth_ros.training.data.augmentation import AugmentedSample, augment, blend, mix, overlay
from mono_depth_ros.training.data.boxes import paste_boxes
from mono_depth_ros.training.data.multi_resolution import (
    Resolution,
    ThreeResolutions,
    augment_resolutions,
)
from mono_depth_ros.types import Image

NO_LABEL = -1
Augmented = tuple[Union[AugmentedSample, ThreeResolutions], int]  # noqa: UP007 - runs on 3.10


@dataclass
class Batch:
    """B samples with N sources in all; images are (., 3, H, W) RGB in [0, 1].

    Attributes:
        target: (B, 3, H, W), for the losses.
        target_colors: (B, 3, H, W), for the networks.
        source: (N, 3, H, W), for the losses.
        source_colors: (N, 3, H, W), for the networks.
        sample_of: (N,) which sample a source belongs to.
        slot_of: (N,) which of its sample's sources it is.
        offset: (N,) frames after the target; 0 is the stereo partner.
        pose: (N, 4, 4) source_from_target [m], NaN where unknown.
        distance: (N,) how far the camera moved [m], NaN where unknown.
        K: (B, 3, 3) [px].
        hint: (B, 1, H, W) depth [m], NaN where unknown.
        labels: (B, 1, H, W) int16 semantic classes, NO_LABEL where a sample has none.
        invalid: (B, 1, H, W) bool, where another scene is shown.
        seed: (B,) for what is random on the device.
        names: the samples' names.
        others: the same samples at other resolutions.
    """

    target: Tensor
    target_colors: Tensor
    source: Tensor
    source_colors: Tensor
    sample_of: Tensor
    slot_of: Tensor
    offset: Tensor
    pose: Tensor
    distance: Tensor
    K: Tensor
    hint: Tensor
    labels: Tensor
    invalid: Tensor
    seed: Tensor
    names: list[str]
    others: list[OtherResolution] = field(default_factory=list)

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device, with bytes turned into [0, 1]."""
        return self._each(lambda tensor: _in_unit_range(tensor.to(device, non_blocking=True)))

    def pin_memory(self) -> Batch:
        """Return the batch in memory that a GPU copies from faster."""
        return self._each(lambda tensor: tensor.pin_memory())

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        changed: dict[str, Any] = {
            name: change(value) if isinstance(value, Tensor) else value
            for name, value in values.items()
        }
        changed['others'] = [
            OtherResolution(other.batch._each(change), change(other.shows), change(other.within))
            for other in self.others
        ]
        return Batch(**changed)


class OtherResolution(NamedTuple):
    """A batch at another resolution, see multi_resolution.

    Attributes:
        batch: the images and their K.
        shows: (B, 4) top, left, height and width of what is shown, in the middle image [px].
        within: (B, 4) the window of this resolution's image in which it is shown [px].
    """

    batch: Batch
    shows: Tensor
    within: Tensor


class SampleIndex(NamedTuple):
    """Which sample of the data to read, at which position of which step."""

    step: int
    position: int
    data_index: int


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

    def __init__(
        self,
        length: int,
        global_batch: int,
        seed: int,
        first_step: int,
        steps: int,
        rank: int = 0,
        world: int = 1,
        parts: int = 1,
    ) -> None:
        self.length, self.global_batch, self.seed = length, global_batch, seed
        self.first_step, self.steps = first_step, steps
        self.rank, self.world, self.parts = rank, world, parts

    def __len__(self) -> int:
        return (self.steps - self.first_step) * self.parts

    def __iter__(self) -> Iterator[list[SampleIndex]]:
        """Give the samples of one batch after the other."""
        share = self.global_batch // self.world
        part = share // self.parts
        for step in range(self.first_step, self.steps):
            samples = self.step(step)[self.rank * share : (self.rank + 1) * share]
            yield from (samples[start : start + part] for start in range(0, share, part))

    def step(self, step: int) -> list[SampleIndex]:
        """Return all samples of a step; an epoch's last step goes on into the next epoch."""
        counts = range(step * self.global_batch, (step + 1) * self.global_batch)
        orders = {
            epoch: np.random.default_rng((self.seed, epoch)).permutation(self.length)
            for epoch in {count // self.length for count in counts}
        }
        return [
            SampleIndex(step, position, int(orders[count // self.length][count % self.length]))
            for position, count in enumerate(counts)
        ]


class AugmentedData(Dataset[Any]):
    """Read and augment what the sampler asks for.

    What is random depends on seed, step and position alone: neither on the worker that reads it
    nor on what was read before.
    """

    def __init__(
        self,
        data: TrainingData,
        size: tuple[int, int],
        options: AugmentationConfig,
        seed: int,
        multi_resolution: bool = False,
    ) -> None:
        self.data, self.size, self.options, self.seed = data, size, options, seed
        self.augment = augment_resolutions if multi_resolution else augment

    def __getitem__(self, sample: SampleIndex) -> Augmented:
        """Return an augmented sample, and a seed for what is random later."""
        random = np.random.default_rng((self.seed, sample.step, sample.position))
        augmented = self.augment(self.data[sample.data_index], self.size, self.options, random)
        if isinstance(augmented, AugmentedSample):
            augmented = self._with_another(augmented, random)
            augmented = self._with_boxes(augmented, random)
        return augmented, int(random.integers(2**31))

    def _with_another(
        self, augmented: AugmentedSample, random: np.random.Generator
    ) -> AugmentedSample:
        choice = random.random()
        for combine, share in (
            (mix, self.options.mix),
            (overlay, self.options.overlay),
            (blend, self.options.blend),
        ):
            if choice < share:
                return combine(augmented, self._other(random), random)
            choice -= share
        return augmented

    def _with_boxes(
        self, augmented: AugmentedSample, random: np.random.Generator
    ) -> AugmentedSample:
        if random.random() >= self.options.boxes:
            return augmented
        return paste_boxes(augmented, self._other(random), random, self.options.camera_height)

    def _other(self, random: np.random.Generator) -> AugmentedSample:
        other = self.data[int(random.integers(len(self.data)))]
        return augment(other, self.size, self.options, random)


def collate(items: list[Augmented]) -> Batch:
    """Stack augmented samples to one batch; their images stay bytes."""
    three = [augmented for augmented, _ in items if isinstance(augmented, ThreeResolutions)]
    if not three:
        return _stack([(item, seed) for item, seed in items if isinstance(item, AugmentedSample)])
    seeds = [seed for _, seed in items]
    batch = _stack([(item.middle, seed) for item, seed in zip(three, seeds)])
    batch.others = [
        _stack_other([item.high for item in three], seeds),
        _stack_other([item.low for item in three], seeds),
    ]
    return batch


def _stack_other(resolutions: list[Resolution], seeds: list[int]) -> OtherResolution:
    return OtherResolution(
        _stack([(item.augmented, seed) for item, seed in zip(resolutions, seeds)]),
        torch.tensor([item.shows for item in resolutions], dtype=torch.float32),
        torch.tensor([item.within for item in resolutions]),
    )


def _stack(items: list[tuple[AugmentedSample, int]]) -> Batch:
    samples = [augmented.sample for augmented, _ in items]
    sources = [source for sample in samples for source in sample.sources]
    slots = [
        (index, slot)
        for index, sample in enumerate(samples)
        for slot in range(len(sample.sources))
    ]
    unknown = np.full((4, 4), np.nan)
    poses = [unknown if s.source_from_target is None else s.source_from_target for s in sources]
    distances = [np.nan if s.distance is None else s.distance for s in sources]
    size = samples[0].target.shape
    return Batch(
        target=_images([sample.target for sample in samples], size),
        target_colors=_images([augmented.target_colors for augmented, _ in items], size),
        source=_images([source.image for source in sources], size),
        source_colors=_images(
            [image for augmented, _ in items for image in augmented.source_colors], size
        ),
        sample_of=torch.tensor([index for index, _ in slots], dtype=torch.long),
        slot_of=torch.tensor([slot for _, slot in slots], dtype=torch.long),
        offset=torch.tensor([source.offset for source in sources], dtype=torch.long),
        pose=torch.tensor(np.reshape(poses, (-1, 4, 4)), dtype=torch.float32),
        distance=torch.tensor(distances, dtype=torch.float32),
        K=torch.tensor(np.stack([sample.K for sample in samples]), dtype=torch.float32),
        hint=torch.stack([_hint(sample) for sample in samples]),
        labels=torch.stack([_labels(sample) for sample in samples]),
        invalid=torch.stack([_invalid(augmented) for augmented, _ in items]),
        seed=torch.tensor([seed for _, seed in items]),
        names=[sample.name for sample in samples],
    )


def _in_unit_range(tensor: Tensor) -> Tensor:
    return tensor / 255 if tensor.dtype == torch.uint8 else tensor


def _images(images: list[Image], size: tuple[int, ...]) -> Tensor:
    stacked = np.reshape(images, (-1, *size)).astype(np.uint8, copy=False)
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).contiguous()


def _labels(sample: TrainingSample) -> Tensor:
    if sample.labels is None:
        return torch.full((1, *sample.target.shape[:2]), NO_LABEL, dtype=torch.int16)
    return torch.from_numpy(sample.labels.astype(np.int16))[None]


def _hint(sample: TrainingSample) -> Tensor:
    if sample.depth_hint is None:
        return torch.full((1, *sample.target.shape[:2]), torch.nan)
    return torch.from_numpy(sample.depth_hint)[None]


def _invalid(augmented: AugmentedSample) -> Tensor:
    if augmented.invalid is None:
        return torch.zeros(1, *augmented.sample.target.shape[:2], dtype=torch.bool)
    return torch.from_numpy(augmented.invalid)[None]
