import pytest
import torch
from torch import nn

from mono_depth_ros.networks import create_network
from mono_depth_ros.networks.dna_depth import FusionColumn, FusionNode, SeparableConv
from mono_depth_ros.networks.layers.blocks import ElementDrop, SampleDrop

# channels that a separable convolution takes and gives
CHANNELS = {'lower': (64, 32), 'same': (64, 32), 'finer.0': (64, 32), 'merge': (96, 64)}
# of the encoder's features for a 64x128 image
SHAPES = ((16, 32, 64), (24, 16, 32), (40, 8, 16), (112, 4, 8), (320, 2, 4))
both = pytest.mark.parametrize('name', ['dna_depth_b0', 'dna_depth_b1'])


def sum_conv(stride):
    """Return a separable convolution that sums what its kernel sees."""
    conv = SeparableConv(1, 1, stride)
    with torch.no_grad():
        conv.depthwise.weight.fill_(1)
        conv.pointwise.weight.fill_(1)
        conv.pointwise.bias.zero_()
    return conv


def test_separable_convolution_has_zeros_all_around():
    summed = sum_conv(stride=1)(torch.ones(1, 1, 4, 4))

    assert summed[0, 0].tolist() == [[4, 6, 6, 4], [6, 9, 9, 6], [6, 9, 9, 6], [4, 6, 6, 4]]


def test_separable_convolution_that_strides_has_zeros_below_and_to_the_right():
    summed = sum_conv(stride=2)(torch.ones(1, 1, 4, 4))

    assert summed[0, 0].tolist() == [[9, 6], [6, 4]]


def test_separable_convolution_gives_what_it_sees_without_activation_or_bias_in_between():
    conv = SeparableConv(2, 3)

    assert [tuple(parameter.shape) for parameter in conv.parameters()] == [
        (2, 1, 3, 3), (3, 2, 1, 1), (3,)]  # fmt: skip
    torch.testing.assert_close(
        conv(-torch.ones(1, 2, 3, 3)) + conv(torch.ones(1, 2, 3, 3)),
        2 * conv.pointwise.bias[:, None, None].expand(1, 3, 3, 3),
    )


@pytest.mark.parametrize('has_finer', [True, False])
def test_node_has_the_widths_of_the_layer_table(has_finer):
    node = FusionNode(has_finer=has_finer)

    widths = {
        name: (conv.depthwise.in_channels, conv.pointwise.out_channels)
        for name, conv in node.named_modules()
        if isinstance(conv, SeparableConv)
    }
    expected = CHANNELS if has_finer else {
        'lower': (64, 32), 'same': (64, 32), 'merge': (64, 64)}  # fmt: skip
    assert widths == expected
    assert (node.fuse.in_channels, node.fuse.out_channels) == (64, 64)


def test_column_gives_every_node_its_neighbours_of_the_column_before():
    column = FusionColumn(rows=3)
    before = [torch.rand(1, 64, 16 >> row, 16 >> row) for row in range(4)]
    seen = []
    for node in column.nodes:
        node.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))

    after = column(before)

    rows = [[[map_ is known for known in before].index(True) for map_ in (lower, same, *finer)]
            for lower, same, finer in seen]  # fmt: skip
    assert rows == [[1, 0], [2, 1, 0], [3, 2, 1]]
    assert [map_.shape[-1] for map_ in after] == [16, 8, 4]


@both
def test_columns_shrink_to_one_node_and_heads_sit_on_their_ends(name):
    network = create_network(name).eval()
    ends = []
    for column in network.columns:
        column.register_forward_hook(lambda _, __, output: ends.insert(0, output[-1]))

    features = network.decode(network.encode(torch.rand(1, 3, 64, 96))).features

    assert [len(column.nodes) for column in network.columns] == [4, 3, 2, 1]
    assert all(map(torch.equal, features[1:], ends))
    assert [feature.shape[1] for feature in features] == [32, 64, 64, 64]
    assert [head.attention.squeeze.out_channels for head in network.heads] == [2, 4, 4, 4]


