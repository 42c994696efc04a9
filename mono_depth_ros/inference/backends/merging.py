"""The same network in fewer convolutions and sums: on a GPU every kernel costs its launch.

Convolutions of one map add up to one convolution, whose window holds theirs; the map itself, in
a sum, is a convolution with a 1 in its middle. And what a bias adds to the input of a pointwise
convolution can be added to its output.
"""

from __future__ import annotations

import operator
from copy import deepcopy
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, fx, nn

SUMS = {operator.add, operator.iadd, torch.add, 'add', 'add_'}
# How many times the multiplications of its parts a merged window may have: depthwise ones hardly
# use a GPU, dense ones do.
_MAX_DEPTHWISE, _MAX_DENSE = 2.0, 1.0


class _Term(NamedTuple):
    """A convolution in a sum, its dilation written out as zeros.

    Attributes:
        source: what it sees.
        stride: of its window.
        groups: of its channels.
        kernel: (O, I / groups, k, k), k odd, centred.
        bias: (O,).
        cost: weights that are not written-out zeros, per pair of channels.
    """

    source: fx.Node
    stride: int
    groups: int
    kernel: Tensor
    bias: Tensor
    cost: int


def merge(module: fx.GraphModule) -> None:
    """Merge what can be merged, in place; the module's own convolutions stay as they are.

    Args:
        module: traced from a deployed network, without identities.
    """
    for node in list(module.graph.nodes):
        if is_sum(node):
            _merge_sum(node, module)
    for node in list(module.graph.nodes):
        _hand_on_bias(node, module)
    module.graph.eliminate_dead_code()


def is_sum(node: fx.Node) -> bool:
    """Whether a node adds two maps."""
    return (
        node.op in ('call_function', 'call_method')
        and node.target in SUMS
        and not node.kwargs
        and len(node.args) == 2
        and all(isinstance(arg, fx.Node) for arg in node.args)
    )


def plain_conv(node: object, module: fx.GraphModule) -> nn.Conv2d | None:
    """Return the convolution that a node calls, if it is one with a bias and nothing special."""
    if not isinstance(node, fx.Node) or node.op != 'call_module':
        return None
    conv = module.get_submodule(str(node.target))
    if type(conv) is not nn.Conv2d or conv.bias is None or conv.padding_mode != 'zeros':
        return None
    return None if isinstance(conv.padding, str) else conv


def _merge_sum(node: fx.Node, module: fx.GraphModule) -> None:
    terms = [_term(arg, module) for arg in node.args]
    for place, term in enumerate(terms):
        if terms[1 - place] is None and term is not None and node.args[1 - place] is term.source:
            terms[1 - place] = _identity(term)
    first, second = terms
    if first is None or second is None or first[:3] != second[:3]:
        return
    conv = _sum_of(first, second)
    if conv is not None:
        _replace(node, conv, first.source, module)


def _term(node: object, module: fx.GraphModule) -> _Term | None:
    conv = plain_conv(node, module)
    if conv is None or not isinstance(node, fx.Node) or len(node.users) > 1:
        return None
    size, dilation, stride = conv.kernel_size[0], conv.dilation[0], conv.stride[0]
    padding = dilation * (size - 1) // 2
    is_centred = size % 2 == 1 and all(
        tuple(extents) == (extent, extent)
        for extents, extent in (
            (conv.kernel_size, size),
            (conv.dilation, dilation),
            (conv.stride, stride),
            (conv.padding, padding),
        )
    )
    source = node.args[0]
    if not is_centred or not isinstance(source, fx.Node):
        return None
    assert conv.bias is not None
    extent = dilation * (size - 1) + 1
    kernel = conv.weight.new_zeros((*conv.weight.shape[:2], extent, extent))
    kernel[..., ::dilation, ::dilation] = conv.weight.detach()
    return _Term(source, stride, conv.groups, kernel, conv.bias.detach(), size**2)


def _identity(term: _Term) -> _Term | None:
    """Return the convolution that leaves a term's map as it is; None where the term halves it."""
    out, per_group = term.kernel.shape[:2]
    if term.stride != 1 or out != per_group * term.groups:
        return None
    kernel = torch.zeros_like(term.kernel[..., :1, :1])
    channels = torch.arange(out)
    kernel[channels, channels % per_group] = 1
    return term._replace(kernel=kernel, bias=torch.zeros_like(term.bias), cost=0)


def _sum_of(first: _Term, second: _Term) -> nn.Conv2d | None:
    """Return two terms as one convolution; None if that multiplies too much."""
    if first.kernel.shape[:2] != second.kernel.shape[:2]:
        return None
    extent = max(first.kernel.shape[-1], second.kernel.shape[-1])
    most = _MAX_DENSE if first.kernel.shape[1] > 1 else _MAX_DEPTHWISE
    # A dilated window that stays alone multiplies its zeros from now on.
    if extent**2 > most * (first.cost + second.cost):
        return None
    kernel = sum(
        F.pad(term.kernel, [(extent - term.kernel.shape[-1]) // 2] * 4) for term in (first, second)
    )
    assert isinstance(kernel, Tensor)
    return _conv(kernel, first.bias + second.bias, first)


def _conv(kernel: Tensor, bias: Tensor, like: _Term) -> nn.Conv2d:
    out, per_group, extent = kernel.shape[:3]
    conv = nn.Conv2d(
        per_group * like.groups, out, extent, like.stride, extent // 2, groups=like.groups
    )
    conv.weight, conv.bias = (
        nn.Parameter(tensor, requires_grad=False) for tensor in (kernel.contiguous(), bias)
    )
    return conv


def _hand_on_bias(node: fx.Node, module: fx.GraphModule) -> None:
    """Let the pointwise convolution that alone reads a convolution add its bias, too."""
    conv, users = plain_conv(node, module), list(node.users)
    after = plain_conv(users[0], module) if len(users) == 1 else None
    if conv is None or after is None or after.kernel_size != (1, 1) or after.padding != (0, 0):
        return
    assert conv.bias is not None and after.bias is not None
    shared = conv.bias.detach().view(after.groups, -1, 1)
    weight = after.weight.detach().flatten(1).view(after.groups, -1, shared.shape[1])
    moved = after.bias.detach() + (weight @ shared).flatten()
    bare, taking = _copy(conv, None), _copy(after, moved)
    _replace(users[0], taking, node, module)
    _replace(node, bare, node.args[0], module)


def _copy(conv: nn.Conv2d, bias: Tensor | None) -> nn.Conv2d:
    """Return a convolution of the same weights with another bias, or none."""
    copy = deepcopy(conv)
    copy.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
    return copy


def _replace(node: fx.Node, conv: nn.Conv2d, source: object, module: fx.GraphModule) -> None:
    name = f'{node.name}_merged'
    module.add_submodule(name, conv)
    assert isinstance(source, fx.Node)
    with module.graph.inserting_before(node):
        node.replace_all_uses_with(module.graph.call_module(name, (source,)))
    module.graph.erase_node(node)
