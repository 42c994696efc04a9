"""The files of an evaluation: figures as JSON and CSV, and the page."""

from __future__ import annotations

import json
from pathlib import Path

from mono_depth_ros.evaluation.protocol.card_evaluation import CardEvaluation
from mono_depth_ros.evaluation.protocol.evaluate import EvaluationResult, Predict
from mono_depth_ros.evaluation.protocol.summary import as_csv, as_json
from mono_depth_ros.evaluation.report.page import Report, show_frames, worst_and_best, write_page

JSON_NAME, CSV_NAME, REPORT_NAME = 'metrics.json', 'frames.csv', 'report.html'


def prepare_folder(folder: Path, overwrite: bool) -> None:
    """Make the folder of the results before the long run; refuse one that holds something.

    Raises:
        ValueError: it holds something that nobody allowed to overwrite.
    """
    held = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if held and not overwrite:
        raise ValueError(
            f"Folder '{folder}' holds '{held[0]}' and {len(held) - 1} more; expected a new or an "
            'empty folder. Choose another one (--output), or replace its results (--overwrite).'
        )
    folder.mkdir(parents=True, exist_ok=True)


def write_results(
    folder: Path, evaluation: CardEvaluation, result: EvaluationResult, predict: Predict
) -> None:
    """Write the results; the pictures last, for which some frames are predicted again.

    Raises:
        OSError, ValueError: a frame is no longer there.
    """
    subject, scalings = evaluation.subject, evaluation.scalings
    content = {'subject': subject, **as_json(result, scalings)}
    (folder / JSON_NAME).write_text(
        json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + '\n', 'utf-8'
    )
    (folder / CSV_NAME).write_text(as_csv(result, scalings), 'utf-8')
    worst, best = (
        show_frames(
            shown,
            evaluation.data.frames,
            predict,
            evaluation.depth_factor,
            scalings[0],
            evaluation.flip,
        )
        for shown in worst_and_best(result, scalings[0])
    )
    report = Report(
        name=evaluation.card.name,
        state=evaluation.state(result),
        result=result,
        scalings=scalings,
        papers=evaluation.papers,
        advice=evaluation.advice(result),
        subject=subject,
        worst=worst,
        best=best,
    )
    (folder / REPORT_NAME).write_text(write_page(report), 'utf-8')
