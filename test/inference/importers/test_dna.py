"""DNA-Depth's folders, written from the names and shapes that its files have, become cards."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from official_checkpoints import (
    SETTINGS,
    batch_norm,
    conv3,
    double,
    fingerprint,
    layer,
    norm,
    weights,
)

from mono_depth_ros.inference.cards.checkpoint import load_network
from mono_depth_ros.inference.importers.importer import import_checkpoint

SIZE = (SETTINGS['height'], SETTINGS['width'])
CHANNELS = (16, 24, 40, 112, 320)
# (kernel, expansion, out, stride) of EfficientNet's stages; how often each repeats its block
STAGES = (
    (3, 1, 16, 1),
    (3, 6, 24, 2),
    (5, 6, 40, 2),
    (3, 6, 80, 2),
    (5, 6, 112, 1),
    (5, 6, 192, 2),
    (3, 6, 320, 1),
)
REPEATS = {'dna_depth_b0': (1, 2, 2, 3, 3, 4, 1), 'dna_depth_b1': (2, 3, 3, 4, 4, 5, 2)}
# nodes by the authors' names: the lower, the same and the finer map that each of them fuses
NODES = {
    'simfpn4_0': ('L5', 'L4', 'L3'), 'simfpn3_0': ('L4', 'L3', 'L2'),
    'simfpn2_0': ('L3', 'L2', 'L1'), 'simfpn1_0': ('L2', 'L1'),
    'simfpn3_1': ('simfpn4_0', 'simfpn3_0', 'simfpn2_0'),
    'simfpn2_1': ('simfpn3_0', 'simfpn2_0', 'simfpn1_0'), 'simfpn1_1': ('simfpn2_0', 'simfpn1_0'),
    'simfpn2_2': ('simfpn3_1', 'simfpn2_1', 'simfpn1_1'), 'simfpn1_2': ('simfpn2_1', 'simfpn1_1'),
    'simfpn1_3': ('simfpn2_2', 'simfpn1_2'),
}  # fmt: skip
EPS = 1e-3  # TensorFlow's
both = pytest.mark.parametrize('name', REPEATS)


def blocks(name):
    """Yield (number, kernel, is_expanding, below, wide, out, stride, is_tap)."""
    below, number = 16 * 2, 0
    for stage, (kernel, expansion, out, stride) in enumerate(STAGES):
        for place in range(REPEATS[name][stage]):
            is_tap = stage in (0, 1, 2, 4, 6) and place == REPEATS[name][stage] - 1
            yield (number, kernel, expansion > 1, below, expansion * below, out,
                   1 if place else stride, is_tap)  # fmt: skip
            below, number = out, number + 1


def official_encoder(name):
    state = {'model._conv_stem.weight': weights(32, 3, 3, 3)} | norm('model._bn0', 32)
    for number, kernel, is_expanding, below, wide, out, _, _ in blocks(name):
        key = f'model._blocks.{number}'
        if is_expanding:
            state[f'{key}._expand_conv.weight'] = weights(wide, below, 1, 1)
            state |= norm(f'{key}._bn0', wide)
        state[f'{key}._depthwise_conv.weight'] = weights(wide, 1, kernel, kernel)
        state |= norm(f'{key}._bn1', wide)
        state |= layer(f'{key}._se_reduce', below // 4, wide, 1, 1)
        state |= layer(f'{key}._se_expand', wide, below // 4, 1, 1)
        state[f'{key}._project_conv.weight'] = weights(out, wide, 1, 1)
        state |= norm(f'{key}._bn2', out)
    return state | SETTINGS


def separable(key, below, out):
    depthwise = {f'{key}.depthwise_conv.conv.weight': weights(below, 1, 3, 3)}
    return depthwise | layer(f'{key}.pointwise_conv.conv', out, below, 1, 1)


def official_depth():
    state = {}
    for level, width in reversed(list(enumerate(CHANNELS, start=1))):
        state |= separable(f'iconv{level}_0', width, 64)
    for node, sources in NODES.items():
        if len(sources) == 3:
            state |= separable(f'{node}.down_conv', 64, 32)
        state |= separable(f'{node}.iconv', 32 * len(sources), 64)
        state |= separable(f'{node}.up_conv', 64, 32) | separable(f'{node}.conv', 64, 32)
        state |= layer(f'{node}.cat_conv.conv', 64, 64, 3, 3)
        state[f'{node}.cat_conv.conv.weight'] *= 2  # as much as the activation takes
    state |= separable('upconv1', 64, 32) | layer('conv1.0.conv', 32, 32, 3, 3)
    state |= separable('conv1.2', 32, 32)
    levels = ((3, 64), (2, 64), (1, 64), (0, 32))
    for level, width in levels:
        state[f'attn_{level}.fc.0.weight'] = 5 * weights(width // 16, width)
        state[f'attn_{level}.fc.2.weight'] = 5 * weights(width, width // 16)
    for level, width in levels:
        state |= separable(f'disp{level}.0', width, 1)
        state[f'disp{level}.0.depthwise_conv.conv.weight'] *= 3
    return state


def depthwise(weight, x, stride):
    """Convolve as TensorFlow's SAME pads an even size."""
    kernel = weight.shape[-1]
    before = (kernel - stride) // 2
    x = F.pad(x, (before, kernel - stride - before) * 2)
    return F.conv2d(x, weight, None, stride, groups=weight.shape[0])


