"""Find a frame's neighbours by its time stamp."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Stamps = NDArray[np.int64]
Indices = NDArray[np.int64]

NONE = -1


def neighbours_in_time(
    stamps: Stamps, offsets: Sequence[int], interval: int, tolerance: int
) -> Indices:
    """Find, for every frame, the frames that are `offset * interval` away.

    Args:
        stamps: (N,) increasing [ns].
        offsets: how many intervals after the frame (before it: negative).
        interval: wanted time between neighbours [ns].
        tolerance: how far a neighbour's stamp may be off [ns].

    Returns:
        (N, len(offsets)) indices into stamps, -1 where no frame is within the tolerance.
    """
    wanted = stamps[:, None] + interval * np.asarray(offsets, np.int64)
    return nearest_in_time(stamps, wanted, tolerance)


def nearest_in_time(stamps: Stamps, wanted: Stamps, tolerance: int) -> Indices:
    """Return the index of the stamp nearest to each wanted time, -1 beyond the tolerance.

    Args:
        stamps: (N,) increasing, N >= 1 [ns].
        wanted: (*) [ns].
        tolerance: [ns].
    """
    after = np.searchsorted(stamps, wanted).clip(0, len(stamps) - 1)
    before = (after - 1).clip(0)
    nearest = np.where(wanted - stamps[before] <= stamps[after] - wanted, before, after)
    is_near = np.abs(stamps[nearest] - wanted) <= tolerance
    return np.asarray(np.where(is_near, nearest, NONE), np.int64)
