import socket

import pytest
import torch
import torchvision
from torch import nn
from torch.nn.functional import conv2d

from mono_depth_ros.networks.complexity import count_parameters
from mono_depth_ros.networks.encoders import Encoder
from mono_depth_ros.networks.pose import PoseNetwork, create_pose_network, list_pose_networks

every_network = pytest.mark.parametrize('name', list_pose_networks())


class AsItIs(nn.Module):
    def forward(self, x):
        return [x]


def test_list_is_sorted_and_holds_both_papers():
    assert list_pose_networks() == ['fbnetv3_b', 'resnet18_pair']


def test_unknown_name_gets_the_nearest_and_the_list():
    with pytest.raises(
        ValueError, match=r"'resnet18'\. Did you mean 'resnet18_pair'\? Available: fbnetv3_b, res"
    ):
        create_pose_network('resnet18')


def test_motion_is_a_hundredth_of_the_mean_of_the_normalised_stack():
    network = PoseNetwork(Encoder(AsItIs(), (6,), mean=0.5, std=0.25), nn.Identity())
    first = torch.full((1, 3, 64, 64), 0.5)
    first[:, 1, :32] = 1.0  # 2 once normalised, over half of the image
    second = torch.full((1, 3, 64, 64), 0.75)

    motion = network(first, second)

    torch.testing.assert_close(motion, torch.tensor([[0.0, 0.01, 0.0, 0.01, 0.01, 0.01]]))


def test_resnet18_pair_is_monodepth2s():
    torch.manual_seed(0)
    network = create_pose_network('resnet18_pair').eval()
    first, second = torch.rand(2, 2, 3, 64, 96)
    resnet = torchvision.models.resnet18(weights=None).eval()
    resnet.conv1 = nn.Conv2d(6, 64, 7, 2, 3, bias=False)
    resnet.fc = resnet.avgpool = nn.Identity()
    resnet.load_state_dict(network.encoder.trunk.state_dict())
    head = [network.head[i] for i in (0, 2, 4, 6)]

    with torch.no_grad():
        x = resnet((torch.cat([first, second], 1) - 0.45) / 0.225).view(2, 512, 2, 3)
        x = conv2d(x, head[0].weight, head[0].bias).relu()
        x = conv2d(x, head[1].weight, head[1].bias, padding=1).relu()
        x = conv2d(x, head[2].weight, head[2].bias, padding=1).relu()
        x = conv2d(x, head[3].weight, head[3].bias)

        torch.testing.assert_close(network(first, second), 0.01 * x.mean((2, 3)))


@pytest.mark.parametrize(
    ('name', 'parameters'),
    # 11.18 M of ResNet18 with its wider stem, 1.31 M of head; 3.95 M of FBNetV3-B without its own
    [('resnet18_pair', 12_498_950), ('fbnetv3_b', 3_955_470)],
)
def test_parameters(name, parameters):
    assert count_parameters(create_pose_network(name)) == parameters


@every_network
@pytest.mark.parametrize('size', [(64, 64), (65, 97), (192, 640)], ids=str)
def test_any_size_from_64_gives_one_motion_per_pair(name, size):
    with torch.device('meta'):
        network = create_pose_network(name)
        images = torch.empty(2, 3, *size)

    assert network(images, images).shape == (2, 6)


@every_network
def test_fresh_weights_predict_next_to_no_motion(name):
    torch.manual_seed(0)

    motion = create_pose_network(name)(*torch.rand(2, 2, 3, 64, 96))

    assert 0 < motion.abs().max() < 0.02


@every_network
def test_order_of_the_images_matters(name):
    torch.manual_seed(0)
    network = create_pose_network(name).eval()
    first, second = torch.rand(2, 1, 3, 64, 96)

    forwards, backwards = network(first, second), network(second, first)

    assert not torch.equal(forwards, backwards)


@every_network
def test_every_parameter_gets_a_gradient(name):
    torch.manual_seed(0)
    network = create_pose_network(name)

    network(*torch.rand(2, 2, 3, 64, 96)).square().sum().backward()

    without = [key for key, value in network.named_parameters() if value.grad is None]
    assert without == []


@every_network
def test_building_a_pose_network_opens_no_connection(name, monkeypatch):
    def refuse(*_):
        raise AssertionError('a connection was attempted')

    monkeypatch.setattr(socket.socket, 'connect', refuse)

    create_pose_network(name)


@pytest.mark.parametrize(
    ('first', 'second', 'complaint'),
    [
        ((1, 3, 64, 64), (1, 3, 64, 96), r'\(1, 3, 64, 64\) and \(1, 3, 64, 96\).*Resize'),
        ((1, 4, 64, 64), (1, 4, 64, 64), r'expected \(B, 3, H, W\).*alpha'),
        ((3, 64, 64), (3, 64, 64), r'expected \(B, 3, H, W\).*batch axis'),
        ((1, 3, 32, 64), (1, 3, 32, 64), r'32x64 .*at least 64 each way\. Train at a larger'),
    ],
)
def test_images_of_another_shape_are_refused(first, second, complaint):
    with torch.device('meta'):
        network = create_pose_network('fbnetv3_b')

    with pytest.raises(ValueError, match=complaint):
        network(torch.empty(first, device='meta'), torch.empty(second, device='meta'))
