"""SSIM's value and closed-form gradient are those of the plain formula."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from mono_depth_ros.training.losses.ssim import (
    structural_dissimilarity,
    window_statistics,
    window_sum,
)


def images(height, width, channels=2, count=2):
    generator = torch.Generator().manual_seed(height * width)
    pair = torch.rand(2, count, channels, height, width, dtype=torch.float64, generator=generator)
    return pair[0], pair[1]


def dissimilarity(image, target):
    return structural_dissimilarity(image, target, window_statistics(target))


def plain_dissimilarity(x, y):
    """(1 - SSIM) / 2 as it is written down (Wang et al. 2004, Eq. 13), left to autograd.

    The channels' mean.
    """

    def mean(image):
        return F.avg_pool2d(F.pad(image, (1, 1, 1, 1), mode='reflect'), 3, 1)

    variance_x, variance_y = mean(x**2) - mean(x) ** 2, mean(y**2) - mean(y) ** 2
    covariance = mean(x * y) - mean(x) * mean(y)
    above = (2 * mean(x) * mean(y) + 0.01**2) * (2 * covariance + 0.03**2)
    below = (mean(x) ** 2 + mean(y) ** 2 + 0.01**2) * (variance_x + variance_y + 0.03**2)
    return ((1 - above / below) / 2).clamp(0, 1).mean(1, keepdim=True)


@pytest.mark.parametrize('size', [(6, 9), (9, 6), (2, 7), (3, 3)])
def test_value_and_gradient_are_those_of_the_plain_formula(size):
    image, target = images(*size)
    image.requires_grad_()
    weights = torch.rand_like(image[:, :1])

    closed, plain = dissimilarity(image, target), plain_dissimilarity(image, target)
    (by_closed,) = torch.autograd.grad((closed * weights).sum(), image)
    (by_plain,) = torch.autograd.grad((plain * weights).sum(), image)

    torch.testing.assert_close(closed, plain)
    torch.testing.assert_close(by_closed, by_plain)


# Small enough that most windows lie at the border.
@pytest.mark.parametrize('size', [(4, 6), (6, 4), (2, 3)])
def test_the_gradient_matches_finite_differences_up_to_the_border(size):
    image, target = images(*size, count=1)

    assert torch.autograd.gradcheck(dissimilarity, (image.requires_grad_(), target))


def test_the_gradient_reaches_the_target_too_where_it_is_wanted():
    image, target = images(4, 6, count=1)

    assert torch.autograd.gradcheck(
        dissimilarity, (image.requires_grad_(), target.requires_grad_())
    )


def test_windows_are_mirrored_at_the_border():
    image = torch.arange(12.0).reshape(1, 1, 3, 4)

    total = window_sum(image)[0, 0]

    # The corner's window mirrors row 1 and column 1: 5 4 5, 1 0 1, 5 4 5.
    assert total[0, 0] == 30
    assert total[1, 1] == 45
    deviations = sum((value - 5) ** 2 for value in (0, 1, 2, 4, 5, 6, 8, 9, 10))
    assert window_statistics(image).contrast[0, 0, 1, 1] == pytest.approx(
        81 * (deviations / 9 + 0.03**2)
    )


def test_an_image_equals_itself_and_its_negative_is_as_far_as_can_be():
    checks = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64).repeat(1, 1, 4, 4)

    same, opposite = dissimilarity(checks, checks), dissimilarity(checks, 1 - checks)

    assert (same < 1e-12).all()
    # Means 4/9 and 5/9, variances 20/81, covariance -20/81.
    similarity = (40 / 81 + 1e-4) * (-40 / 81 + 9e-4) / ((41 / 81 + 1e-4) * (40 / 81 + 9e-4))
    torch.testing.assert_close(opposite, torch.full_like(opposite, (1 - similarity) / 2))


def test_equal_images_have_no_gradient_and_no_nan():
    image, _ = images(5, 5)
    copy = image.clone().requires_grad_()

    dissimilarity(copy, image).sum().backward()

    assert copy.grad.abs().max() < 1e-9
