"""Move the batch norms of a network into its convolutions."""

from collections.abc import Iterator

from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mono_depth_ros.networks.layers.dynamic_conv import AttendedConv2d


def fold_batch_norm(network: nn.Module) -> None:
    """Fold every batch norm that alone follows a convolution into it, in place.

    Args:
        network: has `encode` and `decode`, in eval mode. Its output stays the same to
            rounding; an activation that timm keeps inside the batch norm stays in its place.
    """
    for conv_name, norm_name in list(_foldable_pairs(network)):
        norm = network.get_submodule(norm_name)
        assert isinstance(norm, nn.BatchNorm2d)
        replace_module(network, conv_name, _fused(network.get_submodule(conv_name), norm))
        after = norm.act if isinstance(norm, BatchNormAct2d) else nn.Identity()
        replace_module(network, norm_name, after)


class _Pipeline(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        finest: Tensor = self.network.decode(self.network.encode(image)).disparities[0]  # type: ignore[operator]
        return finest


class _Tracer(fx.Tracer):
    """Look inside modules that hold a batch norm, and no further."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        norms = (child for child in m.modules() if isinstance(child, nn.BatchNorm2d))
        return isinstance(m, nn.BatchNorm2d) or next(norms, None) is None


def _foldable_pairs(network: nn.Module) -> Iterator[tuple[str, str]]:
    pipeline = _Pipeline(network)
    modules = dict(pipeline.named_modules())
    for node in _Tracer().trace(pipeline).nodes:
        before = node.args[0] if node.args else None
        if node.op != 'call_module' or not isinstance(before, fx.Node):
            continue
        follows_conv = before.op == 'call_module' and isinstance(
            modules[str(before.target)], (nn.Conv2d, AttendedConv2d)
        )
        if (
            isinstance(modules[str(node.target)], nn.BatchNorm2d)
            and follows_conv
            and len(before.users) == 1
        ):
            yield (
                str(before.target).removeprefix('network.'),
                str(node.target).removeprefix('network.'),
            )


def _fused(conv: nn.Module, norm: nn.BatchNorm2d) -> nn.Module:
    if isinstance(conv, AttendedConv2d):
        return conv.with_batch_norm(norm)
    assert isinstance(conv, nn.Conv2d)
    return fuse_conv_bn_eval(conv, norm)


def replace_module(network: nn.Module, name: str, module: nn.Module) -> None:
    """Put a module in the place of the network's submodule of a (dotted) name."""
    parent, _, child = name.rpartition('.')
    setattr(network.get_submodule(parent), child, module)
