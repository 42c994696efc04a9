from math import e, isnan, log, sqrt

import numpy as np
import pytest
import torch

from mono_depth_ros.evaluation.metrics import (
    DepthMetrics,
    depth_metrics,
    mean_metrics,
    median_scale,
    silog,
    spearman,
)


def test_two_pixels_give_the_closed_form():
    metrics = depth_metrics(np.array([2.0, 6.0]), np.array([4.0, 5.0]))

    assert metrics.abs_rel == pytest.approx((2 / 4 + 1 / 5) / 2)
    assert metrics.sq_rel == pytest.approx((4 / 4 + 1 / 5) / 2)
    assert metrics.rmse == pytest.approx(sqrt((4 + 1) / 2))
    assert metrics.rmse_log == pytest.approx(sqrt((log(2) ** 2 + log(1.2) ** 2) / 2))


def test_perfect_depth_has_no_error():
    depth = np.array([1.0, 7.0, 80.0])

    assert depth_metrics(depth, depth) == (0, 0, 0, 0, 1, 1, 1)


def test_accuracies_count_ratios_either_way_below_powers_of_1_25():
    true = np.full(6, 1.0)
    predicted = np.array([1.2, 1 / 1.2, 1.4, 1 / 1.4, 1.9, 2.5])

    metrics = depth_metrics(predicted, true)

    assert (metrics.a1, metrics.a2, metrics.a3) == (2 / 6, 4 / 6, 5 / 6)


def test_a_ratio_of_exactly_1_25_does_not_count():
    assert depth_metrics(np.array([1.25]), np.array([1.0])).a1 == 0


def test_log_error_of_a_factor_is_its_logarithm():
    assert depth_metrics(np.array([e, e]), np.ones(2)).rmse_log == pytest.approx(1)


def test_single_precision_input_is_computed_in_double():
    true = np.full(1_000_000, 10.0, np.float32)

    assert depth_metrics(true * np.float32(1.5), true).abs_rel == pytest.approx(0.5, rel=1e-12)


def test_scale_invariant_error_is_the_deviation_of_the_logarithm():
    # ln(d / t) is ln 2 and 0: deviation ln 2 / 2, whatever the scale
    predicted, true = np.array([2.0, 5.0]), np.array([1.0, 5.0])

    assert silog(predicted, true) == pytest.approx(100 * log(2) / 2)
    assert silog(3 * predicted, true) == pytest.approx(100 * log(2) / 2)
    assert silog(3 * true, true) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.bfloat16])
def test_tensors_give_the_same_as_arrays(dtype):
    predicted, true = torch.tensor([2.0, 6.0]), torch.tensor([4.0, 5.0])

    of_tensors = depth_metrics(predicted.to(dtype, copy=True).requires_grad_(), true.to(dtype))

    assert of_tensors == depth_metrics(predicted.numpy(), true.numpy())
    assert median_scale(predicted, true) == 4.5 / 4 and spearman(predicted, true) == 1


def test_mean_counts_every_image_the_same():
    first, second = DepthMetrics(*[0.0] * 7), DepthMetrics(*[float(n) for n in range(7)])

    assert mean_metrics([first, second]) == (0, 0.5, 1, 1.5, 2, 2.5, 3)


def test_median_scale_ignores_an_outlier():
    assert median_scale(np.array([1.0, 2.0, 900.0]), np.array([10.0, 30.0, 20.0])) == 10


@pytest.mark.parametrize('order', [[0, 1, 2, 3], [3, 2, 1, 0]])
def test_rank_correlation_knows_the_order_only(order):
    true = np.array([1.0, 2.0, 3.0, 4.0])
    predicted = np.array([0.1, 5.0, 6.0, 1000.0])[order]

    assert spearman(predicted, true) == pytest.approx(1 if order[0] == 0 else -1)


def test_one_swap_of_neighbours_gives_the_textbook_value():
    # 1 - 6 * sum(d^2) / (n (n^2 - 1)) with two rank differences of 1 among 5
    swapped = spearman(np.array([2.0, 1.0, 3.0, 4.0, 5.0]), np.arange(5.0))

    assert swapped == pytest.approx(1 - 6 * 2 / (5 * 24))


def test_ties_share_their_average_rank():
    # ranks 1.5, 1.5, 3, 4 and 1, 2, 3, 4: covariance 4.5, variances 4.5 and 5
    tied = spearman(np.array([7.0, 7.0, 9.0, 11.0]), np.arange(4.0))

    assert tied == pytest.approx(4.5 / sqrt(4.5 * 5))


def test_a_constant_has_no_order():
    assert isnan(spearman(np.ones(4), np.arange(4.0)))


@pytest.mark.parametrize('compare', [depth_metrics, median_scale, silog, spearman])
def test_other_lengths_are_refused(compare):
    with pytest.raises(ValueError, match=r'\(2,\) and true ones \(3,\).*same mask'):
        compare(np.ones(2), np.ones(3))


@pytest.mark.parametrize('compare', [depth_metrics, median_scale])
def test_no_pixels_are_refused(compare):
    with pytest.raises(ValueError, match='N of 1 or more'):
        compare(np.ones(0), np.ones(0))


@pytest.mark.parametrize('bad', [0.0, -1.0, np.nan, np.inf])
def test_what_is_no_depth_is_refused(bad):
    with pytest.raises(ValueError, match=r'1 of 2 predicted depths are no depth.*Mask'):
        depth_metrics(np.array([1.0, bad]), np.ones(2))
    with pytest.raises(ValueError, match='1 of 2 true depths'):
        depth_metrics(np.ones(2), np.array([1.0, bad]))


def test_ranks_of_nan_are_refused():
    with pytest.raises(ValueError, match='NaN has no meaning'):
        spearman(np.array([1.0, np.nan]), np.ones(2))


def test_no_images_have_no_mean():
    with pytest.raises(ValueError, match='no metrics to average'):
        mean_metrics([])
