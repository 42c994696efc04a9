import pytest
import torch
from torch import nn

from mono_depth_ros.networks import create_network, list_networks
from mono_depth_ros.networks.complexity import count_conv_macs, count_parameters
from mono_depth_ros.networks.layers.blocks import TrainingDrop
from mono_depth_ros.networks.layers.reparam import (
    ElementDrop,
    EquivalentConv,
    add_branches,
    load_plain_weights,
    without_branches,
)

every_network = pytest.mark.parametrize('name', list_networks())
# between them: depthwise, dilated, mirrored borders, TensorFlow's padding
unlike_networks = pytest.mark.parametrize('name', ['small_depth', 'lite_hr_depth_lite0'])
SHAPES_OF_3 = [(1, 3), (3, 1), (1, 1)]
SHAPES_OF_5 = [(1, 5), (5, 1), (1, 1), (3, 3)]


def equivalent(conv, branch_drop=0.0, element_drop=0.0, *, shared_init=True):
    torch.manual_seed(0)
    return EquivalentConv(conv, branch_drop, element_drop, shared_init=shared_init)


def fill(module, values):
    """Give every branch one value: the widest first, then the narrower ones."""
    with torch.no_grad():
        for weight, value in zip([module.conv.weight, *module.branches], values, strict=True):
            weight.fill_(value)


def drops(network):
    return [module for module in network.modules() if isinstance(module, TrainingDrop)]


@pytest.mark.parametrize(('size', 'shapes'), [(3, SHAPES_OF_3), (5, SHAPES_OF_5)])
def test_branches_are_a_row_a_column_and_smaller_squares(size, shapes):
    module = equivalent(nn.Conv2d(2, 4, size))

    assert [tuple(branch.shape[2:]) for branch in module.branches] == shapes


def test_kernel_is_the_scaled_sum_of_the_branches_about_its_centre():
    module = equivalent(nn.Conv2d(1, 1, 3, stride=2, bias=False))
    fill(module, (1.0, 10.0, 100.0, 1000.0))
    with torch.no_grad():
        module.scales[3] = 2.0

    kernel = module.kernel()[0, 0]

    assert kernel.tolist() == [[1, 101, 1], [11, 2111, 11], [1, 101, 1]]


def test_scales_belong_to_output_channels():
    module = equivalent(nn.Conv2d(1, 2, 3))
    fill(module, (1.0, 0.0, 0.0, 0.0))
    with torch.no_grad():
        module.scales[0, 1] = 5.0

    assert module.kernel()[:, 0, 0, 0].tolist() == [1, 5]


@pytest.mark.parametrize('groups', [1, 2, 4])
def test_identity_passes_every_channel_on(groups):
    module = equivalent(nn.Conv2d(4, 4, 3, padding=1, groups=groups, bias=False))
    fill(module, (0.0, 0.0, 0.0, 0.0))
    with torch.no_grad():
        module.identity_scale.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    x = torch.rand(2, 4, 5, 6)

    torch.testing.assert_close(module(x), x * torch.tensor([1.0, 2, 3, 4]).view(1, 4, 1, 1))


@pytest.mark.parametrize(
    'conv', [nn.Conv2d(2, 4, 3, groups=2), nn.Conv2d(4, 4, 3, stride=2)], ids=['wider', 'strided']
)
def test_there_is_no_identity_where_shapes_change(conv):
    assert equivalent(conv).identity_scale is None


def test_dilated_convolution_has_the_same_branches_on_its_own_taps():
    module = equivalent(nn.Conv2d(1, 1, 3, padding=2, dilation=2, bias=False))
    fill(module, (0.0, 1.0, 0.0, 0.0))
    x = torch.zeros(1, 1, 1, 7)
    x[..., 3] = 1.0

    assert module(x)[0, 0, 0].tolist() == [0, 1, 0, 1, 0, 1, 0]


def test_shared_start_is_the_kernel_that_was_there():
    conv = nn.Conv2d(3, 4, 5)
    kernel = conv.weight.detach().clone()

    module = equivalent(conv)

    torch.testing.assert_close(module.kernel(), kernel)
    torch.testing.assert_close(5 * module.branches[2][..., 0, 0], kernel[..., 2, 2])  # by all
    torch.testing.assert_close(module.branches[0][..., 0, 0], module.conv.weight[..., 2, 0])


def test_branches_that_start_apart_are_unlike_and_keep_the_output_as_large():
    torch.manual_seed(0)
    conv = nn.Conv2d(64, 64, 3, bias=False)
    x = torch.randn(2, 64, 12, 12)
    size = conv(x).std().item()

    module = equivalent(conv, shared_init=False)

    assert not torch.allclose(module.branches[2], module.conv.weight[..., 1:2, 1:2], rtol=0.1)
    assert module(x).std().item() == pytest.approx(size, rel=0.05)


