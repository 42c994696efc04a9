"""The equivalent transformation module: kernels of several shapes in one (FA-Depth, III-B).

While training, every kernel wider than 1x1 is a sum of branches: narrower kernels of several
shapes, padded with zeros, and the identity. They are summed before the convolution (Eq. 16), so
that training, too, pays for one convolution; afterwards the sum is all that is kept (Eq. 18).
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from math import sqrt
from typing import TypeVar

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.func import functional_call

from mono_depth_ros.networks.layers.blocks import ElementDrop, GrowingDrop
from mono_depth_ros.networks.layers.fold_bn import replace_module

Network = TypeVar('Network', bound=nn.Module)


class EquivalentConv(nn.Module):
    """A convolution whose kernel is the scaled sum of its own weights and narrower ones.

    The convolution's own weights are the widest branch and never dropped; the others are dropped
    as a whole and weight by weight while training. Every branch has a learned scale per output
    channel. Where input and output have the same channels and resolution, a scaled identity is
    added, from zero on.

    Args:
        conv: has an odd, square kernel wider than 1x1.
        branch_drop: highest rate at which a branch is dropped.
        element_drop: rate at which single weights are dropped ("dropconv", Eq. 14).
        shared_init: start all branches from the convolution's own weights, so that their sum is
            the kernel that was there ("ETM#"); else the narrower ones start at random, with the
            variance that keeps that of the output.
    """

    def __init__(
        self, conv: nn.Conv2d, branch_drop: float, element_drop: float, *, shared_init: bool
    ) -> None:
        super().__init__()
        self.conv = conv
        weight = conv.weight
        self.branches = nn.ParameterList(
            weight.new_empty(*weight.shape[:2], *shape) for shape in _narrower(weight.shape[-1])
        )
        self.scales = nn.Parameter(weight.new_ones(1 + len(self.branches), len(weight)))
        self.identity_scale = nn.Parameter(weight.new_zeros(len(weight))) if _keeps(conv) else None
        self.branch_drop = GrowingDrop(branch_drop)
        self.element_drop = ElementDrop(element_drop)
        if shared_init:
            self.share_out(conv)
        else:
            self._start_apart()

    def forward(self, x: Tensor) -> Tensor:
        """Return what the convolution with the branches' common kernel gives."""
        convolved: Tensor = functional_call(self.conv, {'weight': self.kernel()}, (x,))
        return convolved

    def kernel(self) -> Tensor:
        """Return the one kernel that is equivalent to all branches (Eqs. 16 and 18)."""
        scales = self.scales[..., None, None, None]
        kernel = scales[0] * self.conv.weight
        for scale, weight in zip(scales[1:], self.branches):
            dropped = self.branch_drop(self.element_drop(weight)[None])[0]
            kernel = kernel + _padded(scale * dropped, like=kernel)
        if self.identity_scale is None:
            return kernel
        groups = self.identity_scale.view(self.conv.groups, -1)
        identity = torch.diag_embed(groups).view(*kernel.shape[:2], 1, 1)
        return kernel + _padded(identity, like=kernel)

    @torch.no_grad()
    def share_out(self, conv: nn.Module) -> None:
        """Become equivalent to a convolution of the same shape.

        Every branch gets its part of that kernel, over the number of branches that have the
        same part, and scales start over; the bias is taken as it is.
        """
        branches = [self.conv.weight, *self.branches]
        kernel = conv.get_parameter('weight')
        shares = kernel / sum(_padded(torch.ones_like(b), like=kernel) for b in branches)
        for branch in branches:
            branch.copy_(_centre(shares, like=branch))
        if self.conv.bias is not None:
            self.conv.bias.copy_(conv.get_parameter('bias'))
        self.scales.fill_(1.0)
        if self.identity_scale is not None:
            self.identity_scale.zero_()

    @torch.no_grad()
    def _start_apart(self) -> None:
        weight = self.conv.weight
        weight /= sqrt(1 + len(self.branches))
        std = weight.std()
        for branch in self.branches:
            taps = branch.shape[2] * branch.shape[3]
            branch.copy_(torch.randn_like(branch) * std * sqrt(weight[0, 0].numel() / taps))


def add_branches(
    network: nn.Module, branch_drop: float, element_drop: float, *, shared_init: bool
) -> None:
    """Make every convolution with an odd, square kernel wider than 1x1 equivalent, in place.

    Args:
        network: any; depthwise and dilated convolutions and those of timm are taken as well.
        branch_drop: see `EquivalentConv`.
        element_drop: see `EquivalentConv`.
        shared_init: see `EquivalentConv`.
    """
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.Conv2d) and _is_transformed(module):
            equivalent = EquivalentConv(module, branch_drop, element_drop, shared_init=shared_init)
            replace_module(network, name, equivalent)


def merge_branches(network: nn.Module) -> None:
    """Put a plain convolution in the place of every equivalent one, in place; in eval mode."""
    for name, module in _equivalent(network):
        with torch.no_grad():
            module.conv.weight.copy_(module.kernel())
        replace_module(network, name, module.conv)


def without_branches(network: Network) -> Network:
    """Return a copy in eval mode whose convolutions are plain, with the same output."""
    plain = deepcopy(network).eval()
    merge_branches(plain)
    return plain


def load_plain_weights(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load a state dict that knows of no branches; kernels are shared out among them.

    Args:
        network: with equivalent convolutions, or none.
        state: what `without_branches(network).state_dict()` has, by the same names.
    """
    plain = without_branches(network)
    plain.load_state_dict(state)
    for name, module in _equivalent(network):
        module.share_out(plain.get_submodule(name))
        replace_module(plain, name, module)
    network.load_state_dict(plain.state_dict())


def _equivalent(network: nn.Module) -> Iterator[tuple[str, EquivalentConv]]:
    for name, module in list(network.named_modules()):
        if isinstance(module, EquivalentConv):
            yield name, module


def _is_transformed(conv: nn.Conv2d) -> bool:
    height, width = conv.kernel_size
    return height == width and height > 1 and height % 2 == 1


def _keeps(conv: nn.Conv2d) -> bool:
    return conv.in_channels == conv.out_channels and conv.stride == (1, 1)


def _narrower(size: int) -> list[tuple[int, int]]:
    """List the shapes beside size x size: a row, a column and every smaller odd square."""
    return [(1, size), (size, 1), *((side, side) for side in range(1, size, 2))]


def _padded(weight: Tensor, like: Tensor) -> Tensor:
    """Surround a kernel with zeros, up to the height and width of another."""
    y, x = _margins(like, weight)
    return F.pad(weight, (x, x, y, y))


def _centre(weight: Tensor, like: Tensor) -> Tensor:
    """Cut a kernel's centre out, of the height and width of another."""
    y, x = _margins(weight, like)
    return weight[..., y : y + like.shape[-2], x : x + like.shape[-1]]


def _margins(outer: Tensor, inner: Tensor) -> tuple[int, int]:
    return (outer.shape[-2] - inner.shape[-2]) // 2, (outer.shape[-1] - inner.shape[-1]) // 2
