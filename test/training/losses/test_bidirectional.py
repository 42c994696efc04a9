"""Both directions agree where both images see the same still thing, and only there."""

import numpy as np
import pytest
import torch
from true_views import motion_between, view_of

from mono_depth_ros.datasets.street.raycast import Street, render_frame
from mono_depth_ros.geometry.camera import backproject, project
from mono_depth_ros.geometry.ego_motion import (
    invert_transform,
    transform_from_parameters,
    transform_points,
)
from mono_depth_ros.training.losses.bidirectional import (
    View,
    bidirectional_loss,
    depth_consistency,
    feature_difference,
    flow_consistency_weight,
    rigid_flow,
    weighted_mean,
)
from mono_depth_ros.training.losses.view_synthesis import warp_to_target

SIZE = (96, 320)
K = torch.tensor([[[20.0, 0, 15], [0, 24, 9.5], [0, 0, 1]]], dtype=torch.float64)


def moved(x=0.0, y=0.0, z=0.0):
    motion = torch.eye(4, dtype=torch.float64)[None].clone()
    motion[0, :3, 3] = torch.tensor([x, y, z], dtype=torch.float64)
    return motion


def at(depth, size=(20, 32)):
    return torch.full((1, *size), float(depth), dtype=torch.float64)


def flow(x, y=0.0):
    return torch.tensor([x, y], dtype=torch.float64)[None, :, None, None].expand(1, 2, 20, 32)


def random_maps(channels, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, channels, 20, 32, dtype=torch.float64, generator=generator)


def test_a_step_to_the_side_moves_pixels_by_focal_length_over_depth():
    # points come 0.6 m to the left: 20 * 0.6 / 4 px; and 0.5 m down: 24 * 0.5 / 4 px
    torch.testing.assert_close(rigid_flow(at(4), K, moved(x=-0.6, y=0.5)), flow(-3, 3))


def test_flow_leads_where_images_are_sampled():
    depth, motion = 3 + random_maps(1)[:, 0], moved(x=0.2, z=-0.3)
    rows, columns = torch.meshgrid(torch.arange(20.0), torch.arange(32.0), indexing='ij')
    places = torch.stack((columns, rows))[None].double()

    found = places + rigid_flow(depth, K, motion)

    inside = ((found >= 0) & (found <= torch.tensor([31, 19])[:, None, None])).all(1)[0]
    sampled = warp_to_target(places, depth, K, motion)
    assert inside.sum() > 400
    torch.testing.assert_close(sampled[..., inside], found[..., inside])


def test_ways_that_cancel_weigh_one_and_ways_out_of_the_image_nothing():
    weight = flow_consistency_weight(flow(3), flow(-3))[0, 0]

    assert (weight[:, :29] == 1).all() and (weight[:, 29:] == 0).all()


def test_ways_that_do_not_cancel_weigh_less():
    there_and_further = flow_consistency_weight(flow(3), flow(3))[0, 0, 0, 0]
    too_short = flow_consistency_weight(flow(3), flow(-1))[0, 0, 0, 0]
    trembling = flow_consistency_weight(flow(0.1), flow(0.1))[0, 0, 0, 0]

    assert there_and_further == pytest.approx(1 / 7)  # 6 of 3 + 3 + 1 are left
    assert too_short == pytest.approx(1 - 2 / 5)
    assert trembling > 0.8


def test_the_way_back_is_that_of_the_place_arrived_at():
    back = flow(-3).clone()
    back[:, :, :, :16] = 5.0

    weight = flow_consistency_weight(flow(3), back)[0, 0]

    assert (weight[:, 13:29] == 1).all() and (weight[:, :13] < 0.5).all()


def test_depths_are_compared_after_the_motion_and_relative_to_themselves():
    nearer = depth_consistency(at(4), at(3), K, moved(z=-1))  # a step of 1 m ahead
    same = depth_consistency(at(4), at(6), K, moved())

    assert nearer.loss.max() < 1e-12
    torch.testing.assert_close(same.loss, torch.full_like(same.loss, 0.2))
    torch.testing.assert_close(same.weight, 1 - same.loss)


def test_what_the_source_does_not_look_at_has_no_weight_and_no_loss():
    left = depth_consistency(at(4), at(6), K, moved(x=-0.6))
    # of what is behind the source, pixel (21, 12) would land at (0, 0)
    camera = torch.tensor([[[20.0, 0, 14], [0, 24, 8], [0, 0, 1]]], dtype=torch.float64)
    behind = depth_consistency(at(2), at(6), camera, moved(z=-3))

    assert (left.weight[..., :3] == 0).all() and (left.loss[..., :3] == 0).all()
    assert (left.weight[..., 3:] > 0).all()
    assert behind.weight.max() == 0 and behind.loss.max() == 0


