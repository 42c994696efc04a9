import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from mono_depth_ros.networks import create_network
from mono_depth_ros.networks.complexity import count_conv_macs, count_parameters
from mono_depth_ros.networks.layers.blocks import OffsetUpsample
from mono_depth_ros.networks.lka_depth import LargeKernelAttention
from mono_depth_ros.networks.ra_depth import RADepth


def offset_upsample(*, right=0.0, down=0.0):
    layer = OffsetUpsample(2)
    with torch.no_grad():
        layer.offset.weight.zero_()
        layer.offset.bias[:4] = right / layer.REACH
        layer.offset.bias[4:] = down / layer.REACH
    return layer


def test_zero_offsets_are_bilinear_upsampling():
    x = torch.rand(2, 2, 3, 5)

    y = offset_upsample()(x)

    expected = F.interpolate(x, scale_factor=2, mode='bilinear', align_corners=False)
    torch.testing.assert_close(y, expected)


def test_offsets_move_samples_in_source_pixels():
    ramp = torch.arange(8.0)
    x = torch.stack([ramp.expand(8, 8), ramp[:, None].expand(8, 8)])[None]

    y = offset_upsample(right=1.0, down=0.5)(x)

    inside = (slice(None), slice(None), slice(4, 12), slice(4, 12))
    moved = (y - offset_upsample()(x))[inside]
    torch.testing.assert_close(moved[0, 0], torch.ones(8, 8))
    torch.testing.assert_close(moved[0, 1], torch.full((8, 8), 0.5))


def test_each_of_the_four_new_pixels_has_its_own_offset():
    layer = offset_upsample()
    with torch.no_grad():
        layer.offset.bias[1] = 1 / layer.REACH  # upper right pixel, horizontally
    x = torch.arange(8.0).expand(1, 2, 8, 8)

    moved = (layer(x) - offset_upsample()(x))[0, 0, 4:6, 4:6]

    torch.testing.assert_close(moved, torch.tensor([[0.0, 1.0], [0.0, 0.0]]))


def test_attention_reaches_11_pixels_to_either_side():
    attention = LargeKernelAttention(1)
    x = torch.rand(1, 1, 1, 41, requires_grad=True)

    attention(x)[0, 0, 0, 20].backward()

    seen = x.grad[0, 0, 0].nonzero().flatten()
    assert (seen.min(), seen.max()) == (20 - 11, 20 + 11)


def test_attention_multiplies_its_input():
    attention = LargeKernelAttention(1)
    with torch.no_grad():
        attention.mix.weight.zero_()
        attention.mix.bias.fill_(3.0)

    assert torch.equal(attention(torch.full((1, 1, 2, 2), 2.0)), torch.full((1, 1, 2, 2), 6.0))


def test_hrnet_fuses_its_branches_bilinearly():
    encoder = create_network('lka_depth').encoder

    fusing = [module for module in encoder.modules() if isinstance(module, nn.Upsample)]

    assert len(fusing) == 1 + 3 * 4 + 6 * 3
    assert {(module.mode, module.align_corners) for module in fusing} == {('bilinear', True)}


def test_hrnet_takes_the_image_as_it_is_and_returns_its_branches():
    encoder = create_network('lka_depth').encoder
    image = torch.rand(1, 3, 64, 96)
    seen = []
    encoder.trunk.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))

    features = encoder(image)

    assert torch.equal(seen[0], image)
    assert [feature.shape[1] for feature in features] == [64, 18, 36, 72, 144]
    assert [feature.shape[2] for feature in features] == [32, 16, 8, 4, 2]


def test_steps_have_the_widths_of_the_layer_table():
    steps = create_network('lka_depth').steps

    widths = [
        (step.reduce.conv.in_channels, step.reduce.conv.out_channels, step.fuse.conv.in_channels,
         step.fuse.conv.out_channels)
        for step in steps
    ]  # fmt: skip
    assert widths == [(18, 64, 128, 32), (36, 18, 36, 18), (72, 36, 72, 36), (144, 72, 144, 72)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ('attention', 'offset_upsampling', 'millions', 'billions', 'learned'),
    [
        (False, False, 9.9788, 10.659, 0),
        (False, True, 9.9825, 10.670, 8),
        (True, False, 9.9301, 10.045, 0),
        (True, True, 9.9325, 10.055, 5),
    ],
)
def test_ablations_have_the_parameters_that_the_paper_prints(
    attention, offset_upsampling, millions, billions, learned
):
    with torch.device('meta'):
        network = create_network(
            'lka_depth', attention=attention, offset_upsampling=offset_upsampling
        )

    assert isinstance(network, RADepth) is not attention
    assert sum(isinstance(module, OffsetUpsample) for module in network.modules()) == learned
    # printed: 9.98, 9.98, 9.93 and 9.93
    assert count_parameters(network) / 1e6 == pytest.approx(millions, abs=5e-5)
    assert count_conv_macs(network, (192, 640)) / 1e9 == pytest.approx(billions, abs=5e-4)


def test_without_attention_and_offsets_it_is_the_papers_baseline():
    with torch.device('meta'):
        baseline = create_network('ra_depth').state_dict()
        network = create_network('lka_depth', attention=False, offset_upsampling=False)

    assert network.state_dict().keys() == baseline.keys()
