"""Every term of the loss, worked out by hand."""

from math import exp, log, nan

import pytest
import torch

from mono_depth_ros.training.losses.terms import ReprojectionError, hint_error, smoothness


def flat(value, size=(4, 5), count=1):
    return torch.full((count, 3, *size), value, dtype=torch.float64)


def test_the_error_of_two_flat_images():
    error = ReprojectionError(flat(0.2))(flat(0.6))

    # No variance: SSIM is its brightness part, 0.2401 / 0.4001.
    expected = 0.85 * (1 - 0.2401 / 0.4001) / 2 + 0.15 * 0.4
    torch.testing.assert_close(error, torch.full((1, 1, 4, 5), expected, dtype=torch.float64))


def test_without_ssim_the_error_is_the_mean_difference_of_the_channels():
    target = flat(0.5)
    image = target + torch.tensor([0.1, -0.2, 0.3]).reshape(1, 3, 1, 1)

    torch.testing.assert_close(ReprojectionError(target, 0.0)(image), flat(0.2)[:, :1])


def test_an_image_has_no_error_against_itself():
    image = torch.rand(1, 3, 6, 7, dtype=torch.float64)

    assert ReprojectionError(image)(image).abs().max() < 1e-9


@pytest.mark.parametrize('ssim', [0.0, 0.85])
def test_selected_targets_are_compared_as_if_they_had_been_given(ssim):
    targets, images = torch.rand(2, 3, 3, 6, 7, dtype=torch.float64)
    chosen = torch.tensor([2, 0, 2])

    selected = ReprojectionError(targets, ssim).select(chosen)(images)

    torch.testing.assert_close(selected, ReprojectionError(targets[chosen], ssim)(images))


def test_smoothness_of_a_step_is_lower_where_the_image_has_an_edge_too():
    disparity = torch.tensor([[0.2, 0.2, 0.6, 0.6]] * 3, dtype=torch.float64)[None, None]
    image = flat(0.5, (3, 4))
    image[..., 2:] = 0.8

    # Mean 0.4: the step is 1, at one of the three places of each row.
    assert smoothness(disparity, flat(0.5, (3, 4))) == pytest.approx(1 / 3)
    assert smoothness(disparity, image) == pytest.approx(exp(-0.3) / 3)


def test_smoothness_adds_changes_along_columns():
    disparity = torch.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]], dtype=torch.float64)

    assert smoothness(disparity[None, None], flat(0.5, (3, 2))) == pytest.approx(0.5)


def test_smoothness_does_not_care_how_large_disparity_is():
    disparity, image = torch.rand(2, 1, 5, 6), torch.rand(2, 3, 5, 6)

    torch.testing.assert_close(smoothness(7 * disparity, image), smoothness(disparity, image))


def test_a_hint_counts_by_its_ratio_and_only_where_there_is_one():
    depth = torch.tensor([[2.0, 8.0], [5.0, 3.0]], requires_grad=True)
    hint = torch.tensor([[4.0, 4.0], [nan, 3.0]])

    error = hint_error(depth[None, None], hint[None, None], shared=0.0)
    error.sum().backward()

    assert error.tolist() == pytest.approx([2 * log(2) / 3])
    assert depth.grad.tolist() == [pytest.approx([-1 / 6, 1 / 24]), pytest.approx([0, 0])]


def test_a_sample_without_hints_has_no_error_and_no_nan():
    depth = torch.ones(2, 1, 2, 3, requires_grad=True)
    hint = torch.full((2, 1, 2, 3), nan)
    hint[1] = torch.e

    error = hint_error(depth, hint, shared=0.0)
    error.sum().backward()

    assert error.tolist() == pytest.approx([0, 1])
    assert (depth.grad[0] == 0).all() and depth.grad.isfinite().all()


def test_an_error_that_all_pixels_share_counts_less():
    hint = torch.ones(1, 1, 1, 2)
    too_far = torch.tensor([3.0, 3.0]).exp()[None, None, None]
    apart = torch.tensor([3.0, 1.0]).exp()[None, None, None]

    assert hint_error(too_far, hint, shared=0.75).item() == pytest.approx(0.75)
    # 1 from their mean, 2 from the hint
    assert hint_error(apart, hint, shared=0.75).item() == pytest.approx(0.75 * 1 + 0.25 * 2)


def test_a_few_wild_hints_do_not_move_the_others():
    hint = torch.tensor([1.0, 1.0, 1.0, 100.0])[None, None, None]
    depth = torch.ones(1, 1, 1, 4)

    losses = [hint_error(depth * factor, hint).item() for factor in (0.9, 1.0, 1.1)]

    assert losses[1] == min(losses)
