"""Honest units: what a network's depth has to be multiplied with, and what it then is."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from mono_depth_ros.geometry.camera import resize_intrinsics
from mono_depth_ros.inference.cards.model_card import ModelCard
from mono_depth_ros.types import DepthKind, Size

# Focal lengths this near the training's count as the same camera.
_SAME_FOCAL_LENGTH = 0.02
# Beyond this ratio a network sees a scene unlike all it was trained on.
_FAMILIAR_FOCAL_RATIO = 1.5


class DepthScaling(NamedTuple):
    """How a camera's depth gets its unit.

    Attributes:
        factor: to multiply the network's depth with.
        kind: what the product is.
        warning: what the user should know, or None.
    """

    factor: float
    kind: DepthKind
    warning: str | None


def depth_scaling(
    card: ModelCard,
    K: NDArray[np.float64] | None,
    image_size: Size,
    network_size: Size,
    depth_scale: float | None = None,
) -> DepthScaling:
    """Find the factor and the honest name of a camera's depth.

    The image of an object is proportional to the focal length in pixels over its depth, so a
    network trained at one focal length is off by the ratio of the two at another.

    Args:
        card: the network's card.
        K: (3, 3) intrinsics of the camera's image [px]; only metric cards need them.
        image_size: (height, width) of the camera's image.
        network_size: (height, width) that the image is resized to.
        depth_scale: metres per unit, given by the user for this camera; wins over the card.

    Raises:
        ValueError: depth_scale is not above 0, or a metric card lacks K.
    """
    if depth_scale is not None:
        if not depth_scale > 0:
            raise ValueError(f'depth_scale is {depth_scale}; expected metres per unit, above 0.')
        return DepthScaling(depth_scale, DepthKind.SCALED, None)
    if card.depth_unit == DepthKind.RELATIVE:
        if card.depth_scale is None:
            return DepthScaling(1.0, DepthKind.RELATIVE, None)
        return DepthScaling(card.depth_scale, DepthKind.SCALED, None)
    camera_f = _network_focal_length(card, K, image_size, network_size)
    return _metric_scaling(card, camera_f)


def _network_focal_length(
    card: ModelCard, K: NDArray[np.float64] | None, image_size: Size, network_size: Size
) -> float:
    """Return the camera's fy in the image that the network sees [px]."""
    if K is None:
        raise ValueError(
            f"Metric card '{card.name}' needs the camera's intrinsics K to turn depth into "
            'metres; give K, or a depth_scale measured for this camera.'
        )
    resized = resize_intrinsics(torch.as_tensor(K), image_size, network_size)
    return float(resized[1, 1])


def _metric_scaling(card: ModelCard, camera_f: float) -> DepthScaling:
    assert card.training_K is not None
    training_f = card.training_K[1][1]
    ratio = camera_f / training_f
    factor = (card.depth_scale or 1.0) * ratio
    if abs(ratio - 1) <= _SAME_FOCAL_LENGTH:
        return DepthScaling(factor, DepthKind.METRIC, None)
    if 1 / _FAMILIAR_FOCAL_RATIO <= ratio <= _FAMILIAR_FOCAL_RATIO:
        return DepthScaling(factor, DepthKind.SCALED, None)
    warning = (
        f"the camera's focal length is {ratio:.2f} times that of the training of '{card.name}' "
        f"({camera_f:.0f} px and {training_f:.0f} px at the network's input): expect wrong "
        'metres; measure a depth_scale for this camera.'
    )
    return DepthScaling(factor, DepthKind.SCALED, warning)
