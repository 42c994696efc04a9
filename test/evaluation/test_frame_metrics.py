from math import isnan, log, sqrt

import numpy as np
import pytest
import torch

from mono_depth_ros.evaluation.frame_metrics import (
    BoundaryCounts,
    RunningMean,
    boundary_counts,
    compare_depth,
    mean_frames,
)

nan, inf = float('nan'), float('inf')


def row(*values: float) -> np.ndarray:
    return np.array([values])


def scene() -> np.ndarray:
    """(8, 20) depth [m] in every range, with boundaries along the rows."""
    return np.tile(np.repeat([5.0, 15.0, 30.0, 60.0], 5), (8, 1))


def test_a_perfect_prediction_scores_zero_everywhere():
    result = compare_depth(scene(), scene())

    for metrics in (result.median_scaled, result.unscaled):
        assert metrics.errors == (0, 0, 0, 0, 1, 1, 1)
        assert metrics.silog == 0 and metrics.boundary_f1 == 1
        assert all(part.errors.abs_rel == 0 and part.pixels == 40 for part in metrics.ranges)
    assert (result.scale, result.pixels, result.missing, result.coverage) == (1, 160, 0, 1)


def test_a_prediction_off_by_three_scores_zero_once_scaled_and_two_thirds_before():
    result = compare_depth(scene() / 3, scene())

    assert result.scale == pytest.approx(3)
    assert result.median_scaled.errors.abs_rel == pytest.approx(0, abs=1e-15)
    assert result.unscaled.errors.abs_rel == pytest.approx(2 / 3)
    assert [part.errors.abs_rel for part in result.unscaled.ranges] == pytest.approx([2 / 3] * 4)
    assert result.unscaled.silog == pytest.approx(0, abs=1e-12)
    assert result.unscaled.boundary_f1 == 1


def test_pixels_are_sorted_by_true_depth_into_half_open_ranges():
    true = row(9.9, 10.0, 39.9, 40.0, 79.9)

    ranges = compare_depth(true * [2, 1, 1, 1, 1], true).unscaled.ranges

    assert [(part.name, part.pixels, part.frames) for part in ranges] == [
        ('0-10 m', 1, 1),
        ('10-20 m', 1, 1),
        ('20-40 m', 1, 1),
        ('40-80 m', 2, 1),
    ]
    assert [part.errors.abs_rel for part in ranges[:3]] == pytest.approx([1, 0, 0])


def test_every_figure_of_two_pixels_in_one_range_is_the_hand_worked_one():
    part = compare_depth(row(2.0, 6.0, 50.0), row(4.0, 5.0, 50.0)).unscaled.ranges[0]

    assert part.errors == pytest.approx(
        (
            (2 / 4 + 1 / 5) / 2,
            (4 / 4 + 1 / 5) / 2,
            sqrt(5 / 2),
            sqrt((log(2) ** 2 + log(1.2) ** 2) / 2),
            1 / 2,
            1 / 2,
            1 / 2,
        )
    )


def test_a_range_without_pixels_has_no_figures():
    far = compare_depth(row(5.0), row(5.0)).unscaled.ranges[-1]

    assert far.pixels == 0 and far.frames == 0 and isnan(far.errors.rmse)


def test_what_is_no_prediction_is_missing_and_in_no_figure():
    true = np.full((1, 6), 8.0)

    result = compare_depth(row(8, nan, inf, 0, -1, 8), true)

    assert (result.pixels, result.missing, result.coverage) == (2, 4, 1 / 3)
    assert result.unscaled.errors.abs_rel == 0 and result.scale == 1


def test_unknown_true_depth_does_not_count_at_all():
    true = row(8, nan, inf, 0, -1, 80, 90, 1e-4)

    result = compare_depth(np.full((1, 8), 8.0), true)

    assert (result.pixels, result.missing) == (1, 0)
    masked = compare_depth(np.full((1, 8), 8.0), true, np.ones((1, 8), bool))
    assert (masked.pixels, masked.missing) == (4, 0)  # 8, 80, 90 and 1e-4 m


def test_predictions_are_clamped_to_the_limits_after_scaling():
    result = compare_depth(row(100, 100, 1000), row(10, 10, 10), limits=(1e-3, 200.0))

    assert result.median_scaled.errors.abs_rel == pytest.approx(9 / 3)  # 10, 10, 100
    assert result.unscaled.errors.abs_rel == pytest.approx((9 + 9 + 19) / 3)  # 100, 100, 200


