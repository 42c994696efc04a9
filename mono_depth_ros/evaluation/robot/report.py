"""The JSON of an evaluation on a robot, offline and live."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mono_depth_ros.evaluation.robot.result import BagResult, FrameRecord, finite_or_none
from mono_depth_ros.evaluation.robot.thresholds import Threshold, Verdict


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
