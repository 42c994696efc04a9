import pytest
import torch
from torch import nn

from mono_depth_ros.networks import create_network
from mono_depth_ros.networks.hqdec_v2 import (
    AdaptiveSum,
    AxialDownsample,
    GatedHead,
    GlobalContext,
    MultiScaleUpsample,
    NeighbourAttention,
    Refinement,
    TransformerBlock,
    fold,
)
from mono_depth_ros.networks.layers.blocks import upsample_bilinear


@pytest.fixture(scope='module')
def network():
    with torch.device('meta'):
        return create_network('hqdec_v2')


def test_sum_gives_every_map_its_share():
    merge = AdaptiveSum(2)
    with torch.no_grad():
        merge.squeeze.weight.zero_()
        merge.squeeze.bias.copy_(torch.tensor([3.0, 1.0]).log())

    merged = merge([torch.full((1, 5, 4, 4), 10.0), torch.full((1, 5, 4, 4), 2.0)])

    torch.testing.assert_close(merged, torch.full((1, 5, 4, 4), 8.0))


def test_shares_differ_from_pixel_to_pixel_and_sum_to_1():
    torch.manual_seed(0)
    merge = AdaptiveSum(3)
    same = torch.rand(1, 4, 6, 6)

    torch.testing.assert_close(merge([same, same, same]), same)
    halves = merge([torch.ones(1, 1, 6, 6), torch.zeros(1, 1, 6, 6), torch.rand(1, 1, 6, 6)])
    assert halves.std() > 0


def test_channels_are_weighed_by_their_neighbours():
    attention = NeighbourAttention()
    with torch.no_grad():
        attention.conv.weight.copy_(torch.tensor([[[0.0, 0.0, 1.0]]]))  # the next channel
    x = torch.tensor([2.0, 4.0, 8.0]).view(1, 3, 1, 1).expand(1, 3, 2, 2)

    y = attention(x)

    expected = torch.tensor([2.0, 4, 8]) * torch.tensor([4.0, 8, 0]).sigmoid()
    torch.testing.assert_close(y[0, :, 0, 0], expected)


def test_attention_is_that_of_pytorch():
    torch.manual_seed(0)
    block = TransformerBlock(8, heads=2).eval()
    other = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    with torch.no_grad():
        other.in_proj_weight.copy_(block.ask.weight[..., 0, 0])
        other.in_proj_bias.copy_(block.ask.bias)
        other.out_proj.weight.copy_(block.answer.weight[..., 0, 0])
        other.out_proj.bias.copy_(block.answer.bias)
        block.perceptron[-1].weight.zero_()
        block.perceptron[-1].bias.zero_()
    x = torch.rand(2, 8, 3, 5)
    tokens = block.attention_norm(x).flatten(2).transpose(1, 2)

    attended = other(tokens, tokens, tokens, need_weights=False)[0]

    expected = x + attended.transpose(1, 2).view_as(x)
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize(('level', 'cells'), [(-1, 32), (0, 16), (4, 1)])
def test_tokens_are_at_a_32nd_of_the_image_whatever_the_level(level, cells):
    context, seen = GlobalContext(2, level), []
    context.relate.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[2:]))

    y = context(torch.rand(1, 2, 2 * cells, 3 * cells))

    assert seen == [(2, 3)] and y.shape[2:] == (2 * cells, 3 * cells)


def test_tokens_overlap():
    context, seen = GlobalContext(1, 1), []
    context.embed.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    x = torch.rand(1, 1, 8, 32, requires_grad=True)
    context(x)

    seen[0][0, 0, 0, 2].backward()

    columns = x.grad[0, 0].abs().sum(0).nonzero().flatten()
    assert (columns.min(), columns.max()) == (16 - 7, 16 + 7)  # 15 of them, 8 apart


def test_context_sees_the_whole_map():
    torch.manual_seed(0)
    x = torch.rand(1, 2, 16, 48, requires_grad=True)

    GlobalContext(2, 1)(x)[0, :, 0, 0].sum().backward()

    assert (x.grad != 0).all()


def test_refinement_merges_a_map_with_near_and_far_context():
    refinement = Refinement(8, level=4).eval()
    with torch.no_grad():
        refinement.merge.squeeze.weight.zero_()
        refinement.merge.squeeze.bias.copy_(torch.tensor([50.0, 0.0, 0.0]))
    x = torch.rand(1, 8, 3, 4)

    torch.testing.assert_close(refinement(x), x)


def test_folding_rows_puts_their_neighbours_into_channels():
    x = torch.arange(8.0).view(1, 1, 4, 2)

    assert fold(x, 2, 2).tolist() == [[[[0, 1], [4, 5]], [[2, 3], [6, 7]]]]
    assert fold(x, 3, 2).tolist() == [[[[0], [2], [4], [6]], [[1], [3], [5], [7]]]]


@pytest.mark.parametrize('factor', [2, 4, 8])
def test_downsampling_divides_the_size_and_sees_every_pixel(factor):
    torch.manual_seed(0)
    x = torch.rand(1, 24, 16, 24, requires_grad=True)

    y = AxialDownsample(24, 16, factor).eval()(x)
    y.sum().backward()

    assert y.shape == (1, 16, 16 // factor, 24 // factor)
    assert (x.grad.abs().sum(1) > 0).all()


def test_upsampling_doubles_and_can_be_bilinear():
    upsample = MultiScaleUpsample(8, level=3).eval()
    with torch.no_grad():
        upsample.merge.squeeze.weight.zero_()
        upsample.merge.squeeze.bias.copy_(torch.tensor([50.0, 0.0]))
    x = torch.rand(1, 8, 4, 6)

    torch.testing.assert_close(upsample(x), upsample_bilinear(x))


def test_gate_dims_the_logit():
    head = GatedHead(4, level=3)
    with torch.no_grad():
        for parameter in (*head.logit.parameters(), *head.gate.parameters()):
            parameter.zero_()
        head.logit.bias.fill_(2.0)
        head.gate.bias.copy_(torch.tensor([0.25 / 0.75]).log())

    y = head(torch.rand(1, 4, 4, 6))

    torch.testing.assert_close(y, torch.full((1, 1, 4, 6), 0.5).sigmoid())


def test_grey_reaches_the_trunk_as_zero(network):
    assert (network.encoder.mean, network.encoder.std) == (0.5, 0.5)


def test_maps_have_the_widths_of_the_layer_table(network):
    laterals = [(block[0].conv.in_channels, block[0].conv.out_channels)
                for block in network.laterals]  # fmt: skip
    reduced = [(fusion.reduce.conv.in_channels, fusion.reduce.conv.out_channels)
               for fusion in network.fusions]  # fmt: skip

    assert laterals == [(24, 24), (48, 48), (64, 64), (160, 160), (256, 160)]
    assert reduced == [(24, 12), (48, 24), (64, 48), (160, 64)]


def test_every_fusion_takes_all_finer_maps(network):
    factors = [[down.factor for down in fusion.down] for fusion in network.fusions]

    assert factors == [[], [2], [4, 2], [8, 4, 2]]


@pytest.mark.slow
def test_heads_are_at_full_half_and_quarter_size(network):
    output = network(torch.empty(1, 3, 64, 96, device='meta'))

    assert [tuple(d.shape[2:]) for d in output.disparities] == [(64, 96), (32, 48), (16, 24)]
    assert [feature.shape[1] for feature in output.features] == [12, 12, 24, 48, 64]
