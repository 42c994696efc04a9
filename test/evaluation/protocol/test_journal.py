"""What was found is there after a kill, and only for the very same evaluation."""

import numpy as np
import pytest

from mono_depth_ros.evaluation.frame_metrics import compare_depth
from mono_depth_ros.evaluation.protocol.evaluate import ImageResult
from mono_depth_ros.evaluation.protocol.journal import FILE_NAME, Journal

SUBJECT = {'model': 'tiny', 'size': (64, 96), 'flip': False}


def result(name: str, factor: float = 1.2) -> ImageResult:
    true = np.tile([5.0, 15.0, 30.0, 5.0], (3, 1))
    return ImageResult(name, compare_depth(true * [factor, 1, 1, np.nan], true))


@pytest.fixture
def begun(tmp_path):
    """A folder with the results of two frames."""
    journal = Journal(tmp_path / 'new', SUBJECT)
    for name in ('a', 'b'):
        journal.add(result(name))
    return tmp_path / 'new'


def test_every_figure_is_the_same_again(begun):
    again = Journal(begun, SUBJECT).results

    assert again == {name: result(name) for name in ('a', 'b')}


def test_a_line_that_a_kill_cut_off_is_dropped_and_written_anew(begun):
    path = begun / FILE_NAME
    path.write_text(path.read_text()[:-40])

    journal = Journal(begun, SUBJECT)

    assert list(journal.results) == ['a']
    journal.add(result('b'))
    assert Journal(begun, SUBJECT).results == {name: result(name) for name in ('a', 'b')}


def test_a_kill_within_the_first_line_begins_anew(begun):
    (begun / FILE_NAME).write_text('{"subject": {"mod')

    Journal(begun, SUBJECT).add(result('a'))

    assert list(Journal(begun, SUBJECT).results) == ['a']


def test_another_evaluation_is_refused_and_the_difference_named(begun):
    with pytest.raises(ValueError, match=r'of another evaluation: flip False there and True now'):
        Journal(begun, SUBJECT | {'flip': True})
    with pytest.raises(ValueError, match=r"device None there and 'cuda' now.*--afresh"):
        Journal(begun, SUBJECT | {'device': 'cuda'})


def test_afresh_throws_away(begun):
    assert Journal(begun, SUBJECT | {'flip': True}, afresh=True).results == {}


def test_a_damaged_line_is_named(begun):
    path = begun / FILE_NAME
    path.write_text(path.read_text().replace('"silog"', '"solig"', 1))

    with pytest.raises(ValueError, match=r'Line 2 of .*frames\.jsonl.*silog.*begin afresh'):
        Journal(begun, SUBJECT)
    path.write_bytes(b'\xff\xfe\n')
    with pytest.raises(ValueError, match=r'Line 1 of .*frames\.jsonl'):
        Journal(begun, SUBJECT)
