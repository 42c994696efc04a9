"""What the checkpoint files of DNA-Depth call the weights of our networks.

Its encoder is lukemelas' PyTorch EfficientNet, whose blocks are numbered throughout.
"""

from collections.abc import Mapping, Sequence

# From lukemelas' names to timm's; blocks of the first stage do not expand.
EFFICIENTNET_OUTSIDE_BLOCKS = {
    '_conv_stem': 'conv_stem',
    '_bn0': 'bn1',
    '_conv_head': 'conv_head',
    '_bn1': 'bn2',
    '_fc': 'classifier',
}
EFFICIENTNET_BLOCK = {
    '_expand_conv': 'conv_pw',
    '_bn0': 'bn1',
    '_depthwise_conv': 'conv_dw',
    '_bn1': 'bn2',
    '_se_reduce': 'se.conv_reduce',
    '_se_expand': 'se.conv_expand',
    '_project_conv': 'conv_pwl',
    '_bn2': 'bn3',
}
EFFICIENTNET_BLOCK_WITHOUT_EXPANSION = {
    '_depthwise_conv': 'conv_dw',
    '_bn1': 'bn1',
    '_se_reduce': 'se.conv_reduce',
    '_se_expand': 'se.conv_expand',
    '_project_conv': 'conv_pw',
    '_bn2': 'bn2',
}
# First official block number of each of timm's stages.
_B0_STAGE_STARTS = (0, 1, 3, 5, 8, 11, 15)
_B1_STAGE_STARTS = (0, 2, 5, 8, 12, 16, 21)

_SEPARABLE = {'depthwise': 'depthwise_conv.conv', 'pointwise': 'pointwise_conv.conv'}
_NODE = {
    'lower': 'up_conv',
    'same': 'conv',
    'finer.0': 'down_conv',
    'merge': 'iconv',
    'fuse': 'cat_conv.conv',
}
_FINEST = {'0': 'upconv1', '1': 'conv1.0.conv', '3': 'conv1.2'}
_HEAD = {
    'attention.squeeze': 'attn_{level}.fc.0',
    'attention.excite': 'attn_{level}.fc.2',
    'conv': 'disp{level}.0',
}


def b0_encoder_key(key: str) -> str:
    """Translate timm's name of a weight of EfficientNet-B0."""
    return _encoder_key(key, _B0_STAGE_STARTS)


def b1_encoder_key(key: str) -> str:
    """Translate timm's name of a weight of EfficientNet-B1."""
    return _encoder_key(key, _B1_STAGE_STARTS)


def dna_depth_key(key: str) -> str:
    """Translate our node (row, column) to the official one, whose rows count from 1."""
    module, _, leaf = key.rpartition('.')
    layer, _, last = module.rpartition('.')
    if last in _SEPARABLE:
        return f'{_layer(layer)}.{_SEPARABLE[last]}.{leaf}'
    return f'{_layer(module)}.{leaf}'


def _encoder_key(key: str, stage_starts: Sequence[int]) -> str:
    layer, _, leaf = key.rpartition('.')
    if not key.startswith('blocks.'):
        return f'model.{_official(layer, EFFICIENTNET_OUTSIDE_BLOCKS)}.{leaf}'
    _, stage, block, layer = layer.split('.', 3)
    layers = EFFICIENTNET_BLOCK_WITHOUT_EXPANSION if stage == '0' else EFFICIENTNET_BLOCK
    number = stage_starts[int(stage)] + int(block)
    return f'model._blocks.{number}.{_official(layer, layers)}.{leaf}'


def _official(ours: str, layers: Mapping[str, str]) -> str:
    return next(theirs for theirs, known in layers.items() if known == ours)


def _layer(ours: str) -> str:
    part, place, *rest = ours.split('.')
    if part == 'unify':
        return f'iconv{int(place) + 1}_0'
    if part == 'finest':
        return _FINEST[place]
    if part == 'heads':
        return _HEAD['.'.join(rest)].format(level=place)
    _, row, *layer = rest  # of a column
    return f'simfpn{int(row) + 1}_{place}.{_NODE[".".join(layer)]}'
