"""From undistorted images to depth with its unit and between limits: node and tools share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mono_depth_ros.inference.estimator import DepthEstimator, ScaledDepth
from mono_depth_ros.inference.units import DepthScaling
from mono_depth_ros.messages.camera_info import ImageGeometry
from mono_depth_ros.outputs.depth_outputs import MAX_DEPTH, MIN_DEPTH, limit_depth
from mono_depth_ros.types import DepthKind, Image, Size

_NO_METRES = DepthScaling(1.0, DepthKind.RELATIVE, None)


@dataclass(frozen=True, eq=False)
class Predictor:
    """A card's network and what its user said about one camera.

    Attributes:
        estimator: the network.
        depth_scale: metres per unit of depth, measured for this camera; wins over the card's.
        min_depth: nearer is no estimate [m].
        max_depth: farther is beyond range [m].
    """

    estimator: DepthEstimator
    depth_scale: float | None = None
    min_depth: float = MIN_DEPTH
    max_depth: float = MAX_DEPTH

    def __call__(self, image: Image, geometry: ImageGeometry | None = None) -> ScaledDepth:
        """Return the depth of one undistorted image (H, W, 3) uint8 RGB, see `batch`."""
        [found] = self.batch([image], [geometry])
        return found

    def batch(
        self, images: Sequence[Image], geometries: Sequence[ImageGeometry | None]
    ) -> list[ScaledDepth]:
        """Return the depth of undistorted images, NaN where it is none, +inf beyond range.

        Args:
            images: (H, W, 3) uint8 RGB each.
            geometries: of each; None for all where nobody knows the camera. Depth of a metric
                card is relative then.

        Raises:
            ValueError: see DepthEstimator.estimate_scaled.
        """
        intrinsics = [geometry.K_out if geometry else None for geometry in geometries]
        if all(self.lacks_metres(geometry) for geometry in geometries):
            depths = self.estimator.estimate(images, intrinsics, 1.0)
            found = [ScaledDepth(depth, _NO_METRES) for depth in depths]
        else:
            found = self.estimator.estimate_scaled(images, intrinsics, self.depth_scale)
        for (depth, scaling), geometry in zip(found, geometries):
            valid = geometry.valid if geometry else None
            limit_depth(depth, scaling.kind, valid, self.min_depth, self.max_depth)
        return found

    def scaling(self, size: Size, geometry: ImageGeometry | None = None) -> DepthScaling:
        """Return the unit that depth has in images of a (height, width), before there are any."""
        if self.lacks_metres(geometry):
            return _NO_METRES
        K = geometry.K_out if geometry else None
        return self.estimator.scaling(K, size, self.depth_scale)

    def lacks_metres(self, geometry: ImageGeometry | None) -> bool:
        """Say whether only the camera's focal length is missing for metres."""
        is_metric = self.estimator.card.depth_unit == DepthKind.METRIC
        return is_metric and geometry is None and self.depth_scale is None
