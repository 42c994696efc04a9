import cv2
import numpy as np
import pytest

from mono_depth_ros.datasets.stereo_hints import stereo_hint
from mono_depth_ros.datasets.street.raycast import Street, render_frame


def wall(left, size=(80, 300)):
    """Return a view of a textured wall that begins so many pixels along it."""
    texture = np.random.default_rng(0).integers(0, 256, (size[0], 400), np.uint8)
    view = cv2.GaussianBlur(texture, (0, 0), 1.2)[:, left : left + size[1]]
    return cv2.cvtColor(np.ascontiguousarray(view), cv2.COLOR_GRAY2RGB)


def test_a_wall_is_baseline_times_focal_length_over_disparity_away():
    # What the left camera sees at column 40 the right one sees at 28.
    hint = stereo_hint(wall(0), wall(12), fx=600.0, baseline=-0.5)

    assert hint.dtype == np.float32 and hint.shape == (80, 300)
    assert np.isfinite(hint[:, 20:]).mean() > 0.95
    assert np.nanmedian(hint) == pytest.approx(600 * 0.5 / 12, rel=0.01)


def test_the_right_camera_has_its_hints_too():
    hint = stereo_hint(wall(12), wall(0), fx=600.0, baseline=0.5)

    assert np.isfinite(hint[:, :280]).mean() > 0.95
    assert np.nanmedian(hint) == pytest.approx(25, rel=0.01)


def test_what_the_partner_cannot_see_has_no_hint():
    left = stereo_hint(wall(0), wall(12), 600.0, -0.5)
    right = stereo_hint(wall(12), wall(0), 600.0, 0.5)

    assert np.isnan(left[:, :11]).all() and np.isnan(right[:, -11:]).all()


def test_images_that_are_equal_are_infinitely_far_and_get_no_hint():
    assert np.isnan(stereo_hint(wall(0), wall(0), 600.0, -0.5)).all()


@pytest.mark.parametrize('baseline', [-0.54, 0.54])
def test_hints_agree_with_the_streets_true_depth(baseline):
    target = render_frame(Street(), 40, (192, 640))
    place = np.eye(4)
    place[0, 3] = -baseline
    partner = render_frame(Street(), target.world_from_camera @ place, (192, 640))

    hint = stereo_hint(target.image, partner.image, target.K[0, 0], baseline)

    known = np.isfinite(hint) & np.isfinite(target.depth)
    error = np.abs(hint / target.depth - 1)[known & (target.depth < 30)]
    assert known.mean() > 0.3
    assert np.median(error) < 0.03 and (error > 0.2).mean() < 0.1
