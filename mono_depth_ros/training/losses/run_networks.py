"""Run the networks in training on a batch: depth of its images, motion between them."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from mono_depth_ros.networks import DepthNetwork
from mono_depth_ros.networks.base import DepthOutput
from mono_depth_ros.networks.pose import PoseNetwork
from mono_depth_ros.training.config.schema import TrainConfig
from mono_depth_ros.training.data.batch import Batch
from mono_depth_ros.training.losses.base import Need, NetworkOutput
from mono_depth_ros.training.losses.view_synthesis import find_motion


def run_depth_network(
    network: DepthNetwork, batch: Batch, needs: Need, levels: int
) -> NetworkOutput:
    """Run the depth network on the targets, and on the sources where a loss needs them.

    Args:
        network: in training mode, or in evaluation for the finest disparity alone.
        batch: B samples with N sources.
        needs: of all losses.
        levels: how many disparities are trained.
    """
    images, count = batch.target_colors, len(batch.target)
    if Need.SOURCES not in needs:
        return NetworkOutput(*_output(network, images, needs, levels), None)
    images = torch.cat([images, batch.source_colors])
    encoded, output = _output(network, images, needs, levels)
    target, source = _part(output, slice(count)), _part(output, slice(count, None))
    return NetworkOutput([feature[:count] for feature in encoded], target, source)


def batch_motion(network: PoseNetwork | None, batch: Batch, config: TrainConfig) -> Tensor:
    """Return source_from_target (N, 4, 4) in units: known ones as they are, others found.

    Args:
        network: the pose network; None where all motion is known.
        batch: N sources.
        config: of the training.

    Raises:
        ValueError: motion is unknown, and there is no network to find it.
    """
    motion = batch.pose.clone()
    motion[:, :3, 3] /= config.depth_scale
    unknown = batch.pose[:, 0, 0].isnan().nonzero()[:, 0]
    if len(unknown) == 0:
        return motion
    if network is None:
        raise ValueError(
            f"'{batch.names[int(batch.sample_of[unknown[0]])]}' has a source of unknown pose: "
            "give a pose_network, or supervision 'S' for stereo pairs alone."
        )
    of = batch.sample_of[unknown]
    if batch.others:  # one motion for all resolutions, by colours as they are (RA-Depth)
        target, source = batch.target[of], batch.source[unknown]
    else:
        target, source = batch.target_colors[of], batch.source_colors[unknown]
    if config.pose_reduction > 1:
        target, source = (F.avg_pool2d(image, config.pose_reduction) for image in (target, source))
    found = find_motion(network, target, source, batch.offset[unknown])
    return motion.index_put((unknown,), found)


def _output(
    network: DepthNetwork, image: Tensor, needs: Need, levels: int
) -> tuple[list[Tensor], DepthOutput]:
    """Return encoder features, the disparities that are trained, and decoder features."""
    encoded: list[Tensor] = []
    if Need.ENCODED in needs:
        encoded = network.encode(image)
        output: DepthOutput | Tensor = network.decode(encoded)
    else:
        output = network(image)
    if isinstance(output, Tensor):  # the finest level alone, outside training
        return encoded, DepthOutput([output.float()], [])
    trained = output.disparities[:levels]
    return encoded, DepthOutput([found.float() for found in trained], output.features)


def _part(output: DepthOutput, which: slice) -> DepthOutput:
    """Return the output of some of the images."""
    return DepthOutput(*([tensor[which] for tensor in part] for part in output))
