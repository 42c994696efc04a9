"""Maps are compared as distributions, where the teacher is to be believed."""

from math import inf, log

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from mono_depth_ros.datasets.street.raycast import Street, render_frame
from mono_depth_ros.geometry.disparity import depth_to_disparity
from mono_depth_ros.training.losses.apx import apx_loss, pair_stages, position_mask

RANGE = 0.1, 100.0
# A softmax of a quarter and three quarters; that of two zeros is a half and a half.
UNEVEN = torch.tensor([0.0, log(3)])


def row(values):
    return torch.as_tensor(values, dtype=torch.float32).reshape(1, 1, 1, -1)


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def disparity_of(depth):
    return depth_to_disparity(torch.as_tensor(depth, dtype=torch.float64)[None, None], *RANGE)


@pytest.mark.parametrize('turn', [lambda x: x, lambda x: x.mT])
def test_rows_and_columns_are_compared_as_distributions(turn):
    even, uneven = turn(row([0, 0])), turn(row(UNEVEN))

    assert apx_loss(uneven, even, None).tolist() == pytest.approx([0.5])
    assert apx_loss(uneven + 0.3, uneven, None).tolist() == pytest.approx([0], abs=1e-6)


def test_rows_and_columns_add_up():
    square = torch.stack([UNEVEN, UNEVEN])[None, None]

    # each of two rows differs by 0.5, both columns by nothing
    assert apx_loss(square, 0 * square, None).item() == pytest.approx(0.5)
    assert apx_loss(square + square.mT, 0 * square, None).item() == pytest.approx(1)


def test_every_sample_has_its_own_loss():
    student = torch.cat([row(UNEVEN), row([1, 1])])

    assert apx_loss(student, torch.zeros(2, 1, 1, 2), None).tolist() == pytest.approx([0.5, 0])


def test_features_count_by_their_mean_absolute_value_disparities_by_their_own():
    student = torch.cat([row(2 * UNEVEN), row([0, 0])], 1)

    assert apx_loss(student, torch.zeros(1, 3, 1, 2), None).item() == pytest.approx(0.5)
    assert apx_loss(-student, student, None).item() == pytest.approx(0)
    assert apx_loss(row(-UNEVEN), row(UNEVEN), None).item() == pytest.approx(1)


def test_what_the_mask_leaves_out_counts_as_equal():
    left = apx_loss(row(UNEVEN), row([0, 0]), row([1, 0]))
    nothing = apx_loss(row(UNEVEN), row([0, 0]), row([0, 0]))

    assert left.item() == pytest.approx(0.25) and nothing.item() == 0


@pytest.mark.parametrize('factor', [2, 0.5])
def test_teacher_and_mask_may_have_another_size(factor):
    smooth = F.interpolate(noise(1, 1, 3, 4), (24, 48), mode='bicubic')
    teacher = F.interpolate(smooth, scale_factor=factor, mode='bilinear')
    everywhere = torch.ones_like(teacher)

    alike = apx_loss(smooth, teacher, everywhere)

    assert alike < 0.02
    assert apx_loss(smooth, teacher.flip(-1), everywhere) > 10 * alike
    torch.testing.assert_close(apx_loss(smooth, teacher, everywhere / 2), alike / 2)


def test_the_student_learns_the_teachers_distribution_and_the_teacher_nothing():
    student = noise(1, 1, 6, 8).requires_grad_()
    teacher = noise(1, 5, 6, 8, seed=1).requires_grad_()
    before = apx_loss(student, teacher, None)

    before.sum().backward()
    after = apx_loss(student.detach() - 0.1 * student.grad, teacher, None)

    assert after < before and teacher.grad is None


def test_half_precision_is_compared_in_full():
    student, teacher = noise(1, 8, 6, 8), noise(1, 8, 6, 8, seed=1)

    found = apx_loss(student.bfloat16(), teacher.bfloat16(), None)

    assert found.dtype == torch.float32
    torch.testing.assert_close(found, apx_loss(student, teacher, None), rtol=0.05, atol=0)


def test_stages_of_the_same_resolution_belong_together():
    student = [
        noise(1, width, 128 >> level, 416 >> level) for level, width in enumerate((16, 32, 64))
    ]
    teacher = [noise(1, 24, 192 >> level, 640 >> level) for level in (1, 2, 3)]

    pairs = pair_stages(student, teacher, 128, 192)

    assert [(a.shape[-2], b.shape[-2]) for a, b in pairs] == [(64, 96), (32, 48)]


def test_stages_without_a_common_resolution_are_refused():
    with pytest.raises(ValueError, match=r'student has maps at 1/\[1, 2\].*teacher at 1/\[4\]'):
        pair_stages([noise(1, 1, 32, 64), noise(1, 1, 16, 32)], [noise(1, 1, 8, 16)], 32, 32)


def test_the_far_teacher_is_not_believed():
    disparity = disparity_of([[1.0, 79.9], [80.1, 99.0]])

    assert position_mask(disparity, *RANGE).tolist() == [[[[1, 1], [0, 0]]]]
    assert position_mask(disparity, *RANGE, farthest=inf).min() == 1


def ground_with(depth):
    """Return disparities of 8 rows, the lower ones ground, with two pixels of another depth."""
    depths = torch.full((8, 12), 10.0)
    depths[4:] = torch.tensor([20.0, 10, 5, 4])[:, None]
    depths[5, 3] = depths[1, 3] = depth
    return disparity_of(depths)


def test_a_hole_is_far_behind_its_row_below_the_middle():
    mask = position_mask(ground_with(45.0), *RANGE, hole=4.0)

    assert (mask == 0).nonzero().tolist() == [[0, 0, 5, 3]]
    assert position_mask(ground_with(45.0), *RANGE).min() == 1
    assert position_mask(ground_with(39.0), *RANGE, hole=4.0).min() == 1


@pytest.mark.parametrize('frame', [12, 40, 70])
def test_a_true_street_has_next_to_no_holes_and_a_car_at_infinity_is_one(frame):
    depth = torch.from_numpy(render_frame(Street(), frame, (96, 320)).depth).clamp(max=79.0)
    car = (slice(68, 80), slice(130, 180))

    mask = position_mask(disparity_of(depth), *RANGE, hole=4.0)
    depth[car] = 79.0
    with_hole = position_mask(disparity_of(depth), *RANGE, hole=4.0)

    assert (mask == 0).double().mean() < 0.01
    assert with_hole[0, 0][car].max() == 0


@pytest.mark.parametrize(
    'options, message', [({'farthest': 0.05}, 'farthest is 0.05'), ({'hole': 1.0}, 'hole is 1.0')]
)
def test_masks_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        position_mask(torch.rand(1, 1, 2, 2), *RANGE, **options)
