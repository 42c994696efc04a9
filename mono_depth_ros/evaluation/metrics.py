"""How far predicted depth is from true depth: the field's seven figures, scale, rank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


class DepthMetrics(NamedTuple):
    """Errors of predicted depth d against true depth t (Eigen et al. 2014, section 4).

    Attributes:
        abs_rel: mean of |d - t| / t.
        sq_rel: mean of (d - t)^2 / t [m].
        rmse: root of the mean of (d - t)^2 [m].
        rmse_log: root of the mean of (ln d - ln t)^2.
        a1: share of pixels with max(d / t, t / d) < 1.25.
        a2: the same below 1.25^2.
        a3: the same below 1.25^3.
    """

    abs_rel: float
    sq_rel: float
    rmse: float
    rmse_log: float
    a1: float
    a2: float
    a3: float


def depth_metrics(predicted: Array, true: Array) -> DepthMetrics:
    """Compare depths pixel by pixel.

    Args:
        predicted: (N,) predicted depth [m], above 0.
        true: (N,) true depth [m], above 0.

    Raises:
        ValueError: the two differ in length, are empty, or hold a depth that is none.
    """
    d, t = _checked(predicted, true)
    difference = d - t
    ratio = np.maximum(d / t, t / d)
    return DepthMetrics(
        abs_rel=float(np.mean(np.abs(difference) / t)),
        sq_rel=float(np.mean(difference**2 / t)),
        rmse=float(np.sqrt(np.mean(difference**2))),
        rmse_log=float(np.sqrt(np.mean((np.log(d) - np.log(t)) ** 2))),
        a1=float(np.mean(ratio < 1.25)),
        a2=float(np.mean(ratio < 1.25**2)),
        a3=float(np.mean(ratio < 1.25**3)),
    )


def mean_metrics(metrics: Sequence[DepthMetrics]) -> DepthMetrics:
    """Average over images, each counting the same however many pixels it has.

    Raises:
        ValueError: there are none.
    """
    if not metrics:
        raise ValueError('There are no metrics to average; expected those of one image or more.')
    return DepthMetrics(*(float(value) for value in np.mean(metrics, axis=0)))


def median_scale(predicted: Array, true: Array) -> float:
    """Return median(true) / median(predicted), which brings relative depth to the true scale.

    Args:
        predicted: (N,) predicted depth, above 0.
        true: (N,) true depth [m], above 0.

    Raises:
        ValueError: the two differ in length, are empty, or hold a depth that is none.
    """
    d, t = _checked(predicted, true)
    return float(np.median(t) / np.median(d))


def spearman(predicted: Array, true: Array) -> float:
    """Return Spearman's rank correlation: 1 where nearer is always predicted nearer.

    Args:
        predicted: (N,) predicted depth or any other numbers.
        true: (N,) what they are compared with. Ties get their average rank.

    Returns:
        -1 to 1; NaN if either is constant, which has no order.

    Raises:
        ValueError: the two differ in length or hold NaN.
    """
    if np.shape(predicted) != np.shape(true) or np.ndim(predicted) != 1:
        raise ValueError(_shapes(predicted, true))
    if np.isnan(predicted).any() or np.isnan(true).any():
        raise ValueError('A rank correlation of values with NaN has no meaning. Mask them out.')
    ranks = [_ranks(np.asarray(values)) for values in (predicted, true)]
    first, second = (rank - rank.mean() for rank in ranks)
    length = float(np.sqrt(np.sum(first**2) * np.sum(second**2)))
    return float(np.sum(first * second)) / length if length else float('nan')


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return each value's place in the order, equal values sharing the mean of theirs."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean_rank: NDArray[np.float64] = last - (counts - 1) / 2
    return mean_rank[group.reshape(-1)]


def _checked(predicted: Array, true: Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    d, t = np.asarray(predicted, np.float64), np.asarray(true, np.float64)
    if d.shape != t.shape or d.ndim != 1 or d.size == 0:
        raise ValueError(_shapes(d, t))
    for name, depth in (('predicted', d), ('true', t)):
        faulty = ~(np.isfinite(depth) & (depth > 0))
        if faulty.any():
            raise ValueError(
                f'{faulty.sum()} of {depth.size} {name} depths are no depth, e.g. '
                f'{depth[faulty][0]}; expected finite values above 0. Mask the others out.'
            )
    return d, t


def _shapes(predicted: Array, true: Array) -> str:
    return (
        f'Predicted values have shape {np.shape(predicted)} and true ones {np.shape(true)}; '
        'expected both (N,) with N of 1 or more. Apply the same mask to both.'
    )