def stem(state, image):
    x = F.conv2d(F.pad(image, (0, 1, 0, 1)), state['model._conv_stem.weight'], None, 2)
    return F.silu(batch_norm(state, 'model._bn0', x, EPS))


def encode(name, state, image):
    x = stem(state, image)
    taps = []
    for number, _, is_expanding, _, _, _, stride, is_tap in blocks(name):
        key = f'model._blocks.{number}'
        y = x
        if is_expanding:
            y = F.conv2d(y, state[f'{key}._expand_conv.weight'])
            y = F.silu(batch_norm(state, f'{key}._bn0', y, EPS))
        y = depthwise(state[f'{key}._depthwise_conv.weight'], y, stride)
        y = F.silu(batch_norm(state, f'{key}._bn1', y, EPS))
        s = F.silu(linear(state, f'{key}._se_reduce', y.mean((2, 3), keepdim=True)))
        y = y * linear(state, f'{key}._se_expand', s).sigmoid()
        y = F.conv2d(y, state[f'{key}._project_conv.weight'])
        y = batch_norm(state, f'{key}._bn2', y, EPS)
        x = x + y if stride == 1 and x.shape == y.shape else y
        taps += [x] * is_tap
    return taps


def linear(state, key, x):
    return F.conv2d(x, state[f'{key}.weight'], state[f'{key}.bias'])


def separate(state, key, x, stride=1):
    x = depthwise(state[f'{key}.depthwise_conv.conv.weight'], x, stride)
    return linear(state, f'{key}.pointwise_conv.conv', x)


def decode(state, taps):
    maps = {f'L{i}': separate(state, f'iconv{i}_0', tap) for i, tap in enumerate(taps, start=1)}
    for node, (lower, same, *finer) in NODES.items():
        parts = [separate(state, f'{node}.up_conv', double(maps[lower])),
                 separate(state, f'{node}.conv', maps[same])]  # fmt: skip
        parts += [separate(state, f'{node}.down_conv', maps[key], stride=2) for key in finer]
        merged = separate(state, f'{node}.iconv', torch.cat(parts, 1))
        maps[node] = F.silu(conv3(state, f'{node}.cat_conv.conv', merged))
    x = separate(state, 'upconv1', double(maps['simfpn1_3']))
    x = separate(state, 'conv1.2', F.silu(conv3(state, 'conv1.0.conv', x)))
    levels = (x, maps['simfpn1_3'], maps['simfpn2_2'], maps['simfpn3_1'])
    return [head(state, level, x) for level, x in enumerate(levels)]


def head(state, level, x):
    s = F.linear(x.mean((2, 3)), state[f'attn_{level}.fc.0.weight']).relu()
    s = F.linear(s, state[f'attn_{level}.fc.2.weight']).sigmoid()
    return separate(state, f'disp{level}.0', x * s[:, :, None, None]).sigmoid()


@pytest.fixture
def write(tmp_path):
    """Write the two files, changed on request, and return their folder."""

    def write(name, change=lambda encoder, depth: None):
        torch.manual_seed(1)  # no attention whose hidden units are all off
        encoder, depth = official_encoder(name), official_depth()
        change(encoder, depth)
        folder = tmp_path / 'authors_folder'
        folder.mkdir()
        torch.save(encoder, folder / 'encoder.pth')
        torch.save(depth, folder / 'depth.pth')
        return folder

    return write


