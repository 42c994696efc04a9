"""What evaluate_bag and replay_evaluator leave behind: a JSON file and an exit code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mono_depth_ros.evaluation.robot.thresholds import Threshold, Verdict

if TYPE_CHECKING:
    from mono_depth_ros.evaluation.robot.result import BagResult, FrameRecord

PASSED, NOT_MEASURED, FAILED = 0, 1, 3


def exit_code(verdict: Verdict, thresholds: Sequence[Threshold]) -> int:
    """Return 0, or 3 where a threshold was given and something does not hold."""
    return PASSED if verdict.passed or not thresholds else FAILED


def write_report(
    path: Path,
    result: BagResult,
    verdict: Verdict,
    thresholds: Sequence[Threshold],
    frames: Sequence[FrameRecord],
    *,
    made_of: Mapping[str, Any] | None = None,
    latency: Mapping[str, float] | None = None,
) -> None:
    """Write a result with its verdict and every frame; what was not measured is null.

    Args:
        path: of the file.
        result: the figures.
        verdict: of the thresholds.
        thresholds: what it was held to.
        frames: every compared frame.
        made_of: model, bag and options, where the evaluation knows them.
        latency: how late depth came, where it came live.
    """
    from mono_depth_ros.evaluation.robot.result import finite_or_none

    measured = {name: finite_or_none(value) for name, value in (latency or {}).items()}
    report = {
        **(made_of or {}),
        **result.as_dict(),
        **({'latency': measured} if latency is not None else {}),
        'thresholds': {limit.name: limit.limit for limit in thresholds},
        'passed': verdict.passed,
        'failures': list(verdict.failures),
        'per_frame': [frame.as_dict() for frame in frames],
    }
    path.write_text(json.dumps(report, indent=1, allow_nan=False), encoding='utf-8')
