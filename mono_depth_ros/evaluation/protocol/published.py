"""What the papers print for our networks, from published.yaml; docs/published_results.md.

test_published.py holds the file to what its header says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mono_depth_ros.evaluation.metrics import DepthMetrics
from mono_depth_ros.types import Size

METRICS = DepthMetrics._fields

_FILE = Path(__file__).with_name('published.yaml')


@dataclass(frozen=True)
class PublishedResult:
    """One row of a paper's table; None is what the row does not print.

    Attributes:
        paper: short name, such as 'HR-Depth'.
        citation: authors, title, place.
        table: number as printed, such as '2' or 'II'.
        row: label as printed.
        network: name in our registry.
        data_set: such as 'kitti_eigen'; None in a table of costs.
        variant: how it differs from the network as proposed; None if it does not.
        training_data: as printed, such as 'K' (KITTI) or 'CS+K'.
        size: (height, width) of the image.
        supervision: M (video), S (stereo pairs), MS (both) or T (a teacher).
        post_processing: the mark of a row with any.
        parameters_m: parameters [millions] as printed.
        flops_g: FLOPs [billions] as printed.
        fps: images per second.
        notes: what is uncertain or known to be wrong.
    """

    paper: str
    citation: str
    table: str
    row: str
    network: str
    data_set: str | None
    variant: str | None = None
    training_data: str | None = None
    size: Size | None = None
    supervision: str | None = None
    post_processing: str | None = None
    abs_rel: float | None = None
    sq_rel: float | None = None
    rmse: float | None = None
    rmse_log: float | None = None
    a1: float | None = None
    a2: float | None = None
    a3: float | None = None
    parameters_m: float | None = None
    flops_g: float | None = None
    fps: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def metrics(self) -> dict[str, float | None]:
        """The seven metrics by name, in the field's order."""
        return {name: getattr(self, name) for name in METRICS}


def load_published(path: str | Path = _FILE) -> list[PublishedResult]:
    """Read the papers' rows in the file's order.

    Args:
        path: a file like published.yaml.

    Raises:
        ValueError: a row has an unknown key or lacks one; says where.
    """
    file = yaml.safe_load(Path(path).read_text(encoding='utf-8'))
    return [
        _result(row, table, file['papers']) for table in file['tables'] for row in table['rows']
    ]


def comparable(results: Sequence[PublishedResult], network: str) -> list[PublishedResult]:
    """Return the rows that networks are compared by.

    They are a network as proposed, trained on KITTI's video alone (M) and measured on Eigen's
    test frames at 192x640 without post-processing.
    """
    return [
        result
        for result in results
        if result.network == network
        and result.data_set == 'kitti_eigen'
        and result.size == (192, 640)
        and result.supervision == 'M'
        and result.training_data in (None, 'K')
        and result.variant is None
        and result.post_processing is None
    ]


def printed_for(
    results: Sequence[PublishedResult], network: str, data_set: str, size: Size
) -> dict[str, PublishedResult]:
    """Return the rows of a network as proposed on a data set, by a short label.

    Args:
        results: from load_published.
        network: name in our registry.
        data_set: such as 'kitti_eigen'.
        size: (height, width) of the image.

    Returns:
        Rows by 'paper, supervision, training data'; of rows with the same label the first.
    """
    rows: dict[str, PublishedResult] = {}
    for result in results:
        if (result.network, result.data_set, result.size) == (
            network,
            data_set,
            size,
        ) and result.variant is None:
            words = (
                f'{result.paper} prints',
                result.supervision,
                result.training_data,
                result.post_processing,
            )
            rows.setdefault(' '.join(word for word in words if word), result)
    return rows


def _result(row: dict[str, Any], table: dict[str, Any], papers: dict[str, str]) -> PublishedResult:
    values = {name: value for name, value in row.items() if name not in ('metrics', 'notes')}
    values |= zip(METRICS, row.get('metrics', ()))
    if 'size' in row:
        values['size'] = tuple(row['size'])
    try:
        return PublishedResult(
            paper=table['paper'],
            citation=papers[table['paper']],
            table=table['table'],
            data_set=table['data_set'],
            notes=(*table.get('notes', ()), *row.get('notes', ())),
            **values,
        )
    except TypeError as error:
        raise ValueError(
            f"{table['paper']}, table {table['table']}, row '{row.get('row')}': {error}"
        ) from error
