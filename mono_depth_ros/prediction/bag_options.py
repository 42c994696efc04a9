"""What predict_bag adds to a bag."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mono_depth_ros.bags.topics import CameraTopics
from mono_depth_ros.outputs.depth_outputs import (
    CLOUD,
    COLOR,
    DEPTH,
    INFO,
    MAX_DEPTH,
    MIN_DEPTH,
    RECTIFIED,
)

OUTPUTS = {'depth': DEPTH, 'info': INFO, 'cloud': CLOUD, 'color': COLOR, 'rectified': RECTIFIED}
DEFAULT_OUTPUTS = ('depth', 'info', 'cloud')
_NAMESPACE = re.compile(r'/?([A-Za-z_][A-Za-z0-9_]*(/|$))*')


@dataclass(frozen=True, kw_only=True)
class BagDepthOptions(CameraTopics):
    """What to add to a bag; the camera's topics are those of CameraTopics.

    Attributes:
        depth_scale: metres per unit of the network's depth; wins over the card's.
        min_depth: nearer becomes NaN [m].
        max_depth: farther becomes +inf [m].
        depth_encoding: '32FC1' or '16UC1', as depth_node's.
        cloud_stride: every n-th pixel of every n-th row becomes a point.
        colormap: of the colours.
        outputs: keys of OUTPUTS.
        namespace: prefix of the new topics.
        batch_size: images per run of the network.
    """

    depth_scale: float | None = None
    min_depth: float = MIN_DEPTH
    max_depth: float = MAX_DEPTH
    depth_encoding: str = '32FC1'
    cloud_stride: int = 1
    colormap: str = 'turbo'
    outputs: Sequence[str] = DEFAULT_OUTPUTS
    namespace: str = '/'
    batch_size: int = 4

    def __post_init__(self) -> None:
        if not _NAMESPACE.fullmatch(self.namespace):
            raise ValueError(
                f"namespace is '{self.namespace}'; expected names of letters, digits "
                "and underscores such as /mono_depth, or '/'."
            )

    def topic(self, output: str) -> str:
        """Return the topic of an output of depth_node, in the namespace."""
        return f'/{self.namespace.strip("/")}/{output}'.replace('//', '/')
