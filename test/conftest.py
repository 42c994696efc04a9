"""Settings of every test."""

import os
import signal
import tempfile
from pathlib import Path

# Small tensors are the tests' affair: a second thread costs more than it brings.
os.environ.setdefault('OMP_NUM_THREADS', '1')

import pytest
import torch

# A job in the background of a script ignores interrupts, and its children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Exports of test networks are no business of the user's cache; gone when the process ends.
_CACHE = tempfile.TemporaryDirectory(prefix='mono_depth_ros_test_cache_')
os.environ['XDG_CACHE_HOME'] = _CACHE.name

NEEDS_ROS = {Path(__file__).parent / folder for folder in ('ros', 'launch', 'demo')}


def pytest_collection_modifyitems(items):
    """Mark what needs rclpy by where it is; skip what needs a GPU where there is none."""
    for item in items:
        if NEEDS_ROS.intersection(item.path.parents):
            item.add_marker('ros')
        if item.get_closest_marker('gpu') and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason='needs a CUDA GPU'))
