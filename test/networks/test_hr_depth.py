import pytest
import torch
from torch import nn

from mono_depth_ros.networks import create_network
from mono_depth_ros.networks.complexity import count_parameters
from mono_depth_ros.networks.hr_depth import SqueezeFuse

# (reduce in, reduce out, joined, out) of every node; the last diagonal adds its hidden width
HR_NODES = {
    '01': (64, 32, 96, 32), '11': (128, 64, 128, 64), '21': (256, 128, 256, 128),
    '31': (512, 256, 512, 256, 32), '02': (64, 32, 128, 32), '12': (128, 64, 192, 64),
    '22': (256, 128, 384, 128, 24), '03': (64, 32, 160, 32), '13': (128, 64, 256, 64, 16),
    '04': (64, 32, 192, 32, 12),
}  # fmt: skip
LITE_NODES = {
    '01': (24, 12, 28, 8), '11': (40, 20, 44, 24), '21': (80, 40, 80, 40),
    '31': (160, 80, 160, 80, 10), '02': (24, 12, 36, 8), '12': (40, 20, 68, 24),
    '22': (80, 40, 120, 40, 7), '03': (24, 12, 44, 8), '13': (40, 20, 92, 24, 5),
    '04': (24, 12, 52, 8, 3),
}  # fmt: skip

# the decoder of Lite-HR-Depth where the encoder leaves it alone
LITE0_NODES = LITE_NODES | {
    '21': (112, 40, 80, 40), '31': (320, 80, 192, 80, 12),
}  # fmt: skip


def widths_of(node):
    convs = [module for module in node.fuse.modules() if isinstance(module, nn.Conv2d)]
    reduce = node.reduce.conv
    widths = (reduce.in_channels, reduce.out_channels, convs[0].in_channels)
    if isinstance(node.fuse, SqueezeFuse):
        return (*widths, convs[-1].out_channels, convs[0].out_channels)
    return (*widths, convs[-1].out_channels)


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('hr_depth', HR_NODES),
        ('lite_hr_depth', LITE_NODES),
        ('lite_hr_depth_lite0', LITE0_NODES),
    ],
)
def test_nodes_have_the_widths_of_the_layer_table(name, expected):
    nodes = create_network(name).nodes

    assert {key: widths_of(node) for key, node in nodes.items()} == expected


# Table 4 counts ResNet18's classifier and, where the triangle is, weights that are never used.
CLASSIFIER, UNUSED = 0.513, 0.032


@pytest.mark.parametrize(
    ('dense_skips', 'fse', 'printed', 'beside'),
    [
        (False, False, 14.84, CLASSIFIER),
        (True, False, 16.06, CLASSIFIER + UNUSED),
        (False, True, 13.48, CLASSIFIER),
        (True, True, 14.62, CLASSIFIER + UNUSED),
    ],
)
def test_ablations_have_the_parameters_that_the_paper_prints(dense_skips, fse, printed, beside):
    with torch.device('meta'):
        network = create_network('hr_depth', dense_skips=dense_skips, fse=fse)

    assert count_parameters(network) / 1e6 + beside == pytest.approx(printed, abs=0.01)


@pytest.mark.parametrize('name', ['hr_depth', 'lite_hr_depth'])
def test_without_dense_skips_a_node_sees_the_lower_one_and_the_encoder_alone(name):
    with torch.device('meta'):
        network = create_network(name, dense_skips=False)
    seen = {}
    for place, node in network.nodes.items():
        node.register_forward_pre_hook(lambda _, x, place=place: seen.update({place: [*x[1]]}))
    features = network.encode(torch.empty(1, 3, 64, 96, device='meta'))

    output = network.decode(features)

    assert list(seen) == ['31', '22', '13', '04']
    assert all(len(left) == 1 for left in seen.values())
    assert all(seen[f'{row}{4 - row}'][0] is features[row] for row in range(4))
    assert [x.shape[2] for x in output.disparities] == [64, 32, 16, 8]


