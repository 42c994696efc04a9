"""Checkpoints as the authors write them, and their forward passes over their own names.

Written from the names, the shapes and the order that the files have, apart from our networks.
"""

import hashlib
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812
from torchvision import models

SETTINGS = {'height': 64, 'width': 96, 'use_stereo': False}

HR_CHANNELS, HR_WIDTHS = (64, 64, 128, 256, 512), (16, 32, 64, 128, 256)
LITE_CHANNELS, LITE_WIDTHS = (16, 24, 40, 80, 160), (4, 12, 20, 40, 80)

# (kernel, expanded, out, squeezed, is_hardswish, stride) of the blocks after the first
LITE_BLOCKS = (
    (3, 64, 24, 0, False, 2),
    (3, 72, 24, 0, False, 1),
    (5, 72, 40, 24, False, 2),
    (5, 120, 40, 32, False, 1),
    (5, 120, 40, 32, False, 1),
    (3, 240, 80, 0, True, 2),
    (3, 200, 80, 0, True, 1),
    (3, 184, 80, 0, True, 1),
    (3, 184, 80, 0, True, 1),
    (3, 480, 112, 120, True, 1),
    (3, 672, 112, 168, True, 1),
    (5, 672, 160, 168, True, 2),
    (5, 960, 160, 240, True, 1),
    (5, 960, 160, 240, True, 1),
)


def weights(*shape):
    fan_in = torch.Size(shape[1:]).numel()
    return torch.randn(shape) * fan_in**-0.5


def layer(key, *shape):
    return {f'{key}.weight': weights(*shape), f'{key}.bias': 0.1 * torch.randn(shape[0])}


def norm(key, channels):
    return {
        f'{key}.weight': torch.rand(channels) + 0.5,
        f'{key}.bias': 0.1 * torch.randn(channels),
        f'{key}.running_mean': 0.1 * torch.randn(channels),
        f'{key}.running_var': torch.rand(channels) + 0.5,
        f'{key}.num_batches_tracked': torch.tensor(5),
    }


def fingerprint(encoder, depth):
    """Return a hash of names and shapes, in their order."""
    lines = [
        f'{key} {tuple(value.shape)}'
        for state in (encoder, depth)
        for key, value in state.items()
        if isinstance(value, torch.Tensor)
    ]
    return hashlib.sha256('\n'.join(lines).encode()).hexdigest()[:16]


def resnet_encoder(name):
    state = getattr(models, name)().state_dict()
    return {f'encoder.{key}': value for key, value in state.items()}


def lite_encoder():
    state = {'encoder.features.0.0.weight': weights(16, 3, 3, 3)}
    state |= norm('encoder.features.0.1', 16)
    key = 'encoder.features.1.conv'
    state |= {f'{key}.0.weight': weights(16, 1, 3, 3)} | norm(f'{key}.1', 16)
    state |= {f'{key}.4.weight': weights(16, 16, 1, 1)} | norm(f'{key}.5', 16)
    below = 16
    for number, (kernel, wide, out, squeezed, _, _) in enumerate(LITE_BLOCKS, start=2):
        key = f'encoder.features.{number}.conv'
        state |= {f'{key}.0.weight': weights(wide, below, 1, 1)} | norm(f'{key}.1', wide)
        state |= {f'{key}.3.weight': weights(wide, 1, kernel, kernel)} | norm(f'{key}.4', wide)
        if squeezed:
            state |= layer(f'{key}.5.fc.0', squeezed, wide)
            state |= layer(f'{key}.5.fc.2', wide, squeezed)
        state |= {f'{key}.7.weight': weights(out, wide, 1, 1)} | norm(f'{key}.8', out)
        below = out
    return state


