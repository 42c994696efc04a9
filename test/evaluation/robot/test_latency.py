import math

import pytest

from mono_depth_ros.evaluation.robot.latency import MAX_WAITING, Latency, latency_table


def test_ages_count_from_the_image_of_the_same_stamp():
    latency = Latency()
    for index, age in enumerate((0.1, 0.1, 0.3)):
        latency.add_image(index, 10.0 + index)
        latency.add_depth(index, 10.0 + index + age, 0.5)

    figures = latency.metrics()

    assert figures['age_p50'] == pytest.approx(0.1)
    assert 0.1 < figures['age_p95'] < figures['age_p99'] < 0.3
    assert figures['jitter'] == pytest.approx(math.sqrt(2) / 15)
    assert figures['header_age_p50'] == 0.5
    assert figures['rate'] == pytest.approx(2 / 2.2)
    assert 'p50 100.0 ms' in latency_table(figures)


def test_images_that_a_later_depth_passed_are_dropped_and_the_rest_at_the_end():
    latency = Latency()
    for stamp in range(5):
        latency.add_image(stamp, stamp)

    latency.add_depth(3, 3.5, 0)
    assert latency.metrics()['dropped'] == 3
    latency.finish()
    assert latency.metrics()['dropped'] == 4


def test_rolling_figures_forget_what_is_long_ago():
    latency = Latency(window=2)
    for index, age in enumerate((9.0, 0.1, 0.1)):
        latency.add_image(index, 10.0 * index)
        latency.add_depth(index, 10.0 * index + age, 0)

    assert latency.recent()['age_p99'] == pytest.approx(0.1)
    assert latency.metrics()['age_p99'] > 8


def test_without_depth_nothing_is_measured_and_memory_is_bounded():
    latency = Latency()
    for stamp in range(MAX_WAITING + 5):
        latency.add_image(stamp, 0)

    figures = latency.metrics()

    assert math.isnan(figures['age_p50']) and math.isnan(figures['rate'])
    assert figures['dropped'] == 5


def test_the_old_name_of_the_metrics_still_counts_with_a_warning():
    latency = Latency()
    latency.add_image(1, 0.0)
    latency.finish()

    with pytest.warns(DeprecationWarning, match=r'call metrics\(\)'):
        assert latency.figures()['dropped'] == 1
