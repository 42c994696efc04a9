"""From one depth map to everything that was asked for: the same for topics and for bags."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from mono_depth_ros.geometry.camera import backproject
from mono_depth_ros.messages.camera_info import ImageGeometry
from mono_depth_ros.messages.colormap import colorize_depth
from mono_depth_ros.messages.encodings import encode_depth
from mono_depth_ros.messages.point_cloud import pack_cloud
from mono_depth_ros.outputs.depth_outputs import (
    CLOUD,
    COLOR,
    DEPTH,
    RECTIFIED,
    RELATIVE,
    color_range,
)
from mono_depth_ros.types import DepthKind

PACKED_CLOUD = 'xyzrgb'


class RenderOptions(Protocol):
    """What a user chooses about outputs, as the node's config and the bag's options hold it.

    Attributes:
        depth_encoding: '32FC1' [m] or '16UC1' [mm].
        cloud_stride: pixels between points of the cloud, in both directions.
        colormap: a name in COLORMAPS.
        min_depth: nearer is no estimate [m].
        max_depth: farther is beyond range [m].
    """

    @property
    def depth_encoding(self) -> str: ...  # noqa: D102
    @property
    def cloud_stride(self) -> int: ...  # noqa: D102
    @property
    def colormap(self) -> str: ...  # noqa: D102
    @property
    def min_depth(self) -> float: ...  # noqa: D102
    @property
    def max_depth(self) -> float: ...  # noqa: D102


class Rendered(NamedTuple):
    """The pixels of one output.

    Attributes:
        output: its topic.
        encoding: of a sensor_msgs/Image, or PACKED_CLOUD.
        pixels: (H, W) or (H, W, 3) of an image, (H, W, 4) float32 of a packed cloud.
    """

    output: str
    encoding: str
    pixels: NDArray[Any]


def render_outputs(
    depth: NDArray[np.float32],
    kind: DepthKind,
    rgb: NDArray[np.uint8],
    geometry: ImageGeometry,
    wanted: Set[str],
    options: RenderOptions,
) -> Iterator[Rendered]:
    """Render what is wanted of a depth map; relative depth never becomes an output in metres.

    Args:
        depth: (H, W) [m unless relative], what is invalid or out of range marked by limit_depth.
        kind: of depth.
        rgb: (H, W, 3) uint8, the undistorted image.
        geometry: of that image.
        wanted: output topics; those that need no network are not rendered here.
        options: encoding, stride, colors and range.

    Yields:
        One output after the other, so that depth is out before the cloud is computed.
    """
    is_relative = kind == DepthKind.RELATIVE
    if is_relative and RELATIVE in wanted:
        yield Rendered(RELATIVE, '32FC1', depth)
    if not is_relative and DEPTH in wanted:
        pixels = encode_depth(depth, options.depth_encoding)
        yield Rendered(DEPTH, options.depth_encoding, pixels)
    if not is_relative and CLOUD in wanted:
        cloud = _packed_cloud(depth, rgb, geometry.K_out, options.cloud_stride)
        yield Rendered(CLOUD, PACKED_CLOUD, cloud)
    if COLOR in wanted:
        limits = color_range(depth, kind, options.min_depth, options.max_depth)
        yield Rendered(COLOR, 'bgr8', colorize_depth(depth, options.colormap, *limits))


def render_rectified(
    rgb: NDArray[np.uint8], geometry: ImageGeometry, wanted: Set[str]
) -> Iterator[Rendered]:
    """Render the rectified image, which needs no network, where it is wanted and was rectified."""
    if RECTIFIED in wanted and geometry.maps is not None:
        yield Rendered(RECTIFIED, 'rgb8', rgb)


def _packed_cloud(
    depth: NDArray[np.float32], rgb: NDArray[np.uint8], K: NDArray[np.float64], stride: int
) -> NDArray[np.float32]:
    return pack_cloud(points_of(depth, K, stride), rgb[::stride, ::stride])


def points_of(
    depth: NDArray[np.float32], K: NDArray[np.float64], stride: int = 1
) -> NDArray[np.float32]:
    """Return the points (h, w, 3) of every stride-th pixel [m], NaN where depth is not finite."""
    intrinsics = torch.from_numpy(K.astype(np.float32))
    return np.asarray(backproject(torch.from_numpy(depth), intrinsics, stride))
