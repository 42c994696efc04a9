"""What the checkpoint files of RA-Depth and DIFFNet call the weights of our networks."""

import re

# Of RA-Depth's flat list: where our columns begin, how many maps they take, and what follows.
_COLUMNS = ((0, 4), (10, 3), (16, 2))
_AFTER_COLUMNS = {
    'stem': 19,
    'last': 20,
    'lift': 21,
    'before_doubling': 22,
    'after_doubling': 23,
}

# DIFFNet's fusions, finest first, are named after the width of the encoder's next branch.
_FUSIONS = ('9', '18', '36', '72')
_FUSION_LAYERS = {
    'attention.squeeze': 'ca.fc.0',
    'attention.excite': 'ca.fc.2',
    'mix': 'conv_se',
}
_DOUBLING = {'before_doubling': 'up_x9_0', 'after_doubling': 'up_x9_1'}


def hrnet_key(key: str) -> str:
    """Return timm's own name, which both projects keep."""
    return key


def ra_depth_key(key: str) -> str:
    """Translate our columns to the official list: maps, then lifts by the map they come from."""
    if key.startswith('heads.0.'):
        return key.replace('heads.0', 'decoder.24')
    layer, _, leaf = key.rpartition('.conv.')
    return f'decoder.{_ra_depth_position(layer)}.conv.conv.{leaf}'


def _ra_depth_position(layer: str) -> int:
    if layer in _AFTER_COLUMNS:
        return _AFTER_COLUMNS[layer]
    _, column, part, *places = layer.split('.')
    start, maps = _COLUMNS[int(column)]
    level = int(places[0])
    if part == 'refine':
        return start + level
    source = level + 1 + int(places[1])
    lifts_of_finer_sources = source * (source - 1) // 2
    return start + maps + lifts_of_finer_sources + source - 1 - level


def diffnet_key(key: str) -> str:
    """Translate our steps, finest first, to the official names."""
    part, _, rest = key.partition('.')
    if part in _DOUBLING:
        return f'convs.{_DOUBLING[part]}.conv.{rest}'
    level, _, rest = rest.partition('.')
    if part == 'heads':
        return f'convs.dispConvScale{level}.{rest}'
    layer, _, leaf = rest.rpartition('.')
    return f'convs.{_FUSIONS[int(level)]}.{_FUSION_LAYERS[layer]}.{leaf}'


def older_diffnet_key(key: str) -> str:
    """Translate to the names of the weights that DIFFNet published for 1024x320."""
    return re.sub(r'convs\.(\d+)\.(ca\.)?', r'convs.\1fSE.', diffnet_key(key))
