"""What the authors' checkpoint files call the weights of our networks."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mono_depth_ros.inference.importers.dna import (
    b0_encoder_key,
    b1_encoder_key,
    dna_depth_key,
)
from mono_depth_ros.inference.importers.hrnet import (
    diffnet_key,
    hrnet_key,
    older_diffnet_key,
    ra_depth_key,
)

_STATISTICS = 'num_batches_tracked'

_INVERTED_RESIDUAL = {
    'conv_pw': '0',
    'bn1': '1',
    'conv_dw': '3',
    'bn2': '4',
    'se.conv_reduce': '5.fc.0',
    'se.conv_expand': '5.fc.2',
    'conv_pwl': '7',
    'bn3': '8',
}
_FIRST_BLOCK = {'conv_dw': '0', 'bn1': '1', 'conv_pw': '4', 'bn2': '5'}
# First official block number of each of timm's stages.
_STAGE_STARTS = (1, 2, 4, 7, 11, 13)


@dataclass(frozen=True)
class OfficialLayout:
    """How one project names its weights in `encoder.pth` and `depth.pth`.

    Attributes:
        network: our network that takes the weights.
        options: the options it needs for them.
        license_weights: what the project's licence says of its weights.
        encoder_key: from a key of our `encoder.trunk` to a key of `encoder.pth`.
        depth_key: from any other key of ours to a key of `depth.pth`.
        unused: matches keys that the official forward pass never reads.
    """

    network: str
    license_weights: str
    encoder_key: Callable[[str], str]
    depth_key: Callable[[str], str]
    unused: re.Pattern[str] = re.compile(r'(?!)')  # nothing
    options: Mapping[str, Any] = field(default_factory=dict)

    def encoder_names(self, keys: list[str]) -> dict[str, str]:
        """Map our encoder's keys to those of `encoder.pth`."""
        prefix = 'encoder.trunk.'
        ours = (key for key in keys if key.startswith(prefix))
        return {key: self.encoder_key(key.removeprefix(prefix)) for key in ours}

    def depth_names(self, keys: list[str]) -> dict[str, str]:
        """Map our decoder's keys to those of `depth.pth`."""
        return {key: self.depth_key(key) for key in keys if not key.startswith('encoder.')}


def twin_of(key: str, given: Iterable[str]) -> str | None:
    """Return which `convs.*` key of a `depth.pth` one of its `decoder.*` keys repeats.

    Where a project registers its layers twice, `decoder` numbers them as `convs` names them.
    """
    match = re.fullmatch(r'decoder\.(\d+)\.(.+)', key)
    layers = list(dict.fromkeys(k.split('.')[1] for k in given if k.startswith('convs.')))
    if match is None or int(match[1]) >= len(layers):
        return None
    return f'convs.{layers[int(match[1])]}.{match[2]}'


def may_be_missing(official_key: str) -> bool:
    """Whether old PyTorch wrote checkpoints without this key."""
    return official_key.endswith(_STATISTICS)


def _resnet_key(key: str) -> str:
    return f'encoder.{key}'


def _mobilenet_key(key: str) -> str:
    """Translate timm's stage.block to the flat list of blocks of the official encoder."""
    if key.startswith('conv_stem.'):
        return key.replace('conv_stem', 'encoder.features.0.0')
    if key.startswith('bn1.'):
        return key.replace('bn1', 'encoder.features.0.1')
    _, stage, block, rest = key.split('.', 3)
    layer, _, leaf = rest.rpartition('.')
    number = _STAGE_STARTS[int(stage)] + int(block)
    layers = _FIRST_BLOCK if number == 1 else _INVERTED_RESIDUAL
    return f'encoder.features.{number}.conv.{layers[layer]}.{leaf}'


def _monodepth2_key(key: str) -> str:
    """Translate our level to the official list: coarsest level first, heads last."""
    part, level, rest = key.split('.', 2)
    if part == 'heads':
        return f'decoder.{10 + int(level)}.{rest}'
    position = 2 * (4 - int(level)) + (part == 'mix')
    return f'decoder.{position}.conv.{rest}'


