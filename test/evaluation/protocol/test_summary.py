"""The same figures, for the terminal, for programs and for spreadsheets."""

import csv
import json

import numpy as np
import pytest

from mono_depth_ros.evaluation.frame_metrics import compare_depth
from mono_depth_ros.evaluation.protocol.evaluate import EvaluationResult, ImageResult, Skipped
from mono_depth_ros.evaluation.protocol.published import PublishedResult
from mono_depth_ros.evaluation.protocol.samples import Rules
from mono_depth_ros.evaluation.protocol.summary import (
    as_csv,
    as_json,
    published_row,
    range_rows,
    row_of,
    table,
)


@pytest.fixture(scope='module')
def result():
    """One frame of 5 and 15 m, one of 5 m alone; predictions are a fifth too far."""
    images = []
    for name, depths in (('a', [5.0, 15.0]), ('b, "c"', [5.0])):
        true = np.array([depths])
        predicted = np.append(1.2 * true, [[np.nan]], axis=1)
        images.append(
            ImageResult(name, compare_depth(predicted, np.append(true, [[5.0]], axis=1)))
        )
    return EvaluationResult(Rules('made up'), tuple(images), (Skipped('d', 'lost'),))


def test_the_papers_row_has_their_order_and_three_decimals(result):
    lines = table({'unscaled': row_of(result.mean('unscaled'))})

    assert lines[0].split()[:7] == [
        'AbsRel',
        'SqRel',
        'RMSE',
        'RMSElog',
        'd<1.25',
        'd<1.25²',
        'd<1.25³',
    ]
    # squares 1 / 5 and 9 / 15 m, then 1 / 5; their roots' means sqrt(5), 1
    assert lines[1].split()[:6] == ['unscaled', '0.200', '0.300', '1.618', '0.182', '1.000']
    assert lines[1].split()[-2] == '0.000' and lines[1].split()[-1] == '1.000'


def test_a_figure_that_no_frame_has_is_a_dash(result):
    lines = table(range_rows(result.mean('unscaled')))

    assert lines[1].split() == ['0-10', 'm', '0.200', '1.000', '1.000', '2', '2']
    assert lines[4].split() == ['40-80', 'm', '-', '-', '-', '0', '0']


def test_json_has_means_counts_frames_and_null_for_what_is_not_there(result):
    content = json.loads(json.dumps(as_json(result, ['unscaled']), allow_nan=False))

    assert content['unscaled']['abs_rel'] == pytest.approx(0.2)
    assert (content['frames'], content['pixels'], content['missing']) == (2, 3, 2)
    assert content['skipped'] == [{'name': 'd', 'reason': 'lost'}]
    assert content['unscaled']['ranges'][1]['frames'] == 1
    assert content['unscaled']['ranges'][3]['rmse'] is None
    assert content['per_frame'][1]['name'] == 'b, "c"' and 'median_scaled' not in content


def test_csv_has_a_line_per_frame_and_nothing_where_there_is_none(result):
    first, second = csv.DictReader(as_csv(result, ['median_scaled', 'unscaled']).splitlines())

    assert second['name'] == 'b, "c"' and float(second['scale']) == pytest.approx(1 / 1.2)
    assert float(first['unscaled abs_rel 10-20 m']) == pytest.approx(0.2)
    assert second['unscaled abs_rel 10-20 m'] == ''
    assert float(first['median_scaled abs_rel']) == pytest.approx(0, abs=1e-12)


def test_what_a_paper_does_not_print_is_a_dash():
    result = PublishedResult('A', 'A, B', '2', 'A', 'small_depth', 'ddad', abs_rel=0.118)

    line = table({'A prints': published_row(result)})[1]

    assert line.split() == ['A', 'prints', '0.118', *['-'] * 8]
