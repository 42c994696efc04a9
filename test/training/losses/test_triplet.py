"""The triplet loss sees boundaries only, and what it says can be worked out by hand."""

from math import sqrt

import pytest
import torch

from mono_depth_ros.training.losses.triplet import triplet_loss

# Two classes side by side, in a map so wide that no patch at the boundary leaves it.
LABELS = torch.zeros(1, 1, 12, 12, dtype=torch.uint8)
LABELS[..., 6:] = 1
LEFT, RIGHT = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0])


def halves(left, right):
    """Return (1, 2, 12, 12) features: one vector for each class."""
    features = torch.empty(1, 2, 12, 12)
    features[..., :6] = left[None, :, None, None]
    features[..., 6:] = right[None, :, None, None]
    return features


def test_features_that_differ_by_class_cost_nothing_beyond_the_margin():
    loss = triplet_loss(halves(LEFT, RIGHT), LABELS, patch=5, margin=0.65)

    assert loss.tolist() == pytest.approx([0], abs=1e-4)


def test_features_that_are_alike_cost_the_margin():
    whole, half = (
        triplet_loss(halves(LEFT, LEFT), LABELS, patch=5, margin=margin).item()
        for margin in (0.65, 0.325)
    )

    assert whole == pytest.approx(2 * half, abs=1e-3)
    # 48 pixels have both classes around them; 64 more see the edge of the map, at no cost
    assert whole == pytest.approx(0.65 * 48 / 112, abs=1e-3)


def test_only_pixels_near_a_boundary_count():
    features = halves(LEFT, LEFT).requires_grad_()
    features.data += 0.1 * torch.rand(features.shape, generator=torch.Generator().manual_seed(0))

    triplet_loss(features, LABELS, patch=3, margin=0.65).sum().backward()

    touched = features.grad.abs().sum((0, 1))[5] > 0  # columns of a row in the middle
    assert touched[4:8].all() and not touched[2] and not touched[9]


def test_classes_that_are_far_apart_within_themselves_cost_their_distance():
    features = halves(LEFT, RIGHT)
    features[:, :, ::2, :6] = -LEFT[None, :, None, None]  # every second row turned round

    loss = triplet_loss(features, LABELS, patch=5, margin=0.0)

    # A left boundary pixel in a row of five sees itself and its like at 0, the others at 2.
    assert 0.3 < loss.item() < 1.0


def test_beyond_the_edge_are_others_at_the_square_root_of_two():
    labels = torch.zeros(1, 1, 4, 4)
    near = triplet_loss(torch.ones(1, 3, 4, 4), labels, patch=5, margin=1.0)
    far = triplet_loss(torch.ones(1, 3, 4, 4), labels, patch=5, margin=2.0)

    assert near.item() == pytest.approx(0, abs=1e-3)
    assert far.item() == pytest.approx(2 - sqrt(2), abs=1e-3)


@pytest.mark.parametrize('size', [1, 12])
def test_a_sample_without_boundaries_costs_nothing_and_keeps_the_gradient_finite(size):
    features = torch.ones(1, 4, size, size, requires_grad=True)

    loss = triplet_loss(features, torch.zeros(1, 1, size, size), patch=5, margin=0.65)
    loss.sum().backward()

    assert loss.tolist() == pytest.approx([0], abs=1e-3)
    assert features.grad.isfinite().all()


def test_label_maps_of_another_size_are_taken_by_the_nearest_pixel():
    fine = LABELS.repeat_interleave(4, 2).repeat_interleave(4, 3)
    features = torch.rand(1, 4, 12, 12, generator=torch.Generator().manual_seed(1))

    assert torch.equal(
        triplet_loss(features, fine, 5, 0.65), triplet_loss(features, LABELS, 5, 0.65)
    )
