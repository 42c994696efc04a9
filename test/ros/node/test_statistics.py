import math

import pytest
from virtual_time import VirtualTime

from mono_depth_ros.ros.node.statistics import StreamStatistics, frame_rate


def test_ages_count_from_reception_on_the_steady_clock(monkeypatch):
    time = VirtualTime()
    monkeypatch.setattr('mono_depth_ros.ros.node.statistics.time', time)
    statistics = StreamStatistics()

    for age in (0.1, 0.1, 0.1, 0.4):
        statistics.count_out(time.monotonic() - age, header_age=1.0)
    snapshot = statistics.snapshot()

    assert snapshot.age_p50 == pytest.approx(0.1, abs=1e-9)
    assert snapshot.age_p95 == pytest.approx(0.355, abs=1e-9)
    assert snapshot.header_age_p50 == 1.0
    assert snapshot.frames_out == 4


def test_drops_are_counted_by_cause():
    statistics = StreamStatistics()

    for cause in ('too_old', 'encoding', 'too_old'):
        statistics.count_drop(cause)

    assert statistics.snapshot().drops == {'too_old': 2, 'encoding': 1}


def test_nothing_published_has_no_age_and_no_rate():
    snapshot = StreamStatistics().snapshot()

    assert math.isnan(snapshot.age_p50) and snapshot.fps == 0.0


def test_rate_is_intervals_over_their_span():
    assert frame_rate([1.0, 1.1, 1.2, 1.3]) == pytest.approx(10.0)