def test_narrow_branches_are_dropped_and_the_widest_never_is():
    module = equivalent(nn.Conv2d(1, 1, 3, stride=2), branch_drop=0.999)
    fill(module, (1.0, 1.0, 1.0, 1.0))
    module.branch_drop.progress = 1.0

    assert torch.equal(module.kernel(), torch.ones(1, 1, 3, 3))


def test_branches_are_dropped_one_by_one_as_a_whole():
    module = equivalent(nn.Conv2d(1, 1, 3, stride=2), branch_drop=0.5)
    fill(module, (0.0, 1.0, 10.0, 100.0))
    module.branch_drop.progress = 1.0

    kernels = torch.stack([module.kernel()[0, 0] for _ in range(300)])

    assert set(kernels[:, 1, 1].tolist()) == {2.0 * x for x in (0, 1, 10, 11, 100, 101, 110, 111)}
    assert torch.equal(kernels[:, 1, 0], kernels[:, 1, 2])
    assert kernels[:, 1, 0].mean().item() == pytest.approx(1.0, abs=0.2)


def test_weights_are_dropped_one_by_one_at_a_constant_rate():
    torch.manual_seed(0)
    drop = ElementDrop(0.25).train()
    drop.progress = 0.0

    kept = drop(torch.ones(100, 100))

    torch.testing.assert_close(kept.unique(), torch.tensor([0.0, 4 / 3]))
    assert (kept == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(('progress', 'training'), [(None, True), (1.0, False)])
def test_nothing_is_dropped_before_training_tells_its_progress_nor_in_eval(progress, training):
    module = equivalent(nn.Conv2d(2, 2, 3), 0.5, 0.5).train(training)
    for drop in drops(module):
        drop.progress = progress

    assert torch.equal(module.kernel(), module.kernel())


@pytest.mark.parametrize('rates', [(1.0, 0.1), (0.1, -0.1)])
def test_rate_that_leaves_nothing_is_refused(rates):
    with pytest.raises(ValueError, match='expected 0 to below 1'):
        equivalent(nn.Conv2d(2, 2, 3), *rates)


def test_pointwise_and_even_kernels_stay_as_they_are():
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 2), nn.Conv2d(1, 1, (1, 3)))

    add_branches(network, 0.1, 0.1, shared_init=True)

    assert [type(module) for module in network] == [nn.Conv2d] * 3


@pytest.mark.slow
@unlike_networks
def test_branches_cost_parameters_while_training_and_nothing_else(name):
    with torch.device('meta'):
        plain, network = create_network(name), create_network(name, etm=True)

    assert count_parameters(network) > count_parameters(plain)
    assert count_conv_macs(network, (64, 96)) == count_conv_macs(plain, (64, 96))
    assert count_parameters(network.deploy()) == count_parameters(plain.deploy())


@unlike_networks
def test_branches_start_as_the_plain_network(name, calibrated):
    plain = calibrated(name)
    network = create_network(name, etm=True).eval()
    image = torch.rand(1, 3, 64, 96)

    load_plain_weights(network, plain.state_dict())

    with torch.no_grad():
        torch.testing.assert_close(network(image), plain(image), atol=1e-5, rtol=0)


def test_every_branch_learns():
    torch.manual_seed(0)
    network = create_network('small_depth', etm=True)

    output = network(torch.rand(2, 3, 64, 96))
    sum(disparity.mean() for disparity in output.disparities).backward()

    assert [key for key, value in network.named_parameters() if value.grad is None] == []


def test_state_dict_carries_the_branches():
    image = torch.rand(1, 3, 64, 96)
    network = create_network('small_depth', etm=True, etm_shared_init=False).eval()
    twin = create_network('small_depth', etm=True).eval()

    twin.load_state_dict(network.state_dict())

    with torch.no_grad():
        assert torch.equal(twin(image), network(image))


@pytest.mark.slow
def test_merged_copy_fits_the_plain_network():
    network = create_network('monodepth2_resnet18', etm=True, etm_shared_init=False).eval()
    plain = create_network('monodepth2_resnet18').eval()
    image = torch.rand(1, 3, 64, 96)

    plain.load_state_dict(without_branches(network).state_dict())

    with torch.no_grad():
        torch.testing.assert_close(plain(image), network(image), atol=1e-5, rtol=0)


def test_small_depth_trains_with_2_53_million_parameters():
    with torch.device('meta'):
        network = create_network('small_depth', etm=True)

    assert count_parameters(network) / 1e6 == pytest.approx(2.529, abs=0.0005)


def test_option_of_branches_without_branches_is_refused():
    with pytest.raises(ValueError, match=r"'etm_branch_drop' is 0\.2, .* set 'etm: true' as well"):
        create_network('small_depth', etm_branch_drop=0.2)


def test_branches_can_be_switched_off():
    network = create_network('small_depth', etm=False)

    assert not any(isinstance(module, EquivalentConv) for module in network.modules())