@pytest.mark.slow
@both
def test_taps_are_the_ends_of_their_resolutions_and_see_the_image_as_it_is(name):
    network = create_network(name).eval()
    seen = {}
    trunk = network.encoder.trunk
    trunk.conv_stem.register_forward_hook(lambda _, inputs, __: seen.update(image=inputs[0]))
    for stage in (0, 1, 2, 4, 6):
        trunk.blocks[stage].register_forward_hook(
            lambda _, __, output, key=stage: seen.update({key: output})
        )
    image = torch.rand(1, 3, 64, 96)

    features = network.encode(image)

    assert torch.equal(seen.pop('image'), image)
    assert all(map(torch.equal, features, seen.values()))
    assert [feature.shape[1] for feature in features] == [16, 24, 40, 112, 320]


@both
def test_batch_norm_is_tensorflows(name):
    norms = [m for m in create_network(name).modules() if isinstance(m, nn.BatchNorm2d)]

    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.01)}


def test_fresh_decoder_lets_the_image_through():
    torch.manual_seed(0)
    network = create_network('dna_depth_b0')

    with torch.no_grad():
        one, other = (
            network.decode([torch.randn(1, *shape) for shape in SHAPES]).disparities[0]
            for _ in range(2)
        )

    assert (one - other).abs().mean() > 1e-3  # 2e-9 with PyTorch's own first weights


def unified(network, features):
    """Return what the convolutions that follow the encoder are given."""
    seen = []
    handles = [conv.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
               for conv in network.unify]  # fmt: skip
    network.decode(features)
    for handle in handles:
        handle.remove()
    return seen


@pytest.fixture
def features():
    return [torch.ones(2, *shape) for shape in SHAPES]


def test_training_drops_half_of_the_elements_of_the_two_deepest_features(features):
    torch.manual_seed(0)
    network = create_network('dna_depth_b0')
    network.set_training_progress(0.0)

    seen = unified(network, features)

    assert all(map(torch.equal, seen[:3], features[:3]))
    for feature in seen[3:]:
        assert set(feature.unique().tolist()) == {0.0, 2.0}
        assert feature.mean() == pytest.approx(1, abs=0.1)


def test_nothing_is_dropped_before_training_tells_its_progress_nor_in_eval_mode(features):
    network = create_network('dna_depth_b0')
    assert all(map(torch.equal, unified(network, features), features))

    network.set_training_progress(0.5)
    assert all(map(torch.equal, unified(network.eval(), features), features))


def test_training_leaves_out_encoder_blocks_the_deeper_the_more():
    network = create_network('dna_depth_b0', drop_connect=0.32)

    rates = [m.highest_rate for m in network.modules() if isinstance(m, SampleDrop)]

    # 16 blocks; the first is never left out
    assert rates == pytest.approx([0.02 * block for block in range(1, 16)])


def test_left_out_block_passes_its_input_on_for_some_samples():
    torch.manual_seed(0)
    network = create_network('dna_depth_b0', drop_connect=0.9)
    network.set_training_progress(0.0)
    block = network.encoder.trunk.blocks[5][3]  # the 15th, at rate 0.84
    x = torch.rand(40, 192, 2, 3)

    left_out = torch.tensor([torch.equal(y, x_) for y, x_ in zip(block(x), x)])

    assert 25 <= left_out.sum() < 40


def test_drops_may_be_turned_off():
    network = create_network('dna_depth_b1', dropout=0.0, drop_connect=0.0)

    drops = [m for m in network.modules() if isinstance(m, ElementDrop | SampleDrop)]
    assert [drop.highest_rate for drop in drops] == [0.0]


@pytest.mark.parametrize('option', ['dropout', 'drop_connect'])
@pytest.mark.parametrize('rate', [-0.1, 1.0])
def test_drop_rate_that_leaves_nothing_is_refused(option, rate):
    with pytest.raises(ValueError, match=f'Drop rate is {rate}; expected 0 to below 1'):
        create_network('dna_depth_b0', **{option: rate})
