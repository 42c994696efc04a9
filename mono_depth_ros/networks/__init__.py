"""Depth networks: one file per paper, one registry."""

from mono_depth_ros.networks import monodepth2
from mono_depth_ros.networks.base import DepthNetwork, DepthOutput
from mono_depth_ros.networks.registry import create_network, list_networks, network_info

__all__ = [
    'DepthNetwork',
    'DepthOutput',
    'create_network',
    'list_networks',
    'monodepth2',
    'network_info',
]