def triangle_depth(channels, widths, *, has_downsample):
    """Return convs.* and their decoder.* twins, in the order of the authors' module list."""
    layers = {}
    for column in range(4):
        for row in range(5 - column):
            below = channels[row] if column == 0 else 2 * widths[row]
            name = f'X_{row}{column}_Conv_0'
            layers[name] = layer('conv.conv', below // 2, below, 3, 3)
    layers['X_04_Conv_0'] = layer('conv.conv', widths[0], 2 * widths[0], 3, 3)
    layers['X_04_Conv_1'] = layer('conv.conv', widths[0], widths[0], 3, 3)

    def joined(row, column):
        return widths[row + 1] + channels[row] + (column - 1) * 2 * widths[row]

    for row, column in ((3, 1), (2, 2), (1, 3), (0, 4)):
        wide = joined(row, column)
        layers[f'X_{row}{column}_attention'] = {
            'fc.0.weight': 5 * weights(wide // 16, wide),
            'fc.2.weight': 5 * weights(wide, wide // 16),
            **layer('conv_se', 2 * widths[row], wide, 1, 1),
        }
    for row, column in ((0, 1), (1, 1), (2, 1), (0, 2), (1, 2), (0, 3)):
        wide = joined(row, column)
        if has_downsample and column > 1:
            squeezed = 4 * widths[row]
            layers[f'X_{row}{column}_downsample'] = {'conv.weight': weights(squeezed, wide, 1, 1)}
            wide = squeezed
        name = f'X_{row + 1}{column - 1}_Conv_1'
        layers[name] = layer('conv.conv', 2 * widths[row], wide, 3, 3)
    heads = (widths[0], 2 * widths[0], 2 * widths[1], 2 * widths[2])
    for level, width in enumerate(heads):
        layers[f'dispConvScale{level}'] = layer('conv', 1, width, 3, 3)
    return registered_twice(layers)


def registered_twice(layers):
    """Return the layers by name, then all of them again by number."""
    numbered = {f'decoder.{number}': tensors for number, tensors in enumerate(layers.values())}
    named = {f'convs.{name}': tensors for name, tensors in layers.items()}
    return {
        f'{prefix}.{key}': value.clone()
        for prefix, tensors in (named | numbered).items()
        for key, value in tensors.items()
    }


def monodepth2_depth(expansion=1):
    shapes = (
        (256, 512 * expansion),
        (256, 256 + 256 * expansion),
        (128, 256),
        (128, 128 + 128 * expansion),
        (64, 128),
        (64, 64 + 64 * expansion),
        (32, 64),
        (32, 96),
        (16, 32),
        (16, 16),
    )
    state = {}
    for number, shape in enumerate(shapes):
        state |= layer(f'decoder.{number}.conv.conv', *shape, 3, 3)
    for level, width in enumerate((16, 32, 64, 128)):
        state |= layer(f'decoder.{10 + level}.conv', 1, width, 3, 3)
    return state


def official(layout):
    torch.manual_seed(0)
    resnet = layout.partition('_resnet')[2] or '18'
    if layout.startswith('monodepth2'):
        depth = monodepth2_depth(4 if resnet == '50' else 1)
        return resnet_encoder(f'resnet{resnet}') | SETTINGS, depth
    if layout.startswith('hr_depth'):
        depth = triangle_depth(HR_CHANNELS, HR_WIDTHS, has_downsample=True)
        return resnet_encoder(f'resnet{resnet}') | SETTINGS, depth
    depth = triangle_depth(LITE_CHANNELS, LITE_WIDTHS, has_downsample=False)
    return lite_encoder() | SETTINGS, depth


def conv3(state, key, x):
    x = F.pad(x, (1, 1, 1, 1), 'reflect')
    return F.conv2d(x, state[f'{key}.weight'], state[f'{key}.bias'])


def block(state, key, x):
    return F.elu(conv3(state, f'{key}.conv.conv', x))


def double(x):
    return F.interpolate(x, scale_factor=2)


def official_resnet(state, image, name='resnet18'):
    model = getattr(models, name)()
    model.load_state_dict(
        {k.removeprefix('encoder.'): v for k, v in state.items() if k.startswith('encoder.')}
    )
    model.eval()
    features = [model.relu(model.bn1(model.conv1((image - 0.45) / 0.225)))]
    x = model.maxpool(features[0])
    for stage in (model.layer1, model.layer2, model.layer3, model.layer4):
        x = stage(x)
        features.append(x)
    return features


def batch_norm(state, key, x, eps=1e-5):
    names = ('running_mean', 'running_var', 'weight', 'bias')
    return F.batch_norm(x, *(state[f'{key}.{name}'] for name in names), eps=eps)


def official_mobilenet(state, image):
    def depthwise(key, x, stride):
        w = state[f'{key}.weight']
        return F.conv2d(x, w, None, stride, w.shape[-1] // 2, 1, w.shape[0])

    x = F.conv2d((image - 0.45) / 0.225, state['encoder.features.0.0.weight'], None, 2, 1)
    features = [F.hardswish(batch_norm(state, 'encoder.features.0.1', x))]
    key = 'encoder.features.1.conv'
    y = F.relu(batch_norm(state, f'{key}.1', depthwise(f'{key}.0', features[0], 1)))
    x = features[0] + batch_norm(state, f'{key}.5', F.conv2d(y, state[f'{key}.4.weight']))
    for number, (_, _, _, squeezed, is_hardswish, stride) in enumerate(LITE_BLOCKS, start=2):
        key = f'encoder.features.{number}.conv'
        act = F.hardswish if is_hardswish else F.relu
        y = act(batch_norm(state, f'{key}.1', F.conv2d(x, state[f'{key}.0.weight'])))
        y = batch_norm(state, f'{key}.4', depthwise(f'{key}.3', y, stride))
        if squeezed:  # before the activation
            s = y.mean((2, 3))
            s = F.linear(s, state[f'{key}.5.fc.0.weight'], state[f'{key}.5.fc.0.bias']).relu()
            s = F.linear(s, state[f'{key}.5.fc.2.weight'], state[f'{key}.5.fc.2.bias'])
            y = y * F.hardsigmoid(s)[:, :, None, None]
        y = batch_norm(state, f'{key}.8', F.conv2d(act(y), state[f'{key}.7.weight']))
        x = x + y if stride == 1 and x.shape == y.shape else y
        if number in (2, 4, 7, 15):  # the first of each resolution, and the last
            features.append(x)
    return features


def official_triangle(state, features):
    nodes = {f'{row}0': feature for row, feature in enumerate(features)}
    for node in ('01', '11', '21', '31', '02', '12', '22', '03', '13', '04'):
        row, column = int(node[0]), int(node[1])
        source = f'{row + 1}{column - 1}'
        high = double(block(state, f'convs.X_{source}_Conv_0', nodes[source]))
        z = torch.cat([high, *(nodes[f'{row}{left}'] for left in range(column))], 1)
        if row + column == 4:
            key = f'convs.X_{node}_attention'
            s = F.linear(z.mean((2, 3)), state[f'{key}.fc.0.weight']).relu()
            s = F.linear(s, state[f'{key}.fc.2.weight']).sigmoid()[:, :, None, None]
            weight, bias = state[f'{key}.conv_se.weight'], state[f'{key}.conv_se.bias']
            nodes[node] = F.conv2d(z * s, weight, bias).relu()
            continue
        if f'convs.X_{node}_downsample.conv.weight' in state:
            z = F.conv2d(z, state[f'convs.X_{node}_downsample.conv.weight'])
        nodes[node] = block(state, f'convs.X_{source}_Conv_1', z)
    x = double(block(state, 'convs.X_04_Conv_0', nodes['04']))
    x = block(state, 'convs.X_04_Conv_1', x)
    levels = (x, nodes['04'], nodes['13'], nodes['22'])
    return [
        conv3(state, f'convs.dispConvScale{level}.conv', x).sigmoid()
        for level, x in enumerate(levels)
    ]


def official_list(state, features):
    x = features[4]
    disparities = []
    for level in (4, 3, 2, 1, 0):
        x = double(block(state, f'decoder.{8 - 2 * level}', x))
        if level > 0:
            x = torch.cat([x, features[level - 1]], 1)
        x = block(state, f'decoder.{9 - 2 * level}', x)
        if level < 4:
            disparities.insert(0, conv3(state, f'decoder.{10 + level}.conv', x).sigmoid())
    return disparities


FORWARD = {
    'monodepth2': (official_resnet, official_list),
    'monodepth2_resnet34': (partial(official_resnet, name='resnet34'), official_list),
    'monodepth2_resnet50': (partial(official_resnet, name='resnet50'), official_list),
    'hr_depth': (official_resnet, official_triangle),
    'hr_depth_resnet34': (partial(official_resnet, name='resnet34'), official_triangle),
    'lite_hr_depth': (official_mobilenet, official_triangle),
}