@pytest.fixture
def out(tmp_path):
    return tmp_path / 'out'


@pytest.mark.parametrize(
    ('name', 'order'),
    [('dna_depth_b0', '57ff0de80f78db8b'), ('dna_depth_b1', 'd82a94fec01a5a3a')],
)
def test_synthetic_files_have_names_shapes_and_order_of_the_official_constructors(name, order):
    assert fingerprint(official_encoder(name), official_depth()) == order


@pytest.mark.slow
@both
def test_imported_weights_predict_what_the_official_forward_pass_does(name, write, out):
    folder = write(name)
    encoder, depth = torch.load(folder / 'encoder.pth'), torch.load(folder / 'depth.pth')
    image = torch.rand(1, 3, *SIZE)

    card = import_checkpoint(folder, out)

    network = load_network(card)
    with torch.no_grad():
        taps = network.encode(image)
        levels = network.decode(taps).disparities
        expected_taps = encode(name, encoder, image)
        expected = decode(depth, expected_taps)
    assert card.network == name
    for ours, theirs in zip(taps, expected_taps, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    for ours, theirs in zip(levels, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
        assert ours.std() > 0.01  # the comparison sees a picture, not a constant


@pytest.mark.slow
@both
def test_every_weight_of_our_network_comes_from_the_files(name, write, out):
    def fill(encoder, depth):
        for state in (encoder, depth):
            for key, value in state.items():
                if isinstance(value, torch.Tensor):
                    state[key] = torch.full_like(value, 7)

    network = load_network(import_checkpoint(write(name, fill), out))

    assert all((value == 7).all() for value in network.state_dict().values())


def test_card_says_whose_terms_the_code_bears(write, out):
    card = import_checkpoint(write('dna_depth_b0'), out)

    assert card.input_size == SIZE
    assert card.network_options == {}
    assert card.license_weights.startswith('not stated; the code bears the notice of the Monodept')


def test_files_may_hold_the_classifier_and_lack_the_batch_counters(write, out):
    def change(encoder, depth):
        for key in [key for key in encoder if key.endswith('num_batches_tracked')]:
            del encoder[key]
        encoder['model._conv_head.weight'] = weights(1280, 320, 1, 1)
        encoder.update(norm('model._bn1', 1280) | layer('model._fc', 1000, 1280))

    import_checkpoint(write('dna_depth_b0', change), out)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda e, d: d.pop('simfpn2_1.down_conv.depthwise_conv.conv.weight'),
         r'depth.pth lacks simfpn2_1\.down_conv\.depthwise_conv\.conv\.weight'),
        (lambda e, d: d.pop('attn_3.fc.0.weight'), r'depth.pth lacks attn_3\.fc\.0\.weight'),
        (lambda e, d: e.pop('model._blocks.15._se_reduce.bias'),
         r'encoder.pth lacks model\._blocks\.15\._se_reduce\.bias'),
        (lambda e, d: d.update(separable('simfpn1_3.down_conv', 64, 32)),
         r'depth.pth: simfpn1_3\.down_conv\.depthwise_conv\.conv\.weight is unknown'),
        (lambda e, d: e.update({'model._blocks.0._expand_conv.weight': torch.zeros(1)}),
         r'encoder.pth: model\._blocks\.0\._expand_conv\.weight is unknown'),
        (lambda e, d: e.update({'model._blocks.16._bn2.weight': torch.zeros(1)}),
         r'encoder.pth: model\._blocks\.16\._bn2\.weight is unknown'),
        (lambda e, d: d.update({'disp0.0.pointwise_conv.conv.bias': torch.zeros(2)}),
         r'disp0\.0\.pointwise_conv\.conv\.bias has shape \(2,\), expected \(1,\)'),
    ],
    ids=['missing', 'missing attention', 'missing in encoder', 'unknown', 'unknown in encoder',
         'one block too many', 'shape'],
)  # fmt: skip
def test_weight_that_does_not_fit_is_named(change, message, write, out):
    with pytest.raises(ValueError, match=message):
        import_checkpoint(write('dna_depth_b0', change), out)
    assert not out.exists()


def test_weights_of_the_other_size_are_refused(write, out):
    with pytest.raises(ValueError, match=r'fit dna_depth_b0:(.*\n){11}  and 411 more'):
        import_checkpoint(write('dna_depth_b1'), out, layout='dna_depth_b0')
