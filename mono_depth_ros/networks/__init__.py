"""Depth networks: one file per paper, one registry."""

from mono_depth_ros.networks import (  # noqa: F401  (importing a paper's file registers it)
    diffnet,
    dna_depth,
    hqdec_v2,
    hr_depth,
    lka_depth,
    monodepth2,
    oe_depth,
    ra_depth,
    small_depth,
)
from mono_depth_ros.networks.base import DepthNetwork, DepthOutput
from mono_depth_ros.networks.registry import create_network, list_networks, network_info

__all__ = [
    'DepthNetwork',
    'DepthOutput',
    'create_network',
    'list_networks',
    'network_info',
]
