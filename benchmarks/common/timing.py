"""Time things side by side: what slows one down slows its neighbours down as well."""

import time
from collections.abc import Callable, Mapping
from statistics import median

Run = Callable[[], object]
WARM_RUNS = 3


def side_by_side(
    contenders: Mapping[str, Run], seconds: float, rounds: int = 5
) -> dict[str, float]:
    """Return each contender's median time [ms], taken in turns over some rounds.

    Args:
        contenders: what to run, by name; each must have finished when it returns.
        seconds: about how long each of them runs in all.
        rounds: how often the turn comes to each.
    """
    counts = {name: _runs_per_round(run, seconds / rounds) for name, run in contenders.items()}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            times[name] += [_milliseconds(run) for _ in range(counts[name])]
    return {name: median(values) for name, values in times.items()}


def _runs_per_round(run: Run, seconds: float) -> int:
    for _ in range(WARM_RUNS):
        run()
    return max(3, min(500, round(1e3 * seconds / _milliseconds(run))))


def _milliseconds(run: Run) -> float:
    start = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - start)


def overhead(bare: Run, wrapped: Run, runs: int) -> float:
    """Return the median of wrapped over bare, run in pairs that take turns in who is first."""
    ratios = []
    for number in range(runs):
        if number % 2:
            below = _milliseconds(bare)
            above = _milliseconds(wrapped)
        else:
            above = _milliseconds(wrapped)
            below = _milliseconds(bare)
        ratios.append(above / below)
    return median(ratios)
