"""What can be chosen of an evaluation: test sets, true depth, workers, clock."""

from __future__ import annotations

from mono_depth_ros.inference.cards.model_card import ModelCard
from mono_depth_ros.types import DepthKind

# The papers' test sets: what the list is called here, and the true depth that goes with it.
KITTI_SPLITS = {
    'eigen': ('eigen_test', 'lidar'),
    'eigen_benchmark': ('eigen_benchmark_test', 'dense'),
}
# Where true depth comes from, and whether Eigen's cap and Garg's crop apply to it.
GROUND_TRUTHS = {'lidar': True, 'lidar_z': True, 'projected': True, 'dense': False}
# Each has a batch of whole frames in memory.
MAX_WORKERS = 8
# What latency is: the time that passes, or the CPU's, which other load does not lengthen.
CLOCKS = {'wall': 'latency [ms]', 'cpu': 'CPU time [ms]'}


def scalings_of(
    card: ModelCard, depth_scale: float | None = None, median_scaling: bool = True
) -> tuple[str, ...]:
    """Return what depth of a card can be compared: 'median_scaled', 'unscaled' or both.

    Args:
        card: the model card.
        depth_scale: length of a unit of depth in place of the card's [m].
        median_scaling: whether depth is compared that was brought to the true median.

    Raises:
        ValueError: the scale is no length, or nothing is left to compare.
    """
    if depth_scale is not None and not depth_scale > 0:
        raise ValueError(
            f'--depth-scale is {depth_scale}; expected metres per unit of depth, above 0.'
        )
    knows_metres = (
        card.depth_unit == DepthKind.METRIC or (depth_scale or card.depth_scale) is not None
    )
    if not median_scaling and not knows_metres:
        raise ValueError(
            f'{card.source}: relative depth without depth_scale has no metres to compare. Leave '
            'out --no-median-scaling, or give a measured --depth-scale.'
        )
    return ('median_scaled',) * median_scaling + ('unscaled',) * knows_metres
