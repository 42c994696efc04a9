from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from every_network import EVERY_NETWORK
from torch import nn

from mono_depth_ros.networks import DepthNetwork, create_network


def build_calibrated(name: str, **options) -> DepthNetwork:
    """Return a network in eval mode whose batch norms have seen images, as trained ones have."""
    torch.manual_seed(0)
    network = create_network(name, **options)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # average over all batches
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(4, 3, 64, 96))
    return network.eval()


@pytest.fixture
def calibrated() -> Callable[..., DepthNetwork]:
    return build_calibrated


@pytest.fixture(scope='module', params=EVERY_NETWORK)
def name(request) -> str:
    """Every network's name in turn; all tests of one network come together, and share it."""
    return request.param


@pytest.fixture(scope='module')
def shapes_only(name) -> DepthNetwork:
    """The network in train mode, without values."""
    with torch.device('meta'):
        return create_network(name)


@pytest.fixture(scope='module')
def built_once(name) -> DepthNetwork:
    return build_calibrated(name)


@pytest.fixture(scope='module')
def in_training(built_once) -> DepthNetwork:
    """The network in train mode, for its outputs; what it learns about batches is nobody's."""
    return deepcopy(built_once).train()


@pytest.fixture
def network(built_once) -> DepthNetwork:
    """A calibrated network that the test may change."""
    return deepcopy(built_once)


@pytest.fixture(scope='module')
def deployed(built_once) -> DepthNetwork:
    return built_once.deploy()