def _triangle_key(key: str) -> str:
    """Translate our node (r, c), the destination, to the official source (r + 1, c - 1)."""
    part, _, rest = key.partition('.')
    if part in _OUTSIDE_THE_TRIANGLE:
        return f'convs.{_OUTSIDE_THE_TRIANGLE[part]}.conv.{rest}'
    if part == 'heads':
        level, rest = rest.split('.', 1)
        return f'convs.dispConvScale{level}.{rest}'
    node, operation, rest = rest.split('.', 2)
    source = f'{int(node[0]) + 1}{int(node[1]) - 1}'
    if operation == 'reduce':
        return f'convs.X_{source}_Conv_0.conv.{rest}'
    for ours, official in _FUSIONS.items():
        if rest.startswith(ours):
            return official.format(node=node, source=source) + rest.removeprefix(ours)
    raise AssertionError(f'no official name for {key}')


_OUTSIDE_THE_TRIANGLE = {'before_doubling': 'X_04_Conv_0', 'after_doubling': 'X_04_Conv_1'}
_FUSIONS = {
    'squeeze.': 'convs.X_{node}_attention.fc.0.',
    'excite.': 'convs.X_{node}_attention.fc.2.',
    'fuse.': 'convs.X_{node}_attention.conv_se.',
    '0.': 'convs.X_{node}_downsample.conv.',
    '1.conv.': 'convs.X_{source}_Conv_1.conv.conv.',
    'conv.': 'convs.X_{source}_Conv_1.conv.conv.',
}

_UNUSED_TRIANGLE = r'convs\.X_0[0-3]_Conv_0\..+'
_CLASSIFIER = r'encoder\.fc\.(weight|bias)'
_EFFICIENTNET_CLASSIFIER = r'model\._(conv_head|bn1|fc)\..+'
_UNKNOWN_LICENCE = 'not stated; ask the authors'
_MONODEPTH2_NOTICE = (
    'not stated; the code bears the notice of the Monodepth v2 licence (non-commercial use only)'
)

_MONODEPTH2 = OfficialLayout(
    network='monodepth2_resnet18',
    license_weights='Monodepth v2 licence: non-commercial use only',
    encoder_key=_resnet_key,
    depth_key=_monodepth2_key,
    unused=re.compile(_CLASSIFIER),
)
_HR_DEPTH = OfficialLayout(
    network='hr_depth',
    license_weights=_UNKNOWN_LICENCE,
    encoder_key=_resnet_key,
    depth_key=_triangle_key,
    unused=re.compile(f'{_CLASSIFIER}|{_UNUSED_TRIANGLE}'),
)

LAYOUTS = {
    'monodepth2': _MONODEPTH2,
    'monodepth2_resnet34': replace(_MONODEPTH2, network='monodepth2_resnet34'),
    'monodepth2_resnet50': replace(_MONODEPTH2, network='monodepth2_resnet50'),
    'hr_depth': _HR_DEPTH,
    'hr_depth_resnet34': replace(_HR_DEPTH, network='hr_depth_resnet34'),
    'lite_hr_depth': OfficialLayout(
        network='lite_hr_depth',
        options={'se_before_activation': True},
        license_weights=_UNKNOWN_LICENCE,
        encoder_key=_mobilenet_key,
        depth_key=_triangle_key,
        unused=re.compile(_UNUSED_TRIANGLE),
    ),
    'ra_depth': OfficialLayout(
        network='ra_depth',
        license_weights=_MONODEPTH2_NOTICE,
        encoder_key=hrnet_key,
        depth_key=ra_depth_key,
    ),
    'diffnet': OfficialLayout(
        network='diffnet',
        license_weights=_UNKNOWN_LICENCE,
        encoder_key=hrnet_key,
        depth_key=diffnet_key,
    ),
    'diffnet_1024x320': OfficialLayout(
        network='diffnet',
        license_weights=_UNKNOWN_LICENCE,
        encoder_key=hrnet_key,
        depth_key=older_diffnet_key,
    ),
    'dna_depth_b0': OfficialLayout(
        network='dna_depth_b0',
        license_weights=_MONODEPTH2_NOTICE,
        encoder_key=b0_encoder_key,
        depth_key=dna_depth_key,
        unused=re.compile(_EFFICIENTNET_CLASSIFIER),
    ),
    'dna_depth_b1': OfficialLayout(
        network='dna_depth_b1',
        license_weights=_MONODEPTH2_NOTICE,
        encoder_key=b1_encoder_key,
        depth_key=dna_depth_key,
        unused=re.compile(_EFFICIENTNET_CLASSIFIER),
    ),
}
