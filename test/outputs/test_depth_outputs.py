import numpy as np
import pytest

from mono_depth_ros.outputs.depth_outputs import color_range, limit_depth


def test_metres_out_of_range_are_marked_as_rep_117_has_it():
    depth = np.array([[0.05, 1.0], [99.0, 2.0]], np.float32)
    valid = np.array([[True, True], [True, False]])

    limit_depth(depth, 'metric', valid, 0.1, 80.0)

    assert np.array_equal(depth, [[np.nan, 1], [np.inf, np.nan]], equal_nan=True)


def test_relative_depth_has_no_range_in_metres():
    depth = np.array([[0.05, 99.0]], np.float32)

    assert np.array_equal(limit_depth(depth.copy(), 'relative', None, 0.1, 80.0), depth)


def test_colors_of_metres_are_fixed_and_those_of_relative_depth_follow_it():
    depth = np.linspace(1, 3, 100, dtype=np.float32).reshape(10, 10)

    assert color_range(depth, 'scaled', 0.1, 80.0) == (0.8, 80.0)
    assert color_range(depth, 'relative', 0.1, 80.0) == pytest.approx((1.04, 2.96), abs=0.01)
