import pytest
import torch
from torch import Tensor

from mono_depth_ros.geometry.camera import (
    backproject,
    crop_intrinsics,
    flip_intrinsics,
    project,
    resize_intrinsics,
)

K = torch.tensor([[50.0, 2.0, 3.0], [0.0, 40.0, 1.5], [0.0, 0.0, 1.0]], dtype=torch.float64)


def random_depth(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return 1 + 9 * torch.rand(*shape, dtype=torch.float64, generator=generator)


def pixel_grid(height: int, width: int) -> Tensor:
    v, u = torch.meshgrid(torch.arange(height), torch.arange(width), indexing='ij')
    return torch.stack((u, v), dim=-1).double()


def test_backproject_agrees_with_a_hand_computed_point():
    simple = torch.tensor([[50.0, 0, 3.0], [0, 40.0, 1.0], [0, 0, 1]])

    points = backproject(torch.full((4, 9), 2.0), simple)

    assert points.shape == (4, 9, 3)
    assert torch.allclose(points[3, 8], torch.tensor([0.2, 0.1, 2.0]))  # 5/50*2, 2/40*2


def test_backproject_is_depth_times_inverse_intrinsics_with_skew():
    depth = random_depth(5, 7)
    pixels = torch.cat((pixel_grid(5, 7), torch.ones(5, 7, 1, dtype=torch.float64)), dim=-1)

    expected = depth[..., None] * (pixels @ torch.linalg.inv(K).mT)

    assert torch.allclose(backproject(depth, K), expected, atol=1e-12)


def test_invalid_depth_becomes_a_nan_point_and_nothing_else():
    depth = torch.ones(3, 5, dtype=torch.float64)
    depth[0, 1] = torch.nan
    depth[2, 4] = torch.inf

    invalid = backproject(depth, K).isnan()

    assert invalid.any(dim=-1).sum() == 2
    assert invalid[0, 1].all() and invalid[2, 4].all()


def test_strided_points_keep_their_place_in_space():
    depth = random_depth(2, 5, 8)

    strided = backproject(depth, K.expand(2, 3, 3), stride=3)

    assert strided.shape == (2, 2, 3, 3)
    assert torch.equal(strided, backproject(depth, K.expand(2, 3, 3))[:, ::3, ::3])


def test_a_stride_of_zero_is_refused():
    with pytest.raises(ValueError, match='stride is 0; it must be 1'):
        backproject(torch.ones(2, 2), K, stride=0)


def test_every_camera_of_a_batch_uses_its_own_intrinsics():
    wider = K.clone()
    wider[0, 0] = 25.0
    depth = random_depth(2, 5, 7)

    points = backproject(depth, torch.stack((K, wider)))

    assert torch.equal(points[0], backproject(depth[0], K))
    assert torch.equal(points[1], backproject(depth[1], wider))


def test_projecting_the_points_returns_pixels_and_depth():
    depth = random_depth(2, 5, 7)
    cameras = K.expand(2, 3, 3)

    pixels, projected_depth = project(backproject(depth, cameras), cameras)

    assert torch.allclose(pixels, pixel_grid(5, 7).expand(2, 5, 7, 2), atol=1e-12)
    assert torch.equal(projected_depth, depth)


def test_a_point_behind_the_camera_is_never_mirrored_into_the_image():
    pixels, depth = project(torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64), K)

    assert depth == -1
    assert pixels.abs().min() > 1e6


def test_geometry_gradients_match_finite_differences():
    depth = random_depth(1, 2, 3).requires_grad_()
    camera = K[None].clone().requires_grad_()
    points = random_depth(1, 2, 3, 3).requires_grad_()

    # K's last row is constant, so it takes no part in either function.
    def lift(depth: Tensor, upper: Tensor) -> Tensor:
        return backproject(depth, torch.cat((upper, K[None, 2:]), dim=1))

    def drop(points: Tensor, upper: Tensor) -> Tensor:
        return project(points, torch.cat((upper, K[None, 2:]), dim=1))[0]

    upper = camera.detach()[:, :2].requires_grad_()
    assert torch.autograd.gradcheck(lift, (depth, upper))
    assert torch.autograd.gradcheck(drop, (points, upper))


def test_resizing_moves_the_principal_point_about_pixel_centres():
    resized = resize_intrinsics(K, (4, 8), (8, 4))

    expected = torch.tensor([[25.0, 1.0, 1.25], [0, 80.0, 3.5], [0, 0, 1]], dtype=torch.float64)
    assert torch.allclose(resized, expected)  # (3 + 0.5) / 2 - 0.5 and (1.5 + 0.5) * 2 - 0.5


def test_resizing_there_and_back_returns_the_same_intrinsics():
    there = resize_intrinsics(K.expand(2, 3, 3), (375, 1242), (192, 640))

    assert torch.allclose(resize_intrinsics(there, (192, 640), (375, 1242)), K.expand(2, 3, 3))


def test_a_crop_projects_to_pixels_shifted_by_its_corner():
    point = torch.tensor([0.4, -0.3, 2.0], dtype=torch.float64)

    before, _ = project(point, K)
    after, _ = project(point, crop_intrinsics(K, top=7, left=11))

    assert torch.allclose(before - after, torch.tensor([11.0, 7.0], dtype=torch.float64))


def test_a_mirrored_scene_projects_to_mirrored_pixels():
    point = torch.tensor([0.4, -0.3, 2.0], dtype=torch.float64)
    mirrored_point = point * torch.tensor([-1, 1, 1])

    (u, v), _ = project(point, K)
    (mirrored_u, mirrored_v), _ = project(mirrored_point, flip_intrinsics(K, width=20))

    assert torch.allclose(mirrored_u, 19 - u) and mirrored_v == v
    assert flip_intrinsics(K, width=20)[0, 2] == 16
