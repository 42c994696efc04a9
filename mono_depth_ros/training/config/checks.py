"""What a configuration must not say: values, combinations and promises that cannot be kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from torch.utils.data import ConcatDataset

from mono_depth_ros.datasets.image_files import name_some
from mono_depth_ros.datasets.image_sequence import ImageSequence
from mono_depth_ros.datasets.sample import TrainingData, TrainingSample
from mono_depth_ros.inference.cards.model_card import load_card
from mono_depth_ros.training.config.schema import LossConfig, TrainConfig
from mono_depth_ros.types import DepthKind

# The least that fields may be.
_MIN = {
    'batch_size': 1,
    'accumulate': 1,
    'devices': 1,
    'num_nodes': 1,
    'pose_reduction': 1,
    'loss.levels': 1,
    'epochs': 1,
    'steps': 0,
    'seed': 0,
    'threads': 0,
    'reading.workers': 0,
    'apx.encoder': 0,
    'apx.decoder': 0,
    'apx.disparity': 0,
    'apx.hole': 0,
    'triplet.margin': 0,
    'triplet.patch': 2,
    'optimizer.learning_rate': 0,
    'optimizer.warmup_steps': 0,
    'optimizer.gradient_clip': 0,
    'optimizer.encoder_factor': 0,
}
_SHARES = (
    'loss.ssim',
    'loss.auto_mask_from',
    'augmentation.flip',
    'augmentation.jitter',
    'augmentation.mix',
    'augmentation.overlay',
    'augmentation.blend',
    'augmentation.boxes',
    'optimizer.average',
)
# Every number of the losses is a weight, or a share above.
_MIN |= {f'loss.{item.name}': 0 for item in fields(LossConfig) if item.type == 'float'}
_WITH_HINTS = {'kitti_raw', 'street'}
_SAMPLES = 20


def check_config(config: TrainConfig) -> None:
    """Refuse values and combinations that nothing can be trained with.

    Raises:
        ValueError: with the value, what is expected and what to change.
    """
    for name, least in _MIN.items():
        value = attrgetter(name)(config)
        if not value >= least:
            raise ValueError(f'{name} is {value}; expected {least} or more.')
    for name in _SHARES:
        value = attrgetter(name)(config)
        if not 0 <= value <= 1:
            raise ValueError(f'{name} is {value}; expected a share from 0 to 1.')
    if config.optimizer.average == 1:
        raise ValueError(
            'optimizer.average is 1, which never takes anything in; expected less, e.g. 0.99.'
        )
    if not (config.depth_scale > 0 and 0 < config.min_depth < config.max_depth):
        raise ValueError(
            f'min_depth {config.min_depth}, max_depth {config.max_depth} and depth_scale '
            f'{config.depth_scale} make no range of depth; expected 0 < min_depth < max_depth and '
            'a depth_scale above 0.'
        )
    if 0 in config.reading.offsets:
        raise ValueError(
            f'reading.offsets {config.reading.offsets} compare a frame with itself; expected '
            'neighbours such as [-1, 1]. The stereo partner comes with supervision S or MS.'
        )
    _check_augmentation(config)
    _check_forms(config)
    _check_supervision(config)


def check_zoom(zoom: tuple[float, float]) -> None:
    """Raise a ValueError for a range of enlargements that an image does not have."""
    if not 1 <= zoom[0] <= zoom[1]:
        raise ValueError(
            f'augmentation.zoom is {zoom}; an image can only be enlarged: '
            'expected [lowest, highest], both 1 or more.'
        )


def _check_augmentation(config: TrainConfig) -> None:
    """Refuse scenes within scenes that nothing explains."""
    options, loss = config.augmentation, config.loss
    check_zoom(options.zoom)
    explained = loss.hints + loss.taught_depth > 0
    if options.shows_other_scenes and (config.multi_resolution or not explained):
        raise ValueError(
            'augmentation.mix, overlay, blend and boxes show what is in no source, '
            'so that no warp explains it: give loss.hints or a teacher, without '
            'multi_resolution, or set them 0.'
        )
    if options.mixed > 1:
        raise ValueError(
            f'augmentation.mix, overlay and blend are shares of the samples, '
            f'{options.mixed:g} together; expected 1 at most.'
        )
    if options.overlay > 0 and loss.hints == 0:
        raise ValueError(
            'augmentation.overlay has to know what is nearer: give loss.hints a '
            'weight, or set overlay 0.'
        )
    if options.blend > 0 and (loss.photometric > 0 or loss.taught_depth == 0):
        raise ValueError(
            'augmentation.blend shows two scenes in every pixel, which only a '
            'teacher explains: give one, with loss.photometric 0, or set blend 0.'
        )
    if not options.camera_height > 0:
        raise ValueError(
            f'augmentation.camera_height is {options.camera_height}; expected '
            'metres above the road, e.g. 1.65.'
        )


def _check_forms(config: TrainConfig) -> None:
    """Refuse forms of a batch that exclude each other."""
    pyramid = config.pyramid
    if len(set(pyramid.levels)) < len(pyramid.levels):
        raise ValueError(f'pyramid.levels {pyramid.levels} name a level twice.')
    for name, factor in (('lr_factor', pyramid.lr_factor), ('hr_factor', pyramid.hr_factor)):
        if not factor > 0:
            raise ValueError(f'pyramid.{name} is {factor}; expected a factor above 0.')
    if pyramid.levels and config.multi_resolution:
        raise ValueError(
            'pyramid.levels and multi_resolution both train on other sizes of a '
            'batch; leave one of them out.'
        )
    if config.loss.bidirectional and (
        config.multi_resolution or config.augmentation.shows_other_scenes
    ):
        raise ValueError(
            'loss.bidirectional compares whole images of one size: set '
            'multi_resolution false, augmentation.mix, overlay, blend and boxes 0.'
        )


def _check_supervision(config: TrainConfig) -> None:
    loss, supervision = config.loss, config.supervision
    taught = loss.taught_depth + loss.features
    if not config.teachers and (taught > 0 or supervision == 'T'):
        raise ValueError(
            'Distillation needs a teacher: give the card of a trained network with --teacher.'
        )
    if supervision == 'M' and not config.reading.offsets:
        raise ValueError(
            'supervision M has nothing to compare with: reading.offsets is empty; '
            'expected neighbours such as [-1, 1].'
        )
    if supervision == 'T' and loss.photometric > 0:
        raise ValueError('supervision T has no sources to compare with: set loss.photometric 0.')
    if supervision == 'T' and config.held_out:
        raise ValueError(
            f"held_out '{config.held_out}' asks how well sources explain its images, "
            'but supervision T reads none: leave it out, or give validation_root and '
            'validation_split, whose ground truth needs no sources.'
        )
    if config.teachers and taught == 0:
        raise ValueError(
            'A teacher is given, but loss.distillation, loss.apx and loss.features '
            'are 0; give one of them a weight.'
        )
    if len(config.teachers) > 1 and loss.apx > 0:
        raise ValueError(
            f"teacher '{config.teacher}' names several, but loss.apx compares the "
            'maps of one network: name one, or set loss.apx 0 and give '
            'loss.distillation a weight.'
        )
    if not loss.photometric + loss.hints + loss.taught_depth > 0:
        raise ValueError(
            'No part of the loss looks at depth; give loss.photometric (the usual '
            'one), loss.hints, loss.distillation or loss.apx a weight.'
        )
    if supervision not in ('S', 'MS') and (loss.hints > 0 or config.stereo_split):
        raise ValueError('loss.hints and stereo_split need stereo pairs: supervision S or MS.')
    names = [config.data, *(other.data for other in config.also)]
    if loss.hints > 0 and not _WITH_HINTS.intersection(names):
        raise ValueError(f"data '{', '.join(names)}' has no depth hints: set loss.hints 0.")
    if supervision not in ('M', 'MS') and loss.velocity > 0:
        raise ValueError('loss.velocity needs neighbours in time: supervision M or MS.')


def is_metric(config: TrainConfig) -> bool:
    """Whether the supervision knows metres: a baseline, a pose or a measured distance."""
    loss = config.loss
    knows_stereo = config.supervision in ('S', 'MS') and (loss.photometric > 0 or loss.hints > 0)
    teacher = any(load_card(name).depth_unit == DepthKind.METRIC for name in config.teachers)
    knows_poses = config.supervision in ('M', 'MS') and config.pose_network == 'none'
    return knows_stereo or knows_poses or loss.velocity > 0 or teacher


def check_data(config: TrainConfig, data: TrainingData) -> list[str]:
    """Refuse data without what would make metres: stereo partners, measured distances.

    Returns:
        What a person should know: parts of the loss that the data have nothing for.

    Raises:
        ValueError: none of some samples, evenly spread, has it.
    """

    @cache
    def facts_of(index: int) -> _Facts:
        return _facts(data[index])

    def some(has: Callable[[_Facts], bool]) -> bool:
        return any(has(facts_of(index)) for index in _spread(data))

    if config.supervision in ('S', 'MS') and not some(lambda facts: facts.has_partner):
        raise ValueError(
            f'supervision {config.supervision} needs stereo partners, but the data have none '
            f'({_SAMPLES} samples looked at); use M, or give a stereo_split.'
        )
    # A partner's place is always known, a neighbour's is not.
    asks = config.supervision in ('M', 'MS') and config.loss.needs_motion
    if asks and config.pose_network == 'none' and some(lambda facts: facts.has_unknown_pose):
        raise ValueError(
            f'supervision {config.supervision} needs a pose_network: the data do not say how the '
            'camera moved. (KITTI drives and bags with a file of poses do: '
            'reading.options.known_poses true; find_poses writes one.)'
        )
    if config.loss.velocity > 0 and not some(lambda facts: facts.has_distance):
        raise ValueError(
            f'loss.velocity needs measured distances, but the data have none ({_SAMPLES} samples '
            'looked at): KITTI takes them from poses.txt, a bag from <bag>.poses.txt (find_poses '
            'writes both), odometry or a given speed. Set loss.velocity 0, or add them.'
        )
    notes = _left_out(data)
    if config.loss.triplet > 0 and not some(lambda facts: facts.has_labels):
        notes.append(
            f'No label maps ({_SAMPLES} samples looked at): the triplet loss is left out. '
            'reading.options.labels names their folder beside the images.'
        )
    return notes


def _left_out(data: TrainingData) -> list[str]:
    """Return what a person should know about files that are not read."""
    parts = data.datasets if isinstance(data, ConcatDataset) else [data]
    return [
        f'{len(part.left_out)} files of {part.path} are left out: {name_some(part.left_out)}.'
        for part in parts
        if isinstance(part, ImageSequence) and part.left_out
    ]


class _Facts(NamedTuple):
    """What a sample has."""

    has_partner: bool
    has_unknown_pose: bool
    has_distance: bool
    has_labels: bool


def _facts(sample: TrainingSample) -> _Facts:
    sources = sample.sources
    return _Facts(
        any(source.offset == 0 for source in sources),
        any(source.source_from_target is None for source in sources),
        any(source.offset != 0 and source.distance is not None for source in sources),
        sample.labels is not None,
    )


def _spread(data: TrainingData) -> list[int]:
    """Return the indices of some samples, evenly spread."""
    indices = np.linspace(0, len(data) - 1, _SAMPLES).round().astype(np.int64)
    return [int(index) for index in np.unique(indices)]
