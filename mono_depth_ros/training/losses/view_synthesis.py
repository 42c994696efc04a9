"""See a source image from the target's position, by the target's depth and the camera's motion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from mono_depth_ros.geometry.camera import NEAREST
from mono_depth_ros.geometry.ego_motion import invert_transform, transform_from_parameters
from mono_depth_ros.networks.pose import PoseNetwork


def warp_to_target(source: Tensor, depth: Tensor, K: Tensor, source_from_target: Tensor) -> Tensor:
    """Sample a source image where the target's pixels land in it.

    p_s ~ K T D(p_t) K^-1 p_t (Zhou et al. 2017, Eq. 2), bilinear, the border repeated outside.

    Args:
        source: (N, C, H, W) images.
        depth: (N, H, W) depth of the target's pixels.
        K: (N, 3, 3) intrinsics of target and source [px].
        source_from_target: (N, 4, 4) motion, in the unit of depth.

    Returns:
        (N, C, H, W) warped source; with the identity as motion, the source itself.
    """
    with full_precision(source):
        # -1 and 1 are the centres of the first and the last pixel: align_corners must be True.
        return F.grid_sample(
            source,
            _landing(depth, K, source_from_target),
            padding_mode='border',
            align_corners=True,
        )


def _landing(depth: Tensor, K: Tensor, motion: Tensor) -> Tensor:
    """Return where pixels land, (N, H, W, 2) in -1 to 1 across the source.

    Projection, motion and backprojection are one matrix per source, (N, 3, 3), so that a pixel
    costs a few multiplications: the loss is taken at several levels of every batch.
    """
    height, width = depth.shape[-2:]
    across = K.new_tensor([[2 / (width - 1), 0, -1], [0, 2 / (height - 1), -1], [0, 0, 1]])
    to_grid, rigid = across.double() @ K.double(), motion.double()
    turned = (to_grid @ rigid[:, :3, :3] @ torch.linalg.inv(K.double())).to(depth.dtype)
    moved = (to_grid @ rigid[:, :3, 3:])[..., 0].to(depth.dtype)
    landing: Tensor = _Landing.apply(depth, turned, moved)
    return landing


class _Landing(torch.autograd.Function):
    """Where p = depth turned (u, v, 1) + moved lands: (p_x, p_y) / p_z, gradient in closed form.

    Autograd's would keep an image for every operation, and take half as long again on a CPU.
    """

    @staticmethod
    def forward(ctx: Any, depth: Tensor, turned: Tensor, moved: Tensor) -> Tensor:
        """Return (N, H, W, 2) of (N, H, W), (N, 3, 3) and (N, 3)."""
        x, y, z = (
            ray.mul_(depth).add_(moved[:, axis, None, None])
            for axis, ray in enumerate(_rays(turned, depth))
        )
        nearness = z.clamp_(min=NEAREST).reciprocal_()
        landing = depth.new_empty((*depth.shape, 2))
        torch.mul(x, nearness, out=landing[..., 0])
        torch.mul(y, nearness, out=landing[..., 1])
        ctx.save_for_backward(depth, turned, nearness, landing)
        return landing

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        depth, turned, nearness, landing = ctx.saved_tensors
        by_x, by_y = (gradients[0][..., axis] * nearness for axis in range(2))
        by_z = (by_x * landing[..., 0]).addcmul_(by_y, landing[..., 1]).neg_()
        by_z.masked_fill_(nearness >= 1 / NEAREST, 0)
        by_point = by_x, by_y, by_z
        by_depth = sum(ray.mul_(by) for ray, by in zip(_rays(turned, depth), by_point))
        if not ctx.needs_input_grad[1]:
            return by_depth, None, None
        by_moved = torch.stack([by.sum((1, 2)) for by in by_point], 1)
        u, v = _places(depth)
        by_turned = []
        for by in by_point:
            by_ray = by.mul_(depth)
            columns, rows = by_ray.sum(1), by_ray.sum(2)
            by_turned.append(torch.stack((columns @ u, rows @ v, rows.sum(1)), 1))
        return by_depth, torch.stack(by_turned, 1), by_moved


def _rays(turned: Tensor, depth: Tensor) -> Iterator[Tensor]:
    """Yield the three components (N, H, W) of turned (u, v, 1)."""
    u, v = _places(depth)
    for axis in range(3):
        by_column, by_row, constant = turned[:, axis, :, None, None].unbind(1)
        yield (by_column * u + constant) + by_row * v[:, None]


def _places(depth: Tensor) -> tuple[Tensor, Tensor]:
    """Return the columns (W,) and rows (H,) of depth."""
    height, width = depth.shape[-2:]
    return (
        torch.arange(width, device=depth.device, dtype=depth.dtype),
        torch.arange(height, device=depth.device, dtype=depth.dtype),
    )


def find_motion(network: PoseNetwork, target: Tensor, source: Tensor, offset: Tensor) -> Tensor:
    """Let a pose network say how the camera moved.

    The network always sees the earlier image first; for an earlier source its answer is
    inverted.

    Args:
        network: gives the motion from the first to the second image.
        target: (N, 3, H, W) images in [0, 1].
        source: (N, 3, H, W) images in [0, 1].
        offset: (N,) frames from the target to its source, not 0.

    Returns:
        (N, 4, 4) source_from_target.
    """
    is_earlier = offset < 0
    earlier = is_earlier[:, None, None, None]
    first, second = torch.where(earlier, source, target), torch.where(earlier, target, source)
    parameters = network(first, second).float()
    with full_precision(target):
        forward = transform_from_parameters(parameters[:, :3], parameters[:, 3:])
        return torch.where(is_earlier[:, None, None], invert_transform(forward), forward)


def full_precision(tensor: Tensor) -> torch.autocast:
    """Keep mixed precision to the networks: a pixel's position in bfloat16 is off by several."""
    return torch.autocast(tensor.device.type, enabled=False)
