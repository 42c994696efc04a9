"""How far predicted depth is from true depth: the field's figures, scale, rank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]] | torch.Tensor


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


def silog(predicted: Array, true: Array) -> float:
    """Return KITTI's scale-invariant error: 100 times the deviation of ln d - ln t.

    The error of the logarithm that the best one scale leaves (Eigen et al. 2014, Eq. 1).

    Args:
        predicted: (N,) predicted depth, above 0.
        true: (N,) true depth, above 0.

    Raises:
        ValueError: the two differ in length, are empty, or hold a depth that is none.
    """
    d, t = _checked(predicted, true)
    return float(100 * np.std(np.log(d) - np.log(t)))


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
    values = as_numpy(predicted), as_numpy(true)
    if values[0].shape != values[1].shape or values[0].ndim != 1:
        raise ValueError(_shapes(*values))
    if any(np.isnan(array).any() for array in values):
        raise ValueError('A rank correlation of values with NaN has no meaning. Mask them out.')
    ranks = [_ranks(array) for array in values]
    first, second = (rank - rank.mean() for rank in ranks)
    length = float(np.sqrt(np.sum(first**2) * np.sum(second**2)))
    return float(np.sum(first * second)) / length if length else float('nan')


def as_numpy(values: NDArray[Any] | torch.Tensor) -> NDArray[Any]:
    """Return an array of numpy or torch, from whatever device, as one of numpy."""
    if isinstance(values, torch.Tensor):
        values = values.float() if values.dtype == torch.bfloat16 else values
        return np.asarray(values.detach().cpu().numpy())
    return np.asarray(values)


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return each value's place in the order, equal values sharing the mean of theirs."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean_rank: NDArray[np.float64] = last - (counts - 1) / 2
    return mean_rank[group.reshape(-1)]


def _checked(predicted: Array, true: Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    d, t = (as_numpy(values).astype(np.float64, copy=False) for values in (predicted, true))
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


def _shapes(predicted: NDArray[Any], true: NDArray[Any]) -> str:
    return (
        f'Predicted values have shape {predicted.shape} and true ones {true.shape}; '
        'expected both (N,) with N of 1 or more. Apply the same mask to both.'
    )
