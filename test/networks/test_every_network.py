import socket

import pytest
import torch
from torch import nn

from mono_depth_ros.networks import create_network, list_networks

every_network = pytest.mark.parametrize('name', list_networks())


def on_meta(name):
    with torch.device('meta'):
        return create_network(name)


@every_network
@pytest.mark.parametrize('size', [(128, 416), (192, 640), (320, 1024)], ids=str)
def test_levels_halve_from_the_input_size(name, size):
    output = on_meta(name)(torch.empty(2, 3, *size, device='meta'))

    shapes = [tuple(disparity.shape) for disparity in output.disparities]
    assert shapes == [
        (2, 1, size[0] >> level, size[1] >> level) for level in range(len(output.disparities))
    ]


@every_network
def test_eval_returns_one_disparity_of_the_input_size(name):
    disparity = on_meta(name).eval()(torch.empty(1, 3, 96, 160, device='meta'))

    assert disparity.shape == (1, 1, 96, 160)


@every_network
def test_decoder_features_come_finest_first(name):
    output = on_meta(name)(torch.empty(1, 3, 96, 160, device='meta'))

    heights = [feature.shape[2] for feature in output.features]
    assert heights == sorted(heights, reverse=True)
    assert heights[0] == 96


@every_network
def test_every_parameter_gets_a_gradient(name):
    torch.manual_seed(0)
    network = create_network(name)

    output = network(torch.rand(2, 3, 64, 96))
    sum(disparity.mean() for disparity in output.disparities).backward()

    assert [key for key, value in network.named_parameters() if value.grad is None] == []


@every_network
def test_eval_equals_level_0_of_the_train_graph_with_frozen_batch_norms(name, calibrated):
    network = calibrated(name)
    image = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        expected = network(image)
        network.train()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()

        disparities = network(image).disparities

    torch.testing.assert_close(disparities[0], expected)


@every_network
def test_disparity_is_inside_0_to_1_and_follows_the_image(name, calibrated):
    image = torch.rand(3, 64, 96)

    with torch.no_grad():
        dark, bright = calibrated(name)(torch.stack([0.1 * image, image]))

    assert dark.min() > 0 and bright.max() < 1
    assert not torch.allclose(dark, bright, atol=1e-4)


@every_network
def test_an_image_does_not_see_its_batch_in_eval(name, calibrated):
    network = calibrated(name)
    images = torch.rand(3, 3, 64, 96)

    with torch.no_grad():
        alone, together = network(images[1:2]), network(images)[1:2]

    torch.testing.assert_close(alone, together, atol=1e-5, rtol=0)


@every_network
def test_deployed_network_predicts_the_same_disparity(name, calibrated):
    network = calibrated(name)
    image = torch.rand(2, 3, 64, 96)

    with torch.no_grad():
        expected, deployed = network(image), network.deploy()(image)

    torch.testing.assert_close(deployed, expected, atol=1e-5, rtol=0)


@every_network
def test_deployed_network_keeps_no_batch_norm_and_no_unused_weight(name, calibrated):
    deployed = calibrated(name).deploy().requires_grad_(True)

    deployed(torch.rand(1, 3, 64, 96)).mean().backward()

    assert not any(isinstance(module, nn.BatchNorm2d) for module in deployed.modules())
    assert [key for key, value in deployed.named_parameters() if value.grad is None] == []


@every_network
def test_deploying_leaves_the_network_as_it_was(name, calibrated):
    network = calibrated(name).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}

    network.deploy()

    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert before.keys() == network.state_dict().keys()
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


@every_network
def test_deployed_network_exports(name, calibrated):
    deployed = calibrated(name).deploy()
    image = torch.rand(1, 3, 64, 96)

    program = torch.export.export(deployed, (image,))

    # dynamic convolutions are exported as matrix products
    torch.testing.assert_close(program.module()(image), deployed(image), atol=1e-4, rtol=0)


@every_network
def test_state_dict_carries_the_whole_network(name, calibrated):
    network = calibrated(name)
    twin = create_network(name).eval()
    image = torch.rand(1, 3, 64, 96)

    twin.load_state_dict(network.state_dict())

    with torch.no_grad():
        assert torch.equal(twin(image), network(image))


@every_network
def test_the_same_seed_builds_the_same_network(name):
    torch.manual_seed(7)
    first = create_network(name).state_dict()
    torch.manual_seed(7)
    second = create_network(name).state_dict()

    assert all(torch.equal(value, second[key]) for key, value in first.items())


@every_network
def test_building_a_network_opens_no_connection(name, monkeypatch):
    def refuse(*_):
        raise AssertionError('a connection was attempted')

    monkeypatch.setattr(socket.socket, 'connect', refuse)

    create_network(name)


@every_network
def test_size_off_the_grid_names_the_nearest_legal_one(name):
    network = on_meta(name).eval()

    with pytest.raises(ValueError, match=r'190x650 .* multiple of 32.* 192x640'):
        network(torch.empty(1, 3, 190, 650, device='meta'))


def test_tiny_size_names_one_cell_rather_than_none():
    with pytest.raises(ValueError, match='nearest legal size is 32x32'):
        on_meta('small_depth').check_input_size(3, 20)


def test_legal_size_passes():
    on_meta('small_depth').check_input_size(32, 416)


@pytest.mark.parametrize('shape', [(1, 4, 64, 96), (3, 64, 96), (1, 1, 64, 96)], ids=str)
def test_image_without_three_channels_is_refused(shape):
    with pytest.raises(ValueError, match=r'expected \(B, 3, H, W\)'):
        on_meta('small_depth')(torch.empty(shape, device='meta'))


def test_integer_image_is_refused():
    image = torch.zeros(1, 3, 64, 96, dtype=torch.uint8)

    with pytest.raises(ValueError, match=r'dtype torch\.uint8; .* Divide a uint8 image by 255'):
        create_network('small_depth')(image)