def test_without_fse_the_last_diagonal_mixes_like_the_other_nodes():
    with torch.device('meta'):
        network = create_network('hr_depth', fse=False)

    fusing = {place: type(node.fuse) for place, node in network.nodes.items()}
    assert SqueezeFuse not in fusing.values()
    assert fusing['04'] is fusing['03'] and fusing['31'] is fusing['21']


def test_only_the_large_network_squeezes_before_mixing():
    squeezed = [
        (name, node)
        for name in ('hr_depth', 'lite_hr_depth')
        for node, module in create_network(name).nodes.items()
        if isinstance(module.fuse, nn.Sequential)
    ]

    assert squeezed == [('hr_depth', '02'), ('hr_depth', '12'), ('hr_depth', '03')]


@pytest.mark.parametrize(
    ('name', 'widths'), [('hr_depth', [16, 32, 64, 128]), ('lite_hr_depth', [4, 8, 24, 40])]
)
def test_heads_come_finest_first(name, widths):
    heads = create_network(name).heads

    assert [head.conv.in_channels for head in heads] == widths


def test_squeeze_fuse_weighs_channels_by_their_mean():
    fuse = SqueezeFuse(16, 1)  # one hidden unit
    with torch.no_grad():
        for parameter in fuse.parameters():
            parameter.fill_(1.0)
        fuse.fuse.bias.fill_(0.5)
    x = torch.zeros(1, 16, 2, 2)
    x[0, 0, 0, 0] = 4.0  # mean 1 in channel 0, so every gate is sigmoid(1)

    y = fuse(x)

    gate = torch.tensor(1.0).sigmoid()
    torch.testing.assert_close(y[0, 0], torch.stack([4 * gate, *[gate * 0] * 3]).view(2, 2) + 0.5)


def test_order_of_squeeze_and_activation_is_an_option_and_no_change_of_weights():
    torch.manual_seed(0)
    after = create_network('lite_hr_depth').eval()
    before = create_network('lite_hr_depth', se_before_activation=True).eval()

    before.load_state_dict(after.state_dict())

    image = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        old, new = after.encode(image), before.encode(image)
    torch.testing.assert_close(new[1], old[1])  # no squeeze-and-excitation up to 1/4
    assert not torch.allclose(new[2], old[2], rtol=1e-3)


def test_lite_taps_are_the_first_blocks_of_their_resolution():
    network = create_network('lite_hr_depth').eval()
    outputs = {}
    for stage, block in ((1, 0), (2, 0), (3, 0), (5, 2)):
        network.encoder.trunk.blocks[stage][block].register_forward_hook(
            lambda _, __, output, key=(stage, block): outputs.update({key: output})
        )

    features = network.encode(torch.rand(1, 3, 64, 96))

    assert all(map(torch.equal, features[1:], outputs.values()))
    assert [feature.shape[1] for feature in features] == [16, 24, 40, 80, 160]
    assert [feature.shape[2] for feature in features] == [32, 16, 8, 4, 2]


def test_lite0_taps_are_the_ends_of_their_resolutions_and_see_the_image_from_minus_one_to_one():
    network = create_network('lite_hr_depth_lite0').eval()
    seen = {}
    trunk = network.encoder.trunk
    trunk.conv_stem.register_forward_hook(lambda _, inputs, __: seen.update(image=inputs[0]))
    for stage in (0, 1, 2, 4, 6):
        trunk.blocks[stage].register_forward_hook(
            lambda _, __, output, key=stage: seen.update({key: output})
        )
    image = torch.rand(1, 3, 64, 96)

    features = network.encode(image)

    torch.testing.assert_close(seen.pop('image'), 2 * image - 1)
    assert all(map(torch.equal, features, seen.values()))
    assert [feature.shape[1] for feature in features] == [16, 24, 40, 112, 320]
    assert [feature.shape[2] for feature in features] == [32, 16, 8, 4, 2]