def test_both_depths_and_the_motion_learn_from_the_loss_and_none_from_the_weight():
    depth, source_depth = at(4).requires_grad_(), at(6).requires_grad_()
    motion = moved(z=-0.5).requires_grad_()

    found = depth_consistency(depth, source_depth, K, motion)
    found.loss.sum().backward()

    assert not found.weight.requires_grad
    for learns in (depth, source_depth, motion):
        assert learns.grad.isfinite().all() and learns.grad.abs().sum() > 0


class Pair:
    """Two frames of the street, and what is seen in both by looking at the nearest pixel."""

    def __init__(self, frame, step):
        target, source = (render_frame(Street(), number, SIZE) for number in (frame, frame + step))
        self.target, self.source = view_of(target), view_of(source)
        self.motion, self.K = motion_between(target, source), torch.from_numpy(target.K)[None]
        points = transform_points(self.motion, backproject(self.target.depth, self.K))
        pixels, carried = (found[0].numpy() for found in project(points, self.K))
        column, row = np.rint(pixels).astype(int).reshape(-1, 2).T
        inside = (column >= 0) & (row >= 0) & (column < SIZE[1]) & (row < SIZE[0])
        depth = self.source.depth[0].numpy()
        own = depth[row.clip(0, SIZE[0] - 1), column.clip(0, SIZE[1] - 1)].reshape(SIZE)
        inside = inside.reshape(SIZE)
        self.common = torch.from_numpy(inside & (np.abs(own / carried - 1) < 0.05))
        self.hidden = torch.from_numpy(inside & (own < 0.7 * carried))


@pytest.fixture(scope='module', params=[(12, 1), (40, -1)])
def pair(request):
    return Pair(*request.param)


def test_still_things_that_both_see_lead_there_and_back(pair):
    assert pair.common.double().mean() > 0.7 and pair.hidden.sum() > 500
    forward = rigid_flow(pair.target.depth, pair.K, pair.motion)
    backward = rigid_flow(pair.source.depth, pair.K, invert_transform(pair.motion))

    weight = flow_consistency_weight(forward, backward)[0, 0]
    landing = warp_to_target(backward, pair.target.depth, pair.K, pair.motion)
    missed = (forward + landing).norm(dim=1)[0]

    assert missed[pair.common].quantile(0.95) < 0.1 and missed[pair.common].median() < 0.01  # [px]
    assert missed[pair.hidden].median() > 2
    assert weight[pair.common].mean() > 0.99
    assert weight[pair.hidden].mean() < weight[pair.common].mean() - 0.2


def test_depths_agree_on_what_both_see_and_not_where_one_is_hidden(pair):
    found = depth_consistency(pair.target.depth, pair.source.depth, pair.K, pair.motion)

    loss = found.loss[0, 0]
    assert loss[pair.common].median() < 1e-3 and loss[pair.common].mean() < 0.01
    assert loss[pair.hidden].mean() > 0.3 and loss[pair.hidden].min() > 0.05


def views(pair, factor=1.0):
    return (
        View(seen.image, seen.depth * factor, [seen.image]) for seen in (pair.target, pair.source)
    )


@pytest.mark.parametrize('factor', [0.8, 1.25])
def test_true_depth_explains_images_and_features_best(pair, factor):
    true = bidirectional_loss(*views(pair), pair.K, pair.motion, 0.85)
    false = bidirectional_loss(*views(pair, factor), pair.K, pair.motion, 0.85)

    assert true.photometric < 0.6 * false.photometric
    assert true.features < 0.6 * false.features
    assert true.depth < 0.9 * false.depth < 0.05


def test_hidden_pixels_hardly_count(pair):
    loss = bidirectional_loss(*views(pair), pair.K, pair.motion, 0.85)

    weight = loss.weight[0, 0]
    assert weight[pair.hidden].mean() < 0.6 and weight[pair.common].mean() > 0.98


def test_a_pair_turned_round_has_the_same_loss(pair):
    target, source = views(pair)

    loss = bidirectional_loss(target, source, pair.K, pair.motion, 0.85)
    turned = bidirectional_loss(source, target, pair.K, invert_transform(pair.motion), 0.85)

    for first, second in zip(loss[:3], turned[:3]):
        torch.testing.assert_close(first, second)


