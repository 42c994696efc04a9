"""Omni-dimensional dynamic convolution: every image weighs its own kernels (Li et al. 2022).

A bank of kernels is weighed along four dimensions, by what the input shows on average, and
summed to the one kernel that this input is convolved with (Eq. 4 of OE-Depth).
"""

from collections.abc import Mapping
from copy import deepcopy

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


class ODConv2d(nn.Module):
    """Convolution without bias whose kernel each input of the batch weighs for itself.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel_size: height and width of the kernels.
        stride: distance of two outputs [px].
        padding: width of the border of zeros [px].
        kernels: how many kernels the bank holds.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        kernels: int = 4,
    ) -> None:
        super().__init__()
        if kernels < 1:
            raise ValueError(
                f'Number of kernels is {kernels}; expected at least 1, for example 4.'
            )
        self.attention = KernelAttention(in_channels, out_channels, kernel_size, kernels)
        self.convolution = AttendedConv2d(
            in_channels, out_channels, kernel_size, stride, padding, kernels
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, H', W')."""
        convolved: Tensor = self.convolution(x, *self.attention(x))
        return convolved


class KernelAttention(nn.Module):
    """Weigh a bank of kernels: each as a whole, and all by tap, input and output channel.

    Where there is one kernel or one tap, nothing is weighed against anything and the public
    code has no weights for it; no more have we.

    Attributes:
        temperature: divides all logits. The higher it is, the less one kernel differs from
            another. It is part of the state dict, because weights fit one temperature.
    """

    MIN_HIDDEN, REDUCTION = 16, 16

    temperature: Tensor

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, kernels: int
    ) -> None:
        super().__init__()
        hidden = max(in_channels // self.REDUCTION, self.MIN_HIDDEN)
        self.squeeze = nn.Conv2d(in_channels, hidden, 1, bias=False)
        self.norm = PooledBatchNorm2d(hidden)
        self.input = nn.Conv2d(hidden, in_channels, 1)
        self.output = nn.Conv2d(hidden, out_channels, 1)
        self.tap = nn.Conv2d(hidden, kernel_size**2, 1) if kernel_size > 1 else None
        self.kernel = nn.Conv2d(hidden, kernels, 1) if kernels > 1 else None
        self.register_buffer('temperature', torch.ones(()))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return what a (B, in_channels, H, W) input makes of the bank.

        Returns:
            (B, kernels) shares that sum to 1, and the (B, out_channels, in_channels, taps)
            product of the other attentions, each in (0, 1); taps is 1 for a single one.
        """
        hidden = self.norm(self.squeeze(x.mean((2, 3), keepdim=True))).relu()
        inputs, outputs = self.input(hidden), self.output(hidden)
        gate = self._gate(outputs) * self._gate(inputs).transpose(1, 2)
        if self.tap is not None:
            gate = gate * self._gate(self.tap(hidden)).transpose(1, 3)
        if self.kernel is None:
            return torch.ones_like(hidden[:, :1, 0, 0]), gate
        return (self.kernel(hidden) / self.temperature).softmax(1).flatten(1), gate

    def _gate(self, logits: Tensor) -> Tensor:
        return torch.sigmoid(logits / self.temperature)


class PooledBatchNorm2d(nn.BatchNorm2d):
    """Batch norm of (B, C, 1, 1), where a batch of one has no spread to divide by.

    Such a batch is normalised by the running statistics, in training too, and leaves them as
    they are.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return (B, C, 1, 1)."""
        if self.training and input.shape[0] > 1:
            return super().forward(input)
        return F.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )


class AttendedConv2d(nn.Module):
    """A bank of kernels that is told its weights.

    Attributes:
        weight: (kernels, out_channels, in_channels * taps), the bank.
        bias: none until a batch norm is folded in.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int,
        padding: int,
        kernels: int,
    ) -> None:
        super().__init__()
        self.geometry = kernel_size, stride, padding
        taps = kernel_size**2
        self.weight = nn.Parameter(torch.empty(kernels, out_channels, in_channels * taps))
        self.bias: nn.Parameter | None = None
        # as timm starts the plain convolutions of HRNet
        nn.init.normal_(self.weight, std=(2 / (out_channels * taps)) ** 0.5)

    def forward(self, x: Tensor, shares: Tensor, gate: Tensor) -> Tensor:
        """Convolve every input with its own sum of kernels; exported, for any batch size.

        Args:
            x: (B, in_channels, H, W).
            shares: (B, kernels) weight of each kernel.
            gate: (B, out_channels, in_channels, taps or 1) factor of each of its values.

        Returns:
            (B, out_channels, H', W').
        """
        mixed = (shares @ self.weight.flatten(1)).reshape(*gate.shape[:3], -1)
        convolve = convolve_unfolded if _is_exporting() else convolve_grouped
        convolved = convolve(x, mixed * gate, *self.geometry)
        return convolved if self.bias is None else convolved + self.bias[:, None, None]

    def with_batch_norm(self, norm: nn.BatchNorm2d) -> 'AttendedConv2d':
        """Return a copy that contains the batch norm, in eval mode, which follows it."""
        assert norm.running_mean is not None and norm.running_var is not None
        fused = deepcopy(self)
        weight, fused.bias = fuse_conv_bn_weights(
            self.weight.transpose(0, 1),  # output channels first
            None,
            norm.running_mean,
            norm.running_var,
            norm.eps,
            norm.weight,
            norm.bias,
        )
        fused.weight = nn.Parameter(weight.transpose(0, 1).contiguous())
        return fused


