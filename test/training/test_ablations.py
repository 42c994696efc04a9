"""What the papers switch off: every line of the table in docs/training.md, as a user takes it."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
import torch
from cards import write_teacher
from kitti_folder import DRIVE, write_day, write_image, write_split
from torch import nn
from watched_training import first_steps

from mono_depth_ros.datasets.street.raycast import Street, render_frame, street_pose
from mono_depth_ros.networks import DepthNetwork, create_network
from mono_depth_ros.networks.hr_depth import SqueezeFuse
from mono_depth_ros.networks.layers.blocks import GrowingDrop, OffsetUpsample
from mono_depth_ros.networks.layers.dynamic_conv import ODConv2d
from mono_depth_ros.networks.layers.reparam import EquivalentConv
from mono_depth_ros.networks.lka_depth import LargeKernelAttention
from mono_depth_ros.training.config.parse import parse_config

SIZE = (64, 96)
PAGE = Path(__file__).parents[2] / 'docs' / 'training.md'
LINES = re.findall(
    r'^\| ([^|`]+) \| `(\w+)` \| `(--[^`]+)` \|$', PAGE.read_text(encoding='utf-8'), re.MULTILINE
)


def test_the_table_has_all_that_is_tested_here():
    assert [what for what, _, _ in LINES] == [*WITHOUT_PART, *WITHOUT_TERM]


def has(kind: type[nn.Module]) -> Callable[[DepthNetwork], bool]:
    return lambda network: any(isinstance(module, kind) for module in network.modules())


def drops_context(network: DepthNetwork) -> bool:
    return any(
        module.highest_rate > 0 for module in network.modules() if isinstance(module, GrowingDrop)
    )


def starts_alike(network: DepthNetwork) -> bool:
    conv = next(module for module in network.modules() if isinstance(module, EquivalentConv))
    middle = conv.conv.kernel_size[0] // 2
    (point,) = (branch for branch in conv.branches if branch.shape[2:] == (1, 1))
    return torch.equal(point[..., 0, 0], conv.conv.weight[..., middle, middle])


# What tells that a part of a network is there.
WITHOUT_PART: dict[str, Callable[[DepthNetwork], bool]] = {
    'dense skips': lambda network: '11' in network.nodes,
    'fSE': has(SqueezeFuse),
    'large-kernel attention': has(LargeKernelAttention),
    'offset up-sampler': has(OffsetUpsample),
    'ODConv': has(ODConv2d),
    'context drop': drops_context,
    'ETM': has(EquivalentConv),
    'shared start (ETM#)': starts_alike,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ('what', 'recipe', 'option'), [line for line in LINES if line[0] in WITHOUT_PART]
)
def test_a_part_of_a_network_is_one_option_away(what, recipe, option):
    def build(*options: str) -> DepthNetwork:
        config = parse_config(['--recipe', recipe, *options])
        return create_network(config.network, **config.network_options)

    is_there = WITHOUT_PART[what]

    assert is_there(build()) and not is_there(build(*shlex.split(option)))


class Terms(NamedTuple):
    """The terms of a first step with all of a recipe, and of one without a part of it."""

    full: dict[str, float]
    ablated: dict[str, float]

    def lose(self, *names: str) -> bool:
        return self.full.keys() - self.ablated.keys() == set(names)


# How the terms of a step change when a part of the loss is off.
WITHOUT_TERM: dict[str, Callable[[Terms], bool]] = {
    'three resolutions': lambda terms: terms.lose('consistency'),
    'triplet loss': lambda terms: terms.lose('triplet'),
    'all pyramid levels': lambda terms: terms.lose(
        *(
            f'{level}_{what}'
            for level in ('lr', 'hr', 'flip', 'color')
            for what in ('features', 'disparity')
        )
    ),
    'two pyramid levels': lambda terms: terms.lose(
        'flip_features', 'flip_disparity', 'color_features', 'color_disparity'
    ),
    'both directions': lambda terms: terms.lose('structure', 'perception'),
    'APX mask': lambda terms: terms.ablated['apx'] > 1.1 * terms.full['apx'] > 0,
    'APX of features': lambda terms: terms.full['apx'] > terms.ablated['apx'] > 0,
    'auto-mask': lambda terms: terms.ablated['photometric'] > terms.full['photometric'] > 0,
}


@pytest.fixture(scope='module')
def data(tmp_path_factory) -> list[str]:
    """Options for a labelled drive through the street, and a teacher that sees some of it far."""
    root = tmp_path_factory.mktemp('drive')
    write_day(root, SIZE)
    for number in range(3):
        frame = render_frame(Street(), street_pose(number), SIZE)
        write_image(root, number, frame.image)
    labels = np.zeros(SIZE, np.uint8)
    labels[:, SIZE[1] // 2 :] = 1
    folder = root / DRIVE / 'image_02' / 'labels'
    folder.mkdir()
    cv2.imwrite(str(folder / f'{1:010}.png'), labels)
    split = write_split(root, 1)
    teacher = write_teacher(root, disparity_logit=-8.3)  # about 80 units
    return [
        '--data', 'kitti_raw', '--root', str(root), '--split', str(split),
        '--reading', '{workers: 0, options: {labels: labels}}', '--batch_size', '1',
        '--accelerator', 'cpu', '--pyramid.lr_factor', '1.0', '--pyramid.hr_factor', '1.0',
        '--input_size', str(list(SIZE)), '--teacher', teacher]  # fmt: skip


@pytest.fixture(scope='module')
def terms_of(data, tmp_path_factory) -> Callable[..., dict[str, float]]:
    """The terms of a recipe's first step, with the options given."""
    output, known = str(tmp_path_factory.mktemp('run')), {}

    def terms(recipe: str, *options: str) -> dict[str, float]:
        if (recipe, options) not in known:
            given = data if recipe.endswith('_distilled') else [*data, '--teacher', 'none']
            config = parse_config(['--recipe', recipe, *given, '--output', output, *options])
            known[recipe, options] = first_steps(config, 1)[0].terms
        return known[recipe, options]

    return terms


@pytest.mark.slow
@pytest.mark.parametrize(
    ('what', 'recipe', 'option'), [line for line in LINES if line[0] in WITHOUT_TERM]
)
def test_a_part_of_a_loss_is_one_option_away(what, recipe, option, terms_of):
    terms = Terms(terms_of(recipe), terms_of(recipe, *shlex.split(option)))

    assert WITHOUT_TERM[what](terms), terms