def test_features_are_compared_relative_to_themselves():
    one, three = torch.ones(1, 1, 20, 32), 3 * torch.ones(1, 1, 20, 32)
    none = torch.zeros_like(one)

    def difference(target, source):
        return feature_difference(target, source, at(4), K, moved())

    def all_are(found, value):  # sampling between pixels rounds
        return torch.allclose(found, torch.full_like(found, value), rtol=0, atol=1e-6)

    assert all_are(difference(one, three), 0.5)
    assert all_are(difference(three, three), 0) and all_are(difference(none, none), 0)
    assert all_are(difference(torch.cat((one, none), 1), torch.cat((none, one), 1)), 1)


def test_small_features_are_warped_by_their_own_camera():
    small = random_maps(4)[..., :10, :16]
    target = torch.cat((small[..., :1], small[..., :-1]), -1)

    # 40 * 0.2 / 4 px in the image are 1 px of the features, from left to right
    found = feature_difference(
        target,
        small,
        at(4),
        torch.tensor([[[40.0, 0, 15.5], [0, 40, 9.5], [0, 0, 1]]], dtype=torch.float64),
        moved(x=-0.2),
    )

    assert found.shape == (1, 1, 10, 16) and found[..., 1:].max() < 1e-9


def test_features_teach_depth_and_motion_but_do_not_learn_themselves():
    target, source = (random_maps(4, seed).requires_grad_() for seed in (0, 1))
    depth, motion = at(4).requires_grad_(), moved(x=-0.3).requires_grad_()

    feature_difference(target, source, depth, K, motion).sum().backward()

    assert depth.grad.abs().sum() > 0 and motion.grad.abs().sum() > 0
    assert target.grad is None and source.grad is None


def test_a_weighted_mean_is_one_of_the_weights_and_zero_without_any():
    errors = torch.tensor([[1.0, 2.0], [4.0, 8.0]])[None, None].expand(2, -1, -1, -1)
    weight = torch.zeros(2, 1, 2, 2)
    weight[0, 0, 0] = torch.tensor([1.0, 3.0])

    assert weighted_mean(errors, weight).tolist() == pytest.approx([7 / 4, 0])
    assert weighted_mean(errors[..., :1, :1], weight)[0] == 1


def test_every_pair_has_its_own_loss_and_motions_out_of_sight_leave_numbers():
    image = random_maps(3).expand(2, -1, -1, -1)
    depth = at(2).expand(2, -1, -1).clone().requires_grad_()
    parameters = torch.tensor(
        [[0.0, 0.01, 0, 0.1, 0, 0], [0, 0, 0, 0, 0, -3.0]], dtype=torch.float64, requires_grad=True
    )
    motion = transform_from_parameters(parameters[:, :3], parameters[:, 3:])
    view = View(image, depth, [image[:, :2]])

    loss = bidirectional_loss(view, view, K.expand(2, -1, -1), motion, 0.85)
    sum(loss[:3]).sum().backward()

    assert loss.photometric[0] > 0 and loss.warped.shape == (2, 3, 20, 32)
    assert loss.weight.shape == (2, 1, 20, 32) and loss.weight[1].max() == 0
    assert depth.grad.isfinite().all() and parameters.grad.isfinite().all()
    assert depth.grad[0].abs().sum() > 0


def test_features_of_several_stages_count_alike():
    other = random_maps(3, 1)
    once, twice = (
        bidirectional_loss(
            View(random_maps(3), at(4), [random_maps(2)] * stages),
            View(other, at(4), [other[:, :2]] * stages),
            K,
            moved(),
            0.85,
        )
        for stages in (1, 2)
    )

    assert once.features > 0
    torch.testing.assert_close(twice.features, once.features)


def test_features_are_left_out_where_there_are_none():
    view = View(random_maps(3), at(4), [])

    loss = bidirectional_loss(view, view, K, moved(), 0.85)

    assert loss.features.tolist() == [0]
    assert loss.photometric.item() == pytest.approx(0, abs=1e-9)


def test_mixed_precision_stays_out_of_the_geometry():
    depth, source = random_maps(1)[:, 0].float() + 3, random_maps(3, 1).float()
    view, camera, motion = View(source, depth, [source]), K.float(), moved(x=-0.3, z=0.2).float()

    expected = bidirectional_loss(view, view, camera, motion, 0.85)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = bidirectional_loss(view, view, camera, motion, 0.85)

    assert found.photometric.dtype == torch.float32
    for first, second in zip(found, expected):
        torch.testing.assert_close(first, second, atol=1e-6, rtol=1e-5)