def convolve_grouped(
    x: Tensor, kernels: Tensor, kernel_size: int, stride: int, padding: int
) -> Tensor:
    """Convolve every input with its own kernel, as one convolution with a group per input.

    It is the faster way, but an export would hold for one batch size only.

    Args:
        x: (B, in_channels, H, W).
        kernels: (B, out_channels, in_channels, taps).
        kernel_size: height and width of a kernel.
        stride: distance of two outputs [px].
        padding: width of the border of zeros [px].

    Returns:
        (B, out_channels, H', W').
    """
    batch = x.shape[0]
    square = kernels.reshape(-1, kernels.shape[2], kernel_size, kernel_size)
    convolved = F.conv2d(
        x.reshape(1, -1, *x.shape[2:]), square, None, stride, padding, groups=batch
    )
    return convolved.view(batch, -1, *convolved.shape[2:])


def convolve_unfolded(
    x: Tensor, kernels: Tensor, kernel_size: int, stride: int, padding: int
) -> Tensor:
    """Return what `convolve_grouped` does, as a matrix product per input, for any batch size."""
    height, width = ((size + 2 * padding - kernel_size) // stride + 1 for size in x.shape[2:])
    patches = F.unfold(x, kernel_size, padding=padding, stride=stride)
    return (kernels.flatten(2) @ patches).view(*kernels.shape[:2], height, width)


def _is_exporting() -> bool:
    is_traced: bool = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    return is_traced or torch.compiler.is_compiling()


def spread_over_kernels(module: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give every kernel of a bank the weights of the plain convolution whose place it took.

    Args:
        module: holds `ODConv2d` in some places.
        state: a state dict of the module as it was before, by the same names.

    Returns:
        The state with banks instead of weights, and the attention that the module has now.
    """
    spread = dict(state)
    for name, conv in module.named_modules():
        if isinstance(conv, ODConv2d) and f'{name}.weight' in spread:
            plain = spread.pop(f'{name}.weight').flatten(1)
            spread |= {f'{name}.{key}': value for key, value in conv.state_dict().items()}
            kernels = conv.convolution.weight.shape[0]
            spread[f'{name}.convolution.weight'] = plain.repeat(kernels, 1, 1)
    return spread