def test_tensors_give_the_same_as_arrays():
    predicted, true = scene() * 1.5, scene()

    of_tensors = compare_depth(*map(torch.from_numpy, (predicted, true, true < 40)))

    assert of_tensors == compare_depth(predicted, true, true < 40)


def test_boundaries_are_found_where_the_same_side_is_in_front():
    true = row(5, 5, 10, 10, 5, 5)

    counts = boundary_counts(row(2, 2, 4, 4, 4, 8), true, np.ones((1, 6), bool))

    # true: out at 1-2, in at 3-4; predicted: out at 1-2 (found), out at 4-5 (wrong)
    assert counts == BoundaryCounts(found=1, predicted=2, true=2)
    assert (counts.precision, counts.recall, counts.f1) == (0.5, 0.5, 0.5)


def test_a_boundary_the_wrong_way_round_is_not_found():
    assert boundary_counts(row(9, 3), row(3, 9), np.ones((1, 2), bool)) == (0, 1, 1)


def test_a_step_of_a_quarter_is_no_boundary_yet():
    true = row(4, 5, 6.3)

    assert boundary_counts(true, true, np.ones((1, 3), bool)).true == 1


def test_boundaries_reach_further_in_wider_images():
    ramp = np.repeat(np.linspace(10, 14, 5), [320, 1, 1, 1, 317])[None]  # 640 wide: 5 pixels

    # 10 in the columns up to 319, then 11, 12, 13, 14: from 317, 318, 319 (10) and 320 (11)
    assert boundary_counts(ramp, ramp, np.ones_like(ramp, bool)).true == 4
    assert boundary_counts(ramp[:, 250:400], ramp[:, 250:400], np.ones((1, 150), bool)).true == 0


def test_boundaries_need_both_pixels():
    mask = np.array([[True, False, True]])

    counts = boundary_counts(row(3, nan, 9), row(3, 9, 9), mask)

    assert counts == (0, 0, 0) and isnan(counts.f1)
    assert isnan(counts.precision) and isnan(counts.recall)


def test_the_mean_counts_frames_the_same_and_leaves_out_what_one_lacks():
    near = compare_depth(row(6, 12), row(4, 4)).unscaled
    far = compare_depth(np.full((2, 4), 30.0), np.full((2, 4), 30.0)).unscaled

    mean = mean_frames([near, far])

    assert mean.errors.abs_rel == pytest.approx((1.25 + 0) / 2)
    assert mean.boundary_f1 == 0  # of the first: one predicted, none there; the second has none
    assert [part.frames for part in mean.ranges] == [1, 0, 1, 0]
    assert [part.pixels for part in mean.ranges] == [2, 0, 8, 0]
    assert mean.ranges[0].errors == near.ranges[0].errors
    assert isnan(mean.ranges[1].errors.abs_rel)


def test_adding_one_by_one_gives_the_mean_at_any_time():
    frames = [compare_depth(scene() * factor, scene()).unscaled for factor in (1.1, 1.3, 0.7)]
    running = RunningMean()

    for count, frame in enumerate(frames, 1):
        running.add(frame)
        assert len(running) == count and running.mean() == mean_frames(frames[:count])
    expected = np.mean([frame.errors for frame in frames], axis=0)
    assert running.mean().errors == pytest.approx(expected)


def test_a_row_has_every_figure_by_name():
    result = compare_depth(scene() * 1.2, scene()).unscaled.as_row()

    assert result['abs_rel'] == pytest.approx(0.2) == result['abs_rel 40-80 m']
    assert result['pixels 10-20 m'] == 40 and result['boundary_f1'] == 1
    assert len(result) == 7 + 2 + 4 * (7 + 1)


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match=r'Predicted depth is \(1, 2\).*Resize'):
        compare_depth(row(1, 2), row(1, 2, 3))
    with pytest.raises(ValueError, match=r'expected three of one \(H, W\)'):
        compare_depth(np.ones(3), np.ones(3))


def test_nothing_to_compare_is_refused_and_says_what_lacks():
    with pytest.raises(ValueError, match=r'1 have true depth.*none of them a prediction'):
        compare_depth(row(nan, 4), row(3, 0))
    with pytest.raises(ValueError, match='No pixel has true depth'):
        compare_depth(row(3, 4), row(nan, 0))


def test_no_frames_and_other_ranges_have_no_mean():
    with pytest.raises(ValueError, match='no frames to average'):
        RunningMean().mean()
    frame = compare_depth(row(3), row(3)).unscaled
    with pytest.raises(ValueError, match=r"ranges \['0-200 m'\].*expected the same"):
        mean_frames([frame, compare_depth(row(3), row(3), ranges=[(0, 200)]).unscaled])
