"""Sums of convolutions become one convolution, and mean the same."""

import pytest
import torch
from every_network import EVERY_NETWORK
from torch import Tensor, fx, nn

from mono_depth_ros.evaluation.cost import untrained_network
from mono_depth_ros.inference.backends.fusing import fuse
from mono_depth_ros.inference.backends.merging import merge

SIZE = (64, 64)


class Sum(nn.Module):
    """Two convolutions of one map, and the map itself if it is to be."""

    def __init__(self, first: nn.Module, second: nn.Module, with_map: bool = False) -> None:
        super().__init__()
        self.first, self.second, self.with_map = first, second, with_map

    def forward(self, x: Tensor) -> Tensor:
        total = self.first(x) + self.second(x)
        return x + total if self.with_map else total


def conv(*args, **options) -> nn.Conv2d:
    return nn.Conv2d(*args, **options).double()


def merged(module: nn.Module) -> fx.GraphModule:
    traced = fx.symbolic_trace(module)
    merge(traced)
    traced.recompile()
    return traced


def steps(module: fx.GraphModule) -> int:
    return sum(node.op.startswith('call') for node in module.graph.nodes)


def assert_same(module: nn.Module, found: nn.Module, channels: int = 6) -> None:
    x = torch.randn(2, channels, 20, 24, dtype=torch.float64)
    torch.testing.assert_close(found(x), module(x), atol=1e-12, rtol=0)


def test_near_and_far_context_and_the_map_are_one_depthwise_convolution():
    module = Sum(
        conv(6, 6, 5, padding=2, groups=6),
        conv(6, 6, 5, padding=4, dilation=2, groups=6),
        with_map=True,
    )

    found = merged(module)

    assert steps(found) == 1
    assert_same(module, found)


@pytest.mark.parametrize('stride', [1, 2])
def test_a_pointwise_and_a_wide_dense_convolution_are_one(stride):
    module = Sum(conv(6, 4, 1, stride=stride), conv(6, 4, 5, padding=2, stride=stride))

    found = merged(module)

    assert steps(found) == 1
    assert_same(module, found)


@pytest.mark.parametrize(
    'second',
    [
        conv(6, 6, 3, padding=1),
        conv(6, 6, 3, padding=1, groups=3, bias=False),
        conv(6, 6, 2, padding=1, dilation=2, groups=3),
        conv(6, 6, 3, padding=1, groups=3, padding_mode='reflect'),
    ],
    ids=['groups', 'no bias', 'no centre', 'padding'],
)
def test_what_is_no_one_convolution_stays(second):
    module = Sum(conv(6, 6, 3, padding=1, groups=3), second)

    assert steps(merged(module)) == 3


def test_dense_convolutions_whose_sum_would_multiply_more_stay():
    module = Sum(conv(6, 6, 3, padding=1), conv(6, 6, 3, padding=2, dilation=2))

    assert steps(merged(module)) == 3


def test_a_halved_map_is_not_added_to_its_whole():
    class Halved(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = conv(6, 6, 1, stride=2)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x) + x[..., ::2, ::2]

    found = merged(Halved())

    assert_same(Halved.forward.__get__(found), found)


def test_a_convolution_that_somebody_else_reads_stays():
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = conv(6, 6, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x)
            return torch.relu(x + y) * y

    module = Twice()

    assert_same(module, merged(module))


@pytest.mark.parametrize('groups', [1, 2])
def test_a_pointwise_convolution_adds_the_bias_before_it(groups):
    module = nn.Sequential(conv(6, 6, 3, padding=1, groups=6), conv(6, 4, 1, groups=groups))

    found = merged(module)

    convs = [
        found.get_submodule(str(node.target))
        for node in found.graph.nodes
        if node.op == 'call_module'
    ]
    assert [each.bias is None for each in convs] == [True, False]
    assert_same(module, found)
    assert module[0].bias is not None  # as it was


@pytest.mark.parametrize('name', EVERY_NETWORK)
def test_a_merged_network_means_the_same(name):
    network = untrained_network(name, SIZE).deploy().double()
    image = torch.rand(2, 3, *SIZE, dtype=torch.float64)

    plain, found = fuse(network), fuse(network, merges=True)

    torch.testing.assert_close(found(image), network(image), atol=1e-9, rtol=0)
    assert steps(found) <= steps(plain)


def test_small_depth_has_a_fifth_fewer_steps():
    network = untrained_network('small_depth', SIZE).deploy()

    assert steps(fuse(network, merges=True)) <= 0.8 * steps(fuse(network))
