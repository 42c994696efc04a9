"""Small cards for tests of what is done with cards."""

from dataclasses import replace
from pathlib import Path

import torch

from mono_depth_ros.datasets.street.raycast import street_images
from mono_depth_ros.inference.cards.checkpoint import load_network, save_weights
from mono_depth_ros.inference.cards.model_card import ModelCard, write_card
from mono_depth_ros.networks import create_network

UNTRAINED = ModelCard(
    name='tiny',
    network='monodepth2_resnet18',
    weights=None,
    seed=1,
    input_size=(64, 96),
    min_depth=0.1,
    max_depth=100.0,
    depth_unit='relative',
    training_data='none (untrained)',
    license_code='Apache-2.0',
    license_weights='none: no trained weights',
)

# How recipes end whose teacher the user names.
TAUGHT = ('_distilled', '_taught')


def write_small_card(path, **changes):
    """Write a card whose weights load at once: random ones, with settled batch norms."""
    card = replace(UNTRAINED, network='small_depth', min_depth=1.0)
    network = load_network(card, street_images(4, card.input_size))
    weights = path.with_suffix('.safetensors')
    sha256 = save_weights(network, weights)
    write_card(replace(card, weights=weights.name, sha256=sha256, seed=None, **changes), path)


def write_teacher(
    folder: Path, disparity_logit: float = 0.0, size: tuple[int, int] = UNTRAINED.input_size
) -> str:
    """Write a small_depth with weights that nobody trained; return the path of its card.

    Args:
        folder: of card and weights.
        disparity_logit: about which its disparities lie, before the sigmoid.
        size: (height, width) of its images.
    """
    torch.manual_seed(5)
    network = create_network('small_depth')
    for head in network.heads:
        torch.nn.init.constant_(head.conv.bias, disparity_logit)
    path = folder / 'teacher.yaml'
    sha256 = save_weights(network, path.with_suffix('.safetensors'))
    write_card(
        replace(
            UNTRAINED,
            name='teacher',
            network='small_depth',
            sha256=sha256,
            seed=None,
            weights='teacher.safetensors',
            input_size=size,
        ),
        path,
    )
    return str(path)
