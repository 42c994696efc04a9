"""Views of the street with all that is true of them, as tensors that can be warped."""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from mono_depth_ros.datasets.street.raycast import StreetFrame
from mono_depth_ros.geometry.camera import backproject, project
from mono_depth_ros.geometry.ego_motion import transform_points
from mono_depth_ros.training.losses.view_synthesis import warp_to_target

SKY = 1e6  # [m]


class View(NamedTuple):
    """An image (1, 3, H, W) in [0, 1] and its depth (1, H, W), both float64."""

    image: Tensor
    depth: Tensor


def view(image, depth) -> View:
    """Return an (H, W, 3) uint8 image and its (H, W) depth [m], inf in the sky, as a view."""
    tensor = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].double() / 255
    finite = np.where(np.isinf(depth), SKY, depth)
    return View(tensor, torch.from_numpy(finite)[None].double())


def view_of(frame: StreetFrame) -> View:
    """Return a rendered frame as a view."""
    return view(frame.image, frame.depth)


def motion_between(target: StreetFrame, source: StreetFrame) -> Tensor:
    """Return source_from_target (1, 4, 4) of two rendered frames."""
    motion = np.linalg.inv(source.world_from_camera) @ target.world_from_camera
    return torch.from_numpy(motion)[None]


def reconstruction_error(target: View, source: View, K: Tensor, motion: Tensor) -> Tensor:
    """Return the mean absolute error of the source warped to the target, where both see a point.

    Whether they do is known from the source's own depth: a target's point is hidden if the source
    sees something nearer or farther there, and lost if it lands outside.
    """
    warped = warp_to_target(source.image, target.depth, K, motion)
    points = transform_points(motion, backproject(target.depth, K))
    pixels, depth = project(points, K)
    seen = torch.from_numpy(_depth_at(source.depth[0].numpy(), pixels[0].numpy()))
    height, width = source.depth.shape[-2:]
    limit = torch.tensor([width - 1, height - 1])
    inside = ((pixels[0] >= 0) & (pixels[0] <= limit)).all(-1) & (depth[0] > 0)
    common = inside & ((1 / seen - 1 / depth[0]).abs() < 0.02 / depth[0] + 1e-4)
    assert common.double().mean() > 0.5, 'most of the target has to be seen by the source'
    return (warped - target.image).abs().mean(1)[0][common].mean()


def _depth_at(depth: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Return depth at subpixel places: inverse depth is linear in the image on every plane."""
    height, width = depth.shape
    grid = torch.from_numpy(2 * pixels / [width - 1, height - 1] - 1)[None]
    inverse = torch.from_numpy(1 / depth)[None, None]
    sampled = F.grid_sample(inverse, grid, padding_mode='border', align_corners=True)
    return 1 / sampled[0, 0].numpy()
