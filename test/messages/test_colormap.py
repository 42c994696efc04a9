import cv2
import numpy as np
import pytest

from mono_depth_ros.messages.color_scale import COLORMAPS, robust_range
from mono_depth_ros.messages.colormap import colorize_depth

TURBO = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_TURBO)[:, 0]


def test_colors_follow_the_logarithm_of_depth_from_near_to_far():
    # Between 1 m and 100 m, 9.99 m is just nearer than half way: 0.5002 * 255 rounds to 128.
    depth = np.array([[1.0, 9.99, 100.0]], np.float32)

    colors = colorize_depth(depth, 'turbo', 1.0, 100.0)

    np.testing.assert_array_equal(colors[0], TURBO[[255, 128, 0]])


def test_what_lies_outside_the_range_has_the_color_of_its_end():
    depth = np.array([[0.1, 500.0, np.inf]], np.float32)

    colors = colorize_depth(depth, 'turbo', 2.0, 10.0)

    np.testing.assert_array_equal(colors[0], TURBO[[255, 0, 0]])


def test_no_estimate_is_black():
    depth = np.array([[np.nan, 0.0, -1.0, -np.inf]], np.float32)

    assert not colorize_depth(depth, 'viridis', 1.0, 10.0).any()


@pytest.mark.parametrize('colormap', COLORMAPS)
def test_every_colormap_tells_near_from_far(colormap):
    colors = colorize_depth(np.array([[1.0, 10.0]], np.float32), colormap, 1.0, 10.0)

    assert (colors[0, 0] != colors[0, 1]).any()


def test_an_unknown_colormap_is_refused_with_the_list():
    with pytest.raises(ValueError, match=r"Unknown colormap 'pretty'. Available: turbo, magma"):
        colorize_depth(np.ones((1, 1), np.float32), 'pretty', 1.0, 10.0)


@pytest.mark.parametrize(('low', 'high'), [(0.0, 1.0), (2.0, 2.0), (3.0, 2.0)])
def test_an_empty_range_is_refused(low, high):
    with pytest.raises(ValueError, match='expected 0 < min_depth < max_depth'):
        colorize_depth(np.ones((1, 1), np.float32), 'turbo', low, high)


def test_the_robust_range_leaves_out_outliers_and_invalid_depth():
    depth = np.linspace(1, 101, 10_000, dtype=np.float32).reshape(100, 100)
    depth[0, :3] = np.nan, np.inf, 1e6

    assert robust_range(depth) == pytest.approx((3.0, 99.0), abs=0.1)


def test_a_wall_still_gets_a_range():
    low, high = robust_range(np.full((4, 4), 8.0, np.float32))

    assert (low, high) == pytest.approx((8.0, 8.4))


def test_without_any_depth_the_range_is_still_one():
    assert robust_range(np.full((4, 4), np.nan, np.float32)) == (1.0, 2.0)
