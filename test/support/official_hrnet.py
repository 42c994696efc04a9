"""RA-Depth's and DIFFNet's checkpoints as the authors write them, with their forward passes.

Written from the names and shapes that the files have, apart from our networks.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from official_checkpoints import (
    SETTINGS,
    batch_norm,
    block,
    conv3,
    double,
    layer,
    norm,
    registered_twice,
    weights,
)

WIDTHS = (18, 36, 72, 144)
MODULES = {2: 1, 3: 4, 4: 3}  # of every stage
FUSIONS = {'72': (288, 256), '36': (364, 128), '18': (246, 64), '9': (128, 32)}
RA_LAYERS = (
    *((width, width, 3) for width in WIDTHS),
    (18, 36, 1), (36, 72, 1), (18, 72, 1), (72, 144, 1), (36, 144, 1), (18, 144, 1),
    (18, 18, 3), (36, 36, 3), (72, 72, 3), (18, 36, 1), (36, 72, 1), (18, 72, 1),
    (18, 18, 3), (36, 36, 3), (18, 36, 1),
    (64, 64, 3), (18, 18, 3), (64, 18, 1), (32, 64, 3), (16, 32, 3),
)  # fmt: skip


def conv_norm(conv, bn, out, below, size):
    return {f'{conv}.weight': weights(out, below, size, size)} | norm(bn, out)


def hrnet_encoder():
    state = conv_norm('conv1', 'bn1', 64, 3, 3) | conv_norm('conv2', 'bn2', 64, 64, 3)
    for number in range(4):
        key, below = f'layer1.{number}', 64 if number == 0 else 256
        state |= conv_norm(f'{key}.conv1', f'{key}.bn1', 64, below, 1)
        state |= conv_norm(f'{key}.conv2', f'{key}.bn2', 64, 64, 3)
        state |= conv_norm(f'{key}.conv3', f'{key}.bn3', 256, 64, 1)
        if number == 0:
            state |= conv_norm(f'{key}.downsample.0', f'{key}.downsample.1', 256, 64, 1)
    state |= conv_norm('transition1.0.0', 'transition1.0.1', 18, 256, 3)
    for (stage, modules), below in zip(MODULES.items(), (256, 36, 72)):
        new = stage - 1
        key = f'transition{new}.{new}.0'
        state |= conv_norm(f'{key}.0', f'{key}.1', WIDTHS[new], below, 3)
        for number in range(modules):
            state |= module(f'stage{stage}.{number}', WIDTHS[:stage])
    for key, value in state.items():
        if key.startswith('stage') and key.endswith('.weight') and value.ndim == 1:
            value *= 0.3  # norms of so many sums, which would grow without bounds
    return state


def module(key, widths):
    state = {}
    for branch, width in enumerate(widths):
        for number in range(4):
            for half in '12':
                at = f'{key}.branches.{branch}.{number}'
                state |= conv_norm(f'{at}.conv{half}', f'{at}.bn{half}', width, width, 3)
    for to, out in enumerate(widths):
        for source, below in enumerate(widths):
            at = f'{key}.fuse_layers.{to}.{source}'
            if source > to:
                state |= conv_norm(f'{at}.0', f'{at}.1', out, below, 1)
            for step in range(to - source):
                last = step == to - source - 1
                state |= conv_norm(f'{at}.{step}.0', f'{at}.{step}.1', out if last else below,
                                   below, 3)  # fmt: skip
    return state


def ra_depth():
    state = {}
    for number, (out, below, size) in enumerate(RA_LAYERS):
        state |= layer(f'decoder.{number}.conv.conv', out, below, size, size)
    return state | layer('decoder.24.conv', 1, 16, 3, 3)


def diffnet(fusion='{}', attention='ca.fc'):
    """Return convs.* and their decoder.* twins; the 1024x320 weights have other names."""
    layers = {
        'up_x9_0': layer('conv.conv', 16, 32, 3, 3),
        'up_x9_1': layer('conv.conv', 16, 16, 3, 3),
    }
    for name, (joined, out) in FUSIONS.items():
        layers[fusion.format(name)] = {
            f'{attention}.0.weight': 5 * weights(joined // 16, joined),
            f'{attention}.2.weight': 5 * weights(joined, joined // 16),
            **layer('conv_se', out, joined, 3, 3),
        }
    for level, width in enumerate((16, 32, 64, 128)):
        layers[f'dispConvScale{level}'] = layer('conv', 1, width, 3, 3)
    return registered_twice(layers)


def official(layout):
    torch.manual_seed(0)
    encoder = hrnet_encoder() | SETTINGS
    if layout == 'ra_depth':
        return encoder, ra_depth()
    return encoder, diffnet() if layout == 'diffnet' else diffnet('{}fSE', 'fc')


def convolve(state, conv, bn, x, stride=1):
    weight = state[f'{conv}.weight']
    return batch_norm(state, bn, F.conv2d(x, weight, None, stride, weight.shape[-1] // 2))


def residual(state, key, x, convs):
    y = x
    for number in range(1, convs + 1):
        y = convolve(state, f'{key}.conv{number}', f'{key}.bn{number}', y)
        y = y.relu() if number < convs else y
    if f'{key}.downsample.0.weight' in state:
        x = convolve(state, f'{key}.downsample.0', f'{key}.downsample.1', x)
    return (x + y).relu()


def exchange(state, key, maps):
    """Run one module: four blocks a branch, then every branch to every branch."""
    for branch in range(len(maps)):
        for number in range(4):
            maps[branch] = residual(state, f'{key}.branches.{branch}.{number}', maps[branch], 2)
    return [
        sum(carry(state, f'{key}.fuse_layers.{to}.{source}', x, to - source)
            for source, x in enumerate(maps)).relu()
        for to in range(len(maps))
    ]  # fmt: skip


def carry(state, key, x, halvings):
    for step in range(halvings):
        x = convolve(state, f'{key}.{step}.0', f'{key}.{step}.1', x, stride=2)
        x = x.relu() if step < halvings - 1 else x
    if halvings >= 0:
        return x
    y = convolve(state, f'{key}.0', f'{key}.1', x)
    return F.interpolate(y, scale_factor=2**-halvings, mode='bilinear', align_corners=True)


def run_hrnet(state, image):
    """Return the stem's two activations and the maps after stages 2, 3 and 4."""
    half = convolve(state, 'conv1', 'bn1', image, stride=2).relu()
    quarter = convolve(state, 'conv2', 'bn2', half, stride=2).relu()
    x = quarter
    for number in range(4):
        x = residual(state, f'layer1.{number}', x, 3)
    maps = [convolve(state, 'transition1.0.0', 'transition1.0.1', x).relu()]
    stages = []
    for stage, modules in MODULES.items():
        key = f'transition{stage - 1}.{stage - 1}.0'
        below = x if stage == 2 else maps[-1]
        maps.append(convolve(state, f'{key}.0', f'{key}.1', below, stride=2).relu())
        for number in range(modules):
            maps = exchange(state, f'stage{stage}.{number}', maps)
        stages.append(list(maps))
    return half, quarter, stages


