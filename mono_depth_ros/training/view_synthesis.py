"""See a source image from the target's place, by the target's depth and the camera's motion."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from mono_depth_ros.geometry.camera import NEAREST
from mono_depth_ros.geometry.ego_motion import invert_transform, transform_from_parameters
from mono_depth_ros.networks.pose import PoseNetwork
from mono_depth_ros.training.by_sample import by_sample


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
        return by_sample(_warp, source, depth, K, source_from_target)


def _warp(source: Tensor, depth: Tensor, K: Tensor, source_from_target: Tensor) -> Tensor:
    # -1 and 1 are the centres of the first and the last pixel: align_corners must be True.
    return F.grid_sample(source, _landing(depth, K, source_from_target), padding_mode='border',
                         align_corners=True)


def _landing(depth: Tensor, K: Tensor, motion: Tensor) -> Tensor:
    """Return where pixels land, (N, H, W, 2) in -1 to 1 across the source.

    Projection, motion and backprojection are one matrix per source, (N, 3, 3), so that a pixel
    costs a few multiplications: the loss is taken at several levels of every batch.
    """
    height, width = depth.shape[-2:]
    across = K.new_tensor([[2 / (width - 1), 0, -1], [0, 2 / (height - 1), -1], [0, 0, 1]])
    to_grid, rigid = across.double() @ K.double(), motion.double()
    turned = (to_grid @ rigid[:, :3, :3] @ torch.linalg.inv(K.double())).to(depth.dtype)
    moved = (to_grid @ rigid[:, :3, 3:]).to(depth.dtype)
    u = torch.arange(width, device=depth.device, dtype=depth.dtype)
    v = torch.arange(height, device=depth.device, dtype=depth.dtype)[:, None]
    by_column = turned[..., 0, None, None] * u + turned[..., 2, None, None]
    by_row = turned[..., 1, None, None] * v
    x, y, z = (torch.addcmul(moved[:, axis, :, None], by_column[:, axis] + by_row[:, axis], depth)
               for axis in range(3))
    nearness = 1 / z.clamp(min=NEAREST)
    return torch.stack((x * nearness, y * nearness), -1)


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
    """Keep mixed precision to the networks: a pixel's place in bfloat16 is off by several."""
    return torch.autocast(tensor.device.type, enabled=False)
