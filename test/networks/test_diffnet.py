import pytest
import torch

from mono_depth_ros.networks import create_network
from mono_depth_ros.networks.complexity import count_parameters
from mono_depth_ros.networks.diffnet import FeatureFusion


def on_meta():
    with torch.device('meta'):
        return create_network('diffnet')


@pytest.mark.slow
def test_encoder_joins_what_every_stage_gave_at_a_resolution():
    network = create_network('diffnet').eval()
    trunk = network.encoder.trunk
    seen = {}
    for name in ('act1', 'act2', 'stage2', 'stage3', 'stage4'):
        trunk.get_submodule(name).register_forward_hook(
            lambda _, __, output, name=name: seen.update({name: output})
        )

    with torch.no_grad():
        features = network.encode(torch.rand(1, 3, 64, 96))

    stages = (seen['stage2'], seen['stage3'], seen['stage4'])
    expected = [
        seen['act1'],
        torch.cat([seen['act2'], *(stage[0] for stage in stages)], dim=1),
        torch.cat([stage[1] for stage in stages], dim=1),
        torch.cat([stage[2] for stage in stages[1:]], dim=1),
        stages[2][3],
    ]
    assert all(map(torch.equal, features, expected))


@pytest.mark.slow
def test_encoder_features_have_the_widths_that_it_states():
    encoder = on_meta().encoder
    features = encoder(torch.empty(1, 3, 64, 96, device='meta'))

    assert encoder.channels == tuple(feature.shape[1] for feature in features)
    assert encoder.channels == (64, 64 + 3 * 18, 3 * 36, 2 * 72, 144)
    assert [feature.shape[2] for feature in features] == [32, 16, 8, 4, 2]


def test_the_last_branches_are_those_of_the_plain_encoder():
    internal, plain = create_network('diffnet').eval(), create_network('ra_depth').eval()
    plain.encoder.load_state_dict(internal.encoder.state_dict())
    image = torch.rand(1, 3, 64, 96)

    with torch.no_grad():
        joined, last = internal.encode(image), plain.encode(image)

    assert all(torch.equal(x[:, -y.shape[1] :], y) for x, y in zip(joined, last))


def test_decoder_has_the_parameters_and_widths_of_the_layer_table():
    network = on_meta()

    widths = [
        (step.attention.squeeze.in_channels, step.attention.squeeze.out_channels,
         step.mix.out_channels)
        for step in network.steps
    ]  # fmt: skip
    assert widths == [(128, 8, 32), (246, 15, 64), (364, 22, 128), (288, 18, 256)]
    assert [head.conv.in_channels for head in network.heads] == [16, 32, 64, 128]
    assert count_parameters(network) - count_parameters(network.encoder) == 1_306_840


@pytest.mark.slow
def test_features_at_a_half_a_quarter_and_an_eighth_are_those_of_their_heads():
    output = on_meta()(torch.empty(2, 3, 64, 96, device='meta'))

    shapes = [tuple(feature.shape[1:]) for feature in output.features]
    assert shapes[1:4] == [(32, 32, 48), (64, 16, 24), (128, 8, 12)]
    assert [x.shape[2:] for x in output.features[:4]] == [x.shape[2:] for x in output.disparities]


def test_fusion_joins_the_deeper_map_first_and_sees_zeros_beyond_the_border():
    fusion = FeatureFusion(8, 8, 1)
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.zero_()  # every gate is one half
        fusion.mix.weight[0, 0, 1, 0] = 2.0  # the left neighbour in the deeper map
        fusion.mix.weight[0, 8, 1, 1] = 20.0
    deeper, lateral = torch.zeros(1, 8, 1, 2), torch.zeros(1, 8, 2, 4)
    deeper[0, 0] = torch.tensor([[1.0, 2.0]])
    lateral[0, 0, 1, 3] = 1.0

    y = fusion(deeper, lateral)

    assert y[0, 0].tolist() == [[0, 1, 1, 2], [0, 1, 1, 12]]