def last_stage(state, image):
    half, _, stages = run_hrnet(state, image)
    return [half, *stages[-1]]


def all_stages(state, image):
    half, quarter, stages = run_hrnet(state, image)
    maps = [[stage[row] for stage in stages if row < len(stage)] for row in range(4)]
    return [half, torch.cat([quarter, *maps[0]], 1), *(torch.cat(row, 1) for row in maps[1:])]


def run_ra_depth(state, features):
    def p(number, x):
        return block(state, f'decoder.{number}', x)

    def q(number, x, times=2):
        key = f'decoder.{number}.conv.conv'
        x = F.interpolate(x, scale_factor=times)
        return F.elu(F.conv2d(x, state[f'{key}.weight'], state[f'{key}.bias']))

    e0, e1, e2, e3, e4 = features
    a1, a2, a3, a4 = p(0, e1), p(1, e2), p(2, e3), p(3, e4)
    m1 = a1 + q(4, a2) + q(6, a3, 4) + q(9, a4, 8)
    m2, m3 = a2 + q(5, a3) + q(8, a4, 4), a3 + q(7, a4)
    b1, b2, b3 = p(10, m1), p(11, m2), p(12, m3)
    n1, n2 = b1 + q(13, b2) + q(15, b3, 4), b2 + q(14, b3)
    c1, c2 = p(16, n1), p(17, n2)
    p1 = c1 + q(18, c2)
    g0 = p(19, e0) + q(21, p(20, p1))
    return [conv3(state, 'decoder.24.conv', p(23, double(p(22, g0)))).sigmoid()]


def run_diffnet(state, features, fusion='convs.{}', attention='ca.fc'):
    decoded = [features[4]]
    for name, lateral in zip(FUSIONS, features[3::-1]):
        key = fusion.format(name)
        x = torch.cat([double(decoded[0]), lateral], 1)
        s = F.linear(x.mean((2, 3)), state[f'{key}.{attention}.0.weight']).relu()
        x = x * F.linear(s, state[f'{key}.{attention}.2.weight']).sigmoid()[:, :, None, None]
        weight, bias = state[f'{key}.conv_se.weight'], state[f'{key}.conv_se.bias']
        decoded.insert(0, F.conv2d(x, weight, bias, padding=1).relu())
    x = block(state, 'convs.up_x9_1', double(block(state, 'convs.up_x9_0', decoded[0])))
    return [
        conv3(state, f'convs.dispConvScale{level}.conv', x).sigmoid()
        for level, x in enumerate((x, *decoded[:3]))
    ]


def run_older_diffnet(state, features):
    return run_diffnet(state, features, 'convs.{}fSE', 'fc')


FORWARD = {
    'ra_depth': (last_stage, run_ra_depth),
    'diffnet': (all_stages, run_diffnet),
    'diffnet_1024x320': (all_stages, run_older_diffnet),
}
