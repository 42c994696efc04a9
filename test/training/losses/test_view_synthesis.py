"""Warping agrees with the street's true depth and motion, and can be differentiated through."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from true_views import motion_between, reconstruction_error, view_of

from mono_depth_ros.datasets.street.raycast import Street, render_frame
from mono_depth_ros.geometry.camera import resize_intrinsics
from mono_depth_ros.geometry.ego_motion import transform_from_parameters
from mono_depth_ros.networks.pose import PoseNetwork
from mono_depth_ros.training.losses.view_synthesis import find_motion, warp_to_target

K = torch.tensor([[[20.0, 0, 15], [0, 24, 9.5], [0, 0, 1]]], dtype=torch.float64)
STILL = torch.eye(4, dtype=torch.float64)[None]


def random_image(height=20, width=32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, height, width, dtype=torch.float64, generator=generator)


def moved(x=0.0, y=0.0, z=0.0):
    motion = STILL.clone()
    motion[0, :3, 3] = torch.tensor([x, y, z], dtype=torch.float64)
    return motion


@pytest.mark.parametrize('step', [-3, -1, 1, 3])
def test_true_depth_and_motion_reconstruct_the_target(step):
    target, source = (render_frame(Street(), index, (192, 640)) for index in (40, 40 + step))
    motion = motion_between(target, source)

    error = reconstruction_error(
        view_of(target), view_of(source), torch.from_numpy(target.K)[None], motion
    )

    assert error < 0.02


# Pixels are some hundreds: their place is exact to the last bits of the number's type.
@pytest.mark.parametrize('dtype, exact', [(torch.float64, 1e-11), (torch.float32, 5e-4)])
def test_without_motion_the_image_comes_back(dtype, exact):
    image, depth = random_image(192, 640).to(dtype), 50 * random_image(192, 640, 1)[:, 0] + 0.1
    camera = torch.tensor([[[371.2, 0, 320.1], [0, 368.9, 90.7], [0, 0, 1]]], dtype=dtype)

    warped = warp_to_target(image, depth.to(dtype), camera, STILL.to(dtype))

    torch.testing.assert_close(warped, image, atol=exact, rtol=0)


def test_a_step_to_the_right_shifts_the_source_by_focal_length_over_depth():
    source, depth = random_image(), torch.full((1, 20, 32), 4.0, dtype=torch.float64)

    # The camera went 0.6 m to the right, so points come 0.6 m more to the left: 20 * 0.6 / 4 px.
    warped = warp_to_target(source, depth, K, moved(x=-0.6))

    torch.testing.assert_close(warped[..., 3:], source[..., :-3])


def test_what_lands_outside_repeats_the_border():
    source, depth = random_image(), torch.full((1, 20, 32), 4.0, dtype=torch.float64)

    warped = warp_to_target(source, depth, K, moved(x=-0.6))

    torch.testing.assert_close(warped[..., :3], source[..., :1].expand(1, 3, 20, 3))


def test_every_image_of_a_batch_has_its_own_camera_and_motion():
    source = torch.cat([random_image(), random_image(seed=1)])
    depth = torch.full((2, 20, 32), 4.0, dtype=torch.float64)
    cameras = torch.cat([K, K.clone()])
    cameras[1, 0, 0] = 40.0

    warped = warp_to_target(source, depth, cameras, moved(x=-0.6).repeat(2, 1, 1))

    torch.testing.assert_close(warped[0, ..., 3:], source[0, ..., :-3])
    torch.testing.assert_close(warped[1, ..., 6:], source[1, ..., :-6])


def test_points_behind_the_source_give_no_nan_and_no_gradient():
    depth = torch.full((1, 20, 32), 2.0, dtype=torch.float64, requires_grad=True)

    warped = warp_to_target(random_image(), depth, K, moved(z=-3.0))
    warped.sum().backward()

    assert warped.isfinite().all() and (depth.grad == 0).all()


def test_gradients_through_the_whole_warp_match_finite_differences():
    source = random_image(5, 7)
    camera = torch.tensor([[[6.0, 0, 3.2], [0, 5, 2.1], [0, 0, 1]]], dtype=torch.float64)
    depth = (random_image(5, 7, seed=2)[:, 0] + 3).requires_grad_()
    parameters = torch.tensor(
        [[0.011, -0.023, 0.017, 0.13, -0.07, 0.21]], dtype=torch.float64, requires_grad=True
    )

    def warp(source, depth, parameters):
        motion = transform_from_parameters(parameters[:, :3], parameters[:, 3:])
        return warp_to_target(source, depth, camera, motion)

    assert torch.autograd.gradcheck(warp, (source.requires_grad_(), depth, parameters))


@pytest.mark.parametrize('frame, step', [(12, 1), (40, -1), (70, 1)])
def test_the_true_motion_is_where_the_warped_source_fits_best(frame, step):
    size = (128, 416)
    target, source = (render_frame(Street(), index, size) for index in (frame, frame + step))

    found = fit_motion(view_of(target), view_of(source), torch.from_numpy(target.K)[None], size)

    true = motion_between(target, source)[0, :3, 3]
    cosine = F.cosine_similarity(found[3:], true, dim=0)
    assert torch.rad2deg(cosine.acos()) < 2
    assert found[3:].norm() / true.norm() == pytest.approx(1, abs=0.02)


def fit_motion(target, source, K, size):
    """Fit the 6-vector at true depth from rest, coarse to fine: images averaged 8 to 1 fold."""
    parameters = torch.zeros(1, 6, dtype=torch.float64, requires_grad=True)
    for factor in (8, 4, 2, 1):
        small = F.avg_pool2d(target.image, factor)
        sources = F.avg_pool2d(source.image, factor)
        depth = 1 / F.avg_pool2d(1 / target.depth, factor)
        camera = resize_intrinsics(K, size, small.shape[-2:])
        optimizer = torch.optim.LBFGS([parameters], max_iter=40, line_search_fn='strong_wolfe')

        def misfit(small=small, sources=sources, depth=depth, camera=camera, optimizer=optimizer):
            optimizer.zero_grad()
            motion = transform_from_parameters(parameters[:, :3], parameters[:, 3:])
            difference = warp_to_target(sources, depth, camera, motion) - small
            error = (difference.square() + 1e-4).sqrt().mean()  # L1 that is smooth at zero
            error.backward()
            return error

        optimizer.step(misfit)
    return parameters.detach()[0]


class Motion(PoseNetwork):
    """Sees the brightness that the later image has over the earlier as motion along z."""

    def __init__(self):
        nn.Module.__init__(self)

    def forward(self, first, second):
        forward = (second - first).mean((1, 2, 3))
        turn = torch.full_like(forward, 0.1)
        return torch.stack([turn, *[turn * 0] * 4, forward], dim=1)


def test_the_earlier_image_always_comes_first_and_the_answer_is_turned_back():
    target, source = torch.full((2, 3, 64, 64), 0.5), torch.empty(2, 3, 64, 64)
    source[0], source[1] = 0.25, 0.75  # one earlier, one later: both 0.25 apart

    motion = find_motion(Motion(), target, source, torch.tensor([-1, 1]))

    assert motion[1, 2, 3] == pytest.approx(0.25)
    torch.testing.assert_close(motion[0] @ motion[1], torch.eye(4))


def test_mixed_precision_stays_out_of_the_geometry():
    source, depth = random_image(64, 416).float(), 20 * random_image(64, 416, 1)[:, 0].float() + 1
    camera = torch.tensor([[[241.2, 0, 208.0], [0, 240.0, 31.5], [0, 0, 1]]])
    motion = transform_from_parameters(torch.full((1, 3), 0.02), torch.full((1, 3), 0.3))
    offset = torch.tensor([-1])

    expected = warp_to_target(source, depth, camera, motion)
    pose = find_motion(Motion(), source, source / 2, offset)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        warped = warp_to_target(source, depth, camera, motion)
        mixed_pose = find_motion(Motion(), source, source / 2, offset)

    assert warped.dtype == torch.float32
    torch.testing.assert_close(warped, expected, atol=0, rtol=0)
    torch.testing.assert_close(mixed_pose, pose, atol=0, rtol=0)
