import pytest
import torch

from mono_depth_ros.networks import create_network
from mono_depth_ros.networks.complexity import count_parameters
from mono_depth_ros.networks.layers.dynamic_conv import KernelAttention, ODConv2d


def on_meta(**options):
    with torch.device('meta'):
        return create_network('oe_depth', **options)


def dynamic(network):
    return [name for name, module in network.named_modules() if isinstance(module, ODConv2d)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ('where', 'convolutions', 'millions_of_1', 'millions_of_4'),
    [
        ('none', 0, 10.869, 10.869),
        ('layer1', 12, 10.941, 11.740),
        ('layer1_3x3', 4, 10.883, 11.325),
        ('blocks', 208, 11.455, 35.543),
        ('block_starts', 104, 11.162, 23.206),
        ('stage4', 96, 11.211, 29.063),
        ('all', 304, 11.763, 40.364),
    ],
)
def test_places_and_numbers_of_kernels_have_their_known_sizes(
    where, convolutions, millions_of_1, millions_of_4
):
    single, four = (on_meta(where=where, kernels=kernels) for kernels in (1, 4))

    assert len(dynamic(single)) == len(dynamic(four)) == convolutions
    assert count_parameters(single) / 1e6 == pytest.approx(millions_of_1, abs=0.0005)
    assert count_parameters(four) / 1e6 == pytest.approx(millions_of_4, abs=0.0006)


def test_four_kernels_in_each_3x3_of_the_first_layer_are_the_default():
    network = on_meta()

    assert dynamic(network) == [f'encoder.trunk.layer1.{i}.conv2' for i in range(4)]
    assert len(network.encoder.trunk.layer1[0].conv2.convolution.weight) == 4


@pytest.mark.slow
def test_without_dynamic_convolutions_it_is_diffnet():
    with torch.device('meta'):
        diffnet = create_network('diffnet')

    assert on_meta(where='none').state_dict().keys() == diffnet.state_dict().keys()


@pytest.mark.slow
def test_strides_and_borders_stay_where_convolutions_become_dynamic():
    plain, replaced = (on_meta(where=where, kernels=1).encoder for where in ('none', 'all'))
    image = torch.empty(2, 3, 64, 96, device='meta')

    assert [x.shape for x in replaced(image)] == [x.shape for x in plain(image)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ('progress', 'temperature'), [(0.0, 30.0), (0.25, 15.5), (0.5, 1.0), (1.0, 1.0)]
)
def test_attention_cools_in_the_first_half_of_training(progress, temperature):
    network = create_network('oe_depth')

    network.set_training_progress(progress)

    attentions = [m for m in network.modules() if isinstance(m, KernelAttention)]
    assert [attention.temperature.item() for attention in attentions] == [temperature] * 4


def test_attention_is_cold_where_nobody_trains():
    attention = create_network('oe_depth').encoder.trunk.layer1[0].conv2.attention

    assert attention.temperature == 1


def test_half_trained_weights_know_their_temperature():
    trained = create_network('oe_depth')
    trained.set_training_progress(0.25)
    network = create_network('oe_depth')

    network.load_state_dict(trained.state_dict())

    assert network.encoder.trunk.layer1[3].conv2.attention.temperature == 15.5


def test_a_batch_of_one_can_be_trained_with():
    network = create_network('oe_depth')

    network(torch.rand(1, 3, 64, 96)).disparities[0].mean().backward()

    bank = network.encoder.trunk.layer1[0].conv2.convolution.weight
    assert bank.grad.isfinite().all() and bank.grad.abs().sum() > 0


@pytest.mark.slow
def test_an_unknown_place_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"wanted in 'layer9'; expected one of none, layer1_3x3"):
        create_network('oe_depth', where='layer9')


def test_a_bank_without_kernels_is_refused():
    with pytest.raises(ValueError, match='Number of kernels is 0'):
        create_network('oe_depth', kernels=0)
