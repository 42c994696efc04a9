"""The networks as test parameters: all but the smallest are slow."""

import pytest

from mono_depth_ros.networks import list_networks

QUICK = {'small_depth', 'lite_hr_depth'}
EVERY_NETWORK = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in list_networks()
]
