"""What a person sees of a step: target, warped source, disparity and auto-mask."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mono_depth_ros.geometry.disparity import disparity_to_depth
from mono_depth_ros.training.losses.step_result import StepImages
from mono_depth_ros.types import Image


def color_pictures(pictures: StepImages, min_depth: float, max_depth: float) -> dict[str, Image]:
    """Return the pictures of a step in colors to look at.

    Args:
        pictures: of one sample, on any device.
        min_depth: depth at disparity 1.
        max_depth: depth at disparity 0.

    Returns:
        (H, W, 3) uint8 RGB by name; disparity as the node colours depth, near is red; the mask
        is white where the pixel is trained on.
    """
    depth = disparity_to_depth(_array(pictures.disparity[0]), min_depth, max_depth)
    mask = _bytes(_array(pictures.mask[0]))
    return {
        'target': _bytes(_array(pictures.target.permute(1, 2, 0))),
        'warped': _bytes(_array(pictures.warped.permute(1, 2, 0))),
        'disparity': _color(-np.log(depth)),
        'mask': np.repeat(mask[..., None], 3, axis=2),
    }


def _color(nearness: NDArray[np.float32]) -> Image:
    """Colour (H, W) values between their 2nd and 98th percentile."""
    low, high = np.percentile(nearness, (2, 98))
    values = _bytes((nearness - low) / max(float(high - low), 1e-6))
    return np.asarray(cv2.applyColorMap(values, cv2.COLORMAP_TURBO)[..., ::-1], np.uint8)


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return np.asarray(tensor.detach().float().cpu().numpy(), np.float32)


def _bytes(values: NDArray[np.float32]) -> Image:
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
