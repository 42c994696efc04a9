"""SSIM over 3x3 windows, its gradient in closed form: as few walks through memory as may be.

Autograd would keep an image for every operation. Statistics are sums over the nine pixels instead
of means, which a factor of 81 in both constants makes up for.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

_C1, _C2 = 81 * 0.01**2, 81 * 0.03**2


class WindowStatistics(NamedTuple):
    """What SSIM asks of one of two images, each (N, C, H, W).

    Attributes:
        sum: over every pixel's window, the image mirrored at its border.
        brightness: sum^2 + 81 C1.
        contrast: 81 (variance + C2).
    """

    sum: Tensor
    brightness: Tensor
    contrast: Tensor


def window_statistics(image: Tensor) -> WindowStatistics:
    """Work out the statistics of an image (N, C, H, W), H and W at least 2, without gradient."""
    image = image.detach()
    total = window_sum(image)
    square = total.square()
    contrast = window_sum(image.square()).mul_(9).sub_(square).add_(_C2)
    return WindowStatistics(total, square.add_(_C1), contrast)


def structural_dissimilarity(image: Tensor, target: Tensor, of_target: WindowStatistics) -> Tensor:
    """Return (1 - SSIM) / 2 (N, 1, H, W) in 0 to 1, the channels' mean.

    SSIM: Wang et al. 2004, Eq. 13. The gradient reaches image and target, the statistics counted
    to the latter.

    Args:
        image: (N, C, H, W) in [0, 1].
        target: (N, C, H, W) in [0, 1].
        of_target: its window_statistics.
    """
    found: Tensor = _Dissimilarity.apply(image, target, *of_target)
    return found


class _Dissimilarity(torch.autograd.Function):
    """SSIM = a b / (c d): it depends on the image x by its window sums of x, of x^2 and of x y."""

    @staticmethod
    def forward(
        ctx: Any,
        image: Tensor,
        target: Tensor,
        target_sum: Tensor,
        target_brightness: Tensor,
        target_contrast: Tensor,
    ) -> Tensor:
        total = window_sum(image)
        a = (total * target_sum).mul_(2).add_(_C1)
        b = window_sum(image * target).mul_(18).sub_(a).add_(_C1 + _C2)
        c = torch.addcmul(target_brightness, total, total)
        d = torch.addcmul(target_contrast, total, total, value=-1)
        d.add_(window_sum(image.square()), alpha=9)
        similarity = (a * b).div_(c * d)
        ctx.save_for_backward(image, target, total, target_sum, a, b, c, d, similarity)
        return similarity.mean(1, keepdim=True).mul_(-0.5).add_(0.5).clamp_(0, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        image, target, total, target_sum, *parts = ctx.saved_tensors
        of_image = _gradient(gradients[0], image, target, total, target_sum, *parts)
        if not ctx.needs_input_grad[1]:
            return of_image, None, None, None, None
        of_target = _gradient(gradients[0], target, image, target_sum, total, *parts)
        return of_image, of_target, None, None, None


def _gradient(
    gradient: Tensor,
    image: Tensor,
    other: Tensor,
    total: Tensor,
    other_total: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    d: Tensor,
    similarity: Tensor,
) -> Tensor:
    """Return the gradient of one of two images: SSIM is the same for both orders."""
    weight = (gradient / image.shape[1]) / (c * d)
    by_product = weight * a
    by_sum = (a - b).mul_(weight).mul_(other_total)
    weight.mul_(similarity)
    by_square = weight * c
    by_sum.add_((d - c).mul_(weight).mul_(total))
    result = _spread(by_sum)
    result.addcmul_(_spread(by_square), image, value=9)
    return result.addcmul_(_spread(by_product), other, value=-9)


def window_sum(image: Tensor) -> Tensor:
    """Return the sums over 3x3 windows of (*, H, W), the image mirrored at its border."""
    for axis in (-2, -1):
        sums, last = _neighbours(image, axis), image.shape[axis] - 1
        for border, inside in ((0, 1), (last, last - 1)):
            torch.mul(image.narrow(axis, inside, 1), 2, out=sums.narrow(axis, border, 1))
        image = sums.add_(image)
    return image


def _spread(gradient: Tensor) -> Tensor:
    """Return the gradient of window_sum: every window's share to its nine pixels."""
    for axis in (-1, -2):
        sums, last = _neighbours(gradient, axis), gradient.shape[axis] - 1
        for border, inside in ((0, 1), (last, last - 1)):
            sums.narrow(axis, border, 1).copy_(gradient.narrow(axis, inside, 1))
        sums.add_(gradient)
        for border, inside in ((0, 1), (last, last - 1)):  # what the mirrored border got
            sums.narrow(axis, inside, 1).add_(gradient.narrow(axis, border, 1))
        gradient = sums
    return gradient


def _neighbours(image: Tensor, axis: int) -> Tensor:
    """Return the sums of both neighbours along an axis; the two borders are left to the caller."""
    inside = image.shape[axis] - 2
    sums = torch.empty_like(image)
    torch.add(
        image.narrow(axis, 0, inside),
        image.narrow(axis, 2, inside),
        out=sums.narrow(axis, 1, inside),
    )
    return sums
