from collections.abc import Callable

import pytest
import torch
from torch import nn

from mono_depth_ros.networks import DepthNetwork, create_network


@pytest.fixture
def calibrated() -> Callable[..., DepthNetwork]:
    """Networks in eval mode whose batch norms have seen random images, as trained ones have."""

    def build(name: str, **options) -> DepthNetwork:
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

    return build
