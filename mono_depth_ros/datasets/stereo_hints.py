"""Depth hints: what semi-global matching says of a rectified stereo pair (Watson et al. 2019)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_BLOCK = 5  # [px]
_DISPARITIES = 192  # [px], a multiple of 16
_FIXED_POINT = 16


def stereo_hint(
    target: NDArray[np.uint8], partner: NDArray[np.uint8], fx: float, baseline: float
) -> NDArray[np.float32]:
    """Match a rectified pair and keep what both directions agree on.

    Args:
        target: (H, W, 3) uint8 RGB.
        partner: (H, W, 3) uint8 RGB, the other camera's image of the same moment.
        fx: focal length of both [px].
        baseline: x of the target's camera seen from its partner [m]: negative where the partner
            is to the right, as in source_from_target.

    Returns:
        (H, W) float32 depth [m], NaN where matching found nothing or was not sure.
    """
    if baseline > 0:  # the matcher wants the left image first: mirror the world
        mirrored = stereo_hint(
            np.ascontiguousarray(target[:, ::-1]),
            np.ascontiguousarray(partner[:, ::-1]),
            fx,
            -baseline,
        )
        return np.ascontiguousarray(mirrored[:, ::-1])
    left, right = (cv2.cvtColor(_padded(image), cv2.COLOR_RGB2GRAY) for image in (target, partner))
    matcher = cv2.StereoSGBM.create(
        minDisparity=0,
        numDisparities=_DISPARITIES,
        blockSize=_BLOCK,
        P1=8 * _BLOCK**2,
        P2=32 * _BLOCK**2,
        disp12MaxDiff=1,
        uniquenessRatio=5,
        speckleWindowSize=100,
        speckleRange=2,
        mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
    )
    disparity = matcher.compute(left, right)[:, _DISPARITIES:].astype(np.float32) / _FIXED_POINT
    is_padding = disparity > np.arange(disparity.shape[1])
    disparity[is_padding | (disparity <= 0.5)] = np.nan
    return np.asarray(-baseline * fx / disparity, np.float32)


def _padded(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Repeat the first column: the matcher is blind in the first _DISPARITIES columns."""
    padded = cv2.copyMakeBorder(image, 0, 0, _DISPARITIES, 0, cv2.BORDER_REPLICATE)
    return np.asarray(padded, np.uint8)
