"""What a checkpoint folder does not say of itself."""

from typing import NamedTuple

from mono_depth_ros.types import DepthKind


class ImportOptions(NamedTuple):
    """What a checkpoint folder does not say of itself.

    Attributes:
        layout: a key of LAYOUTS, or 'auto' to tell it from the names of the weights.
        name: of the card; the folder's by default.
        input_size: (height, width), for folders whose encoder.pth lacks it.
        unit: relative, or metric for weights that know metres.
        depth_scale: metres per unit of depth; stereo weights of KITTI have 5.4 by default.
        training_data: 'kitti' (adds KITTI's intrinsics), or any other words for the card.
        training_intrinsics: fx, fy, cx, cy of the training images at input_size [px].
        license_weights: the licence of the weights; the layout's by default.
    """

    layout: str = 'auto'
    name: str | None = None
    input_size: tuple[int, int] | None = None
    unit: str = DepthKind.RELATIVE
    depth_scale: float | None = None
    training_data: str | None = None
    training_intrinsics: tuple[float, float, float, float] | None = None
    license_weights: str | None = None
