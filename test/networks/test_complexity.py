import pytest
import torch
from torch import nn

from mono_depth_ros.networks import create_network
from mono_depth_ros.networks.complexity import count_conv_macs, count_parameters


def test_macs_of_one_convolution_by_hand():
    conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)

    assert count_conv_macs(conv, (4, 6)) == (2 * 3) * 8 * 3 * 9


def test_macs_leave_the_network_where_and_as_it_was():
    conv = nn.Conv2d(3, 8, 3)

    count_conv_macs(conv, (4, 6))

    assert conv.training and conv.weight.device == torch.device('cpu')


def test_parameters_do_not_count_statistics():
    assert count_parameters(nn.BatchNorm2d(5)) == 10


@pytest.mark.slow
@pytest.mark.parametrize(
    ('name', 'millions'),
    [
        ('dna_depth_b0', 4.150),
        ('dna_depth_b1', 6.656),
        ('hr_depth', 14.10),
        ('lite_hr_depth', 3.112),
        ('ra_depth', 9.979),
        ('diffnet', 10.87),
        ('oe_depth', 11.325),
        ('monodepth2_resnet18', 14.33),
        ('monodepth2_resnet34', 24.437),
        ('monodepth2_resnet50', 32.522),
        ('hr_depth_resnet34', 24.176),
        ('hr_depth_resnet50', 32.180),
    ],
)
def test_parameters_are_the_papers(name, millions):
    assert count_parameters(create_network(name)) / 1e6 == pytest.approx(millions, rel=0.005)


def test_lite_encoder_has_its_own_figure():
    encoder = create_network('lite_hr_depth').encoder

    assert count_parameters(encoder) / 1e6 == pytest.approx(2.816, abs=0.0005)


def test_efficientnet_lite0_costs_what_the_docs_say():
    network = create_network('lite_hr_depth_lite0')

    assert count_parameters(network) / 1e6 == pytest.approx(3.383, abs=0.0005)
    assert count_parameters(network.encoder) / 1e6 == pytest.approx(2.959, abs=0.0005)
    assert count_conv_macs(network, (192, 640)) / 1e9 == pytest.approx(1.635, abs=0.0005)
    assert count_parameters(network.deploy()) / 1e6 == pytest.approx(3.363, abs=0.0005)


def test_deployed_small_depth_has_the_papers_parameters():
    deployed = create_network('small_depth').deploy()

    assert count_parameters(deployed) / 1e6 == pytest.approx(2.35, rel=0.01)


@pytest.mark.slow
def test_hqdec_v2_costs_what_the_paper_prints_and_the_docs_say():
    with torch.device('meta'):
        network = create_network('hqdec_v2')
    parameters, macs = count_parameters(network) / 1e6, count_conv_macs(network, (128, 416)) / 1e9

    assert (parameters, macs) == (pytest.approx(24.65, rel=0.03), pytest.approx(3.90, rel=0.03))
    assert (parameters, macs) == (pytest.approx(24.531, abs=5e-4), pytest.approx(3.923, abs=5e-4))
    assert count_parameters(network.encoder) / 1e6 == pytest.approx(19.85, abs=0.005)
    assert count_conv_macs(network, (192, 640)) / 1e9 == pytest.approx(9.048, abs=0.0005)
    assert count_parameters(network.deploy()) / 1e6 == pytest.approx(24.311, abs=0.0005)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('name', 'billions'),
    [
        ('dna_depth_b0', 9.80),
        ('dna_depth_b1', 10.25),
        ('hr_depth', 11.22),
        ('lite_hr_depth', 1.227),
        ('ra_depth', 10.66),
        ('diffnet', 11.84),
        ('oe_depth', 11.84),
        ('monodepth2_resnet18', 8.01),
        ('monodepth2_resnet34', 12.543),
        ('monodepth2_resnet50', 16.554),
        ('hr_depth_resnet34', 15.752),
        ('hr_depth_resnet50', 20.660),
    ],
)
def test_macs_at_192x640_are_the_specified_ones(name, billions):
    macs = count_conv_macs(create_network(name), (192, 640))

    assert macs / 1e9 == pytest.approx(billions, rel=0.01)


def test_small_depth_at_128x416_has_the_papers_macs_and_fewer_once_deployed():
    network = create_network('small_depth')

    assert count_conv_macs(network, (128, 416)) / 1e9 == pytest.approx(0.41, rel=0.03)
    assert count_conv_macs(network.deploy(), (128, 416)) / 1e9 == pytest.approx(0.355, rel=0.01)
