"""Bias, sum and ReLU inside the convolution before them: on a GPU every kernel costs its launch.

PyTorch adds a convolution's bias in a kernel of its own, and the sum and the ReLU after it in
two more; cuDNN does all of it in one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, fx, nn

from mono_depth_ros.inference.backends.merging import is_sum, merge, plain_conv
from mono_depth_ros.inference.backends.precision import FullPrecision
from mono_depth_ros.networks.layers.dynamic_conv import ODConv2d

_RELU = {torch.relu, torch.relu_, nn.functional.relu, nn.functional.relu_, 'relu', 'relu_'}
_LEAVES = (FullPrecision, ODConv2d, Conv2dSame)  # their Python depends on shapes
_PROBES = 20
_SLOWEST = 1.5
# Of the largest value: rounding, but nothing that is wrong.
_MAX_DIFFERENCE = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2}


class FusedConv(nn.Module):
    """A convolution, then a sum with another tensor if there is one, then ReLU.

    The first call finds out whether cuDNN has a fused kernel for its shapes that is right and
    not slow; where not, the three run one after the other.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        self.is_fused: bool | None = None

    def forward(self, x: Tensor, summand: Tensor | None = None) -> Tensor:
        """Return relu(conv(x) + summand)."""
        if self.is_fused is None:
            self.is_fused = self._is_worth_it(x, summand)
        return self._fused(x, summand) if self.is_fused else self._apart(x, summand)

    def _apart(self, x: Tensor, summand: Tensor | None) -> Tensor:
        convolved: Tensor = self.conv(x)
        return torch.relu(convolved if summand is None else convolved + summand)

    def _fused(self, x: Tensor, summand: Tensor | None) -> Tensor:
        conv, dtype = self.conv, self.conv.weight.dtype
        assert not isinstance(conv.padding, str)
        geometry = conv.stride, conv.padding, conv.dilation, conv.groups
        if summand is None:
            return torch.cudnn_convolution_relu(x.to(dtype), conv.weight, conv.bias, *geometry)
        return torch.cudnn_convolution_add_relu(
            x.to(dtype), conv.weight, summand.to(dtype), 1.0, conv.bias, *geometry
        )

    def _is_worth_it(self, x: Tensor, summand: Tensor | None) -> bool:
        expected = self._apart(x, summand)
        if not x.is_cuda or (summand is not None and summand.shape != expected.shape):
            return False
        try:
            found = self._fused(x, summand)
        except RuntimeError:  # cuDNN has no such kernel
            return False
        largest = (found - expected).abs().max() / expected.abs().max().clamp(min=1e-6)
        if not float(largest) <= _MAX_DIFFERENCE[self.conv.weight.dtype]:
            return False
        return _duration(self._fused, x, summand) <= _SLOWEST * _duration(self._apart, x, summand)


def _duration(
    run: Callable[[Tensor, Tensor | None], Tensor], x: Tensor, summand: Tensor | None
) -> float:
    """Return the time of some runs on the GPU [ms]."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    run(x, summand)
    start.record()
    for _ in range(_PROBES):
        run(x, summand)
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end))


class _Finest(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network: Any = network

    def forward(self, image: Tensor) -> Tensor:
        """Return (B, 1, H, W) disparity, without the checks of the image's shape."""
        disparity: Tensor = self.network.decode(self.network.encode(image)).disparities[0]
        return disparity


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, _LEAVES) or super().is_leaf_module(m, module_qualified_name)


def fuse(network: nn.Module, *, merges: bool = False) -> nn.Module:
    """Return a module of the same weights with what can be fused in FusedConv.

    Args:
        network: deployed.
        merges: sum up convolutions first, see merging.

    Raises:
        RuntimeError: torch.fx cannot follow the network (fx.proxy.TraceError, TypeError too).
    """
    finest = _Finest(network).eval()
    graph = _Tracer().trace(finest)
    module = fx.GraphModule(finest, graph)
    _skip_identities(module)
    if merges:
        merge(module)
    for node in list(graph.nodes):
        if _is_relu(node, module):
            _fuse_before(node, module)
    graph.eliminate_dead_code()
    graph.lint()
    module.recompile()
    return module


def _skip_identities(module: fx.GraphModule) -> None:
    """Take out what folding a batch norm leaves in its place."""
    for node in list(module.graph.nodes):
        if node.op == 'call_module' and isinstance(
            module.get_submodule(str(node.target)), nn.Identity
        ):
            node.replace_all_uses_with(node.args[0])
            module.graph.erase_node(node)


def _is_relu(node: fx.Node, module: fx.GraphModule) -> bool:
    if node.op == 'call_module':
        return isinstance(module.get_submodule(str(node.target)), nn.ReLU)
    return node.target in _RELU


def _fuse_before(relu: fx.Node, module: fx.GraphModule) -> None:
    """Replace a ReLU, and the sum and the convolution that it alone reads, by one FusedConv."""
    source = relu.args[0]
    if not isinstance(source, fx.Node) or len(source.users) > 1:
        return
    conv, summand = source, None
    if is_sum(source):
        pair = [arg for arg in source.args if isinstance(arg, fx.Node)]
        found = [arg for arg in pair if plain_conv(arg, module) and len(arg.users) == 1]
        if not found:
            return
        conv = found[0]
        summand = pair[1] if pair[0] is conv else pair[0]
    fused = plain_conv(conv, module)
    if fused is None:
        return
    name = str(conv.target).replace('.', '_') + '_fused'
    module.add_submodule(name, FusedConv(fused))
    with module.graph.inserting_before(relu):
        arguments = (conv.args[0],) if summand is None else (conv.args[0], summand)
        relu.replace_all_uses_with(module.graph.call_module(name, arguments))
    for node in (relu, source, conv):
        if not node.users and node in module.graph.nodes:
            module.graph.erase_node(node)
