import cv2
import numpy as np
import pytest

from mono_depth_ros.datasets.street.raycast import (
    Street,
    render_frame,
    street_images,
    street_intrinsics,
    street_pose,
)
from mono_depth_ros.datasets.street.scene import surfaces_around

SIZE = (96, 320)


def level_pose(x=0.0, height=1.65, z=0.0):
    pose = np.eye(4)
    pose[:3, 3] = x, -height, z
    return pose


def test_the_road_below_a_level_camera_lies_at_focal_length_times_height_over_row():
    frame = render_frame(Street(), level_pose(), SIZE)
    focal, centre = frame.K[1, 1], frame.K[1, 2]
    rows = np.arange(60, 96)

    middle = frame.depth[rows, SIZE[1] // 2]

    np.testing.assert_allclose(middle, focal * 1.65 / (rows - centre), rtol=1e-6)


def test_the_back_of_a_parked_car_is_one_plane_at_its_distance():
    paints = surfaces_around(0, 0.0)
    backs = paints[(paints['axis'] == 2) & (paints['sign'] < 0) & (paints['low'][:, 0] == 2.75)]
    back = backs[backs['low'][:, 2] > 5][0]
    distance = 4.0
    camera = level_pose(x=3.2, height=0.5, z=back['low'][2] - distance)

    depth = render_frame(Street(), camera, SIZE).depth

    centre = depth[45:50, 155:165]
    # The number plate and lamps stand 1 cm proud of the body.
    assert set(np.unique(np.round(centre, 4))) <= {np.float32(4.0), np.float32(3.99)}
    assert np.float32(4.0) in np.round(centre, 4)


def test_sky_is_infinitely_far_and_everything_else_finite_and_in_front():
    depth = render_frame(Street(), 12, SIZE).depth

    assert np.isinf(depth[0]).any()
    assert np.isfinite(depth[-1]).all()
    assert not np.isnan(depth).any() and (depth > 0).all()


@pytest.mark.parametrize('step', [1, 3])
def test_two_views_agree_in_depth_and_color_where_both_see_a_point(step):
    first, second = (render_frame(Street(), index, (192, 640)) for index in (40, 40 + step))
    rows, columns = np.mgrid[:192, :640]
    rays = np.stack([columns, rows, np.ones_like(rows)], -1) @ np.linalg.inv(first.K).T
    solid = np.isfinite(first.depth) & (first.depth < 60)
    points = rays[solid] * first.depth[solid][:, None].astype(float)
    transform = np.linalg.inv(second.world_from_camera) @ first.world_from_camera
    moved = points @ transform[:3, :3].T + transform[:3, 3]
    pixels = moved @ second.K.T
    u, v = (pixels[:, :2] / pixels[:, 2:]).T.astype(np.float32)
    inside = (moved[:, 2] > 1) & (u > 1) & (u < 638) & (v > 1) & (v < 190)

    exact = rendered_depth_at(second, u[inside], v[inside])
    agree = np.abs(exact - moved[inside, 2]) < 1e-3
    sampled = cv2.remap(
        second.image.astype(np.float32), pad(u[inside]), pad(v[inside]), cv2.INTER_LINEAR
    ).reshape(-1, 3)[: inside.sum()]
    difference = np.abs(sampled - first.image[solid][inside])[agree]

    assert agree.mean() > 0.8  # the others are occluded, or lie at an edge
    assert difference.mean() < 4.0


def pad(values):
    """Fold a list of coordinates into the rows that cv2.remap wants."""
    return np.pad(values, (0, -len(values) % 512)).reshape(-1, 512)


def rendered_depth_at(frame, u, v):
    """Depth at subpixel places: inverse depth is linear in the image on every plane."""
    inverse = (1 / frame.depth.astype(np.float64)).astype(np.float32)
    left, top = np.floor(u).astype(int), np.floor(v).astype(int)
    a, b = (u - left).astype(float), (v - top).astype(float)
    upper = inverse[top, left] * (1 - a) + inverse[top, left + 1] * a
    lower = inverse[top + 1, left] * (1 - a) + inverse[top + 1, left + 1] * a
    with np.errstate(divide='ignore'):
        return 1 / (upper * (1 - b) + lower * b)


def test_the_same_frame_is_rendered_twice_to_the_same_bytes_and_seeds_differ():
    first, again, other = (render_frame(Street(seed), 5, SIZE).image for seed in (0, 0, 1))

    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.2


def test_the_texture_of_the_road_carries_on_where_its_anchor_jumps():
    before = render_frame(Street(), level_pose(z=1024.0 - 1e-3), SIZE)
    after = render_frame(Street(), level_pose(z=1024.0 + 1e-3), SIZE)

    difference = np.abs(before.image[70:].astype(int) - after.image[70:])

    assert difference.mean() < 0.5


def test_a_view_behind_the_start_of_the_street_works():
    assert np.isfinite(render_frame(Street(), -100, SIZE).depth).any()


def test_intrinsics_of_a_smaller_image_are_those_of_the_resampled_one():
    large, small = street_intrinsics((384, 1280)), street_intrinsics((192, 640))

    assert small[0, 0] == pytest.approx(large[0, 0] / 2)
    assert small[0, 2] == pytest.approx((large[0, 2] + 0.5) / 2 - 0.5)
    assert small[1, 2] == pytest.approx((large[1, 2] + 0.5) / 2 - 0.5)


def test_a_camera_matrix_of_the_user_decides_on_the_view():
    K = np.array([[100.0, 0, 10], [0, 50, 20], [0, 0, 1]])

    frame = render_frame(Street(), level_pose(), (80, 60), K)

    assert frame.depth[70, 10] == pytest.approx(50 * 1.65 / (70 - 20), rel=1e-6)
    np.testing.assert_array_equal(frame.K, K)


def test_the_drive_goes_forward_and_keeps_to_its_lane():
    positions = np.stack([street_pose(index)[:3, 3] for index in range(200)])
    rotation = street_pose(33)[:3, :3]

    np.testing.assert_allclose(np.diff(positions[:, 2]), 0.8)
    assert positions[:, 0].min() > 0.8 and positions[:, 0].max() < 1.7
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)


def test_calibration_images_have_the_size_asked_for_and_differ():
    images = street_images(2, (32, 64))

    assert [image.shape for image in images] == [(32, 64, 3)] * 2
    assert images[0].dtype == np.uint8
    assert (images[0] != images[1]).any()


def test_a_view_that_is_no_pose_is_refused():
    with pytest.raises(ValueError, match=r'frame index or a 4x4 pose, not an array of \(3, 4\)'):
        render_frame(Street(), np.eye(4)[:3], SIZE)
