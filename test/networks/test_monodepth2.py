import torch

from mono_depth_ros.networks import create_network
from mono_depth_ros.networks.layers.blocks import ConvBlock, DisparityHead, upsample


def test_decoder_has_the_widths_of_the_layer_table():
    network = create_network('monodepth2_resnet18')

    def shapes(blocks):
        return [(block.conv.in_channels, block.conv.out_channels) for block in blocks]

    assert shapes(network.reduce) == [(32, 16), (64, 32), (128, 64), (256, 128), (512, 256)]
    assert shapes(network.mix) == [(16, 16), (96, 32), (128, 64), (256, 128), (512, 256)]
    assert shapes(network.heads) == [(16, 1), (32, 1), (64, 1), (128, 1)]


def test_grey_of_the_imagenet_mean_reaches_the_trunk_as_zero():
    network = create_network('monodepth2_resnet18')
    seen = []
    network.encoder.trunk.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))

    network.encode(torch.tensor([0.45, 0.675]).view(2, 1, 1, 1).expand(2, 3, 64, 64))

    torch.testing.assert_close(seen[0][0], torch.zeros(3, 64, 64))
    torch.testing.assert_close(seen[0][1], torch.ones(3, 64, 64))


def test_conv_block_mirrors_the_border():
    block = ConvBlock(1, 1)
    with torch.no_grad():
        block.conv.weight.zero_()[0, 0, 1, 0] = 1.0  # the left neighbour
        block.conv.bias.zero_()

    y = block(torch.tensor([[[[1.0, 2, 3], [4, 5, 6]]]]))

    assert torch.equal(y, torch.tensor([[[[2.0, 1, 2], [5, 4, 5]]]]))


def test_conv_block_bends_negative_values():
    block = ConvBlock(1, 1)
    with torch.no_grad():
        block.conv.weight.zero_()
        block.conv.bias.fill_(-1.0)

    y = block(torch.zeros(1, 1, 2, 2))

    torch.testing.assert_close(y, torch.full((1, 1, 2, 2), -1.0).exp() - 1)


def test_head_of_zero_weights_says_one_half():
    head = DisparityHead(2)
    for parameter in head.parameters():
        torch.nn.init.zeros_(parameter)

    assert (head(torch.rand(1, 2, 3, 3)) == 0.5).all()


def test_upsampling_repeats_pixels():
    y = upsample(torch.tensor([[[[1.0, 2]]]]))

    assert torch.equal(y, torch.tensor([[[[1.0, 1, 2, 2], [1, 1, 2, 2]]]]))
