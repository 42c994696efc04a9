"""Every line of the comparison says what it is, and counts what runs on a robot."""

from dataclasses import replace

import pytest
from cards import UNTRAINED

from mono_depth_ros.evaluation.protocol.comparison import (
    Timing,
    card_lines,
    measured_line,
    published_lines,
)
from mono_depth_ros.evaluation.protocol.published import load_published
from mono_depth_ros.inference.cards.checkpoint import save_weights
from mono_depth_ros.networks import create_network

METRICS = {
    'test_20': {
        'median_scaled': {'abs_rel': 0.2, 'rmse_log': 0.25},
        'unscaled': {'abs_rel': 0.3, 'scale': 5.4},
    },
    'eigen': {'median_scaled': {'rmse': 4.5}, 'unscaled': {'scale': 5.4}},
}


@pytest.fixture
def trained(tmp_path):
    weights = tmp_path / 'tiny.safetensors'
    sha256 = save_weights(create_network(UNTRAINED.network), weights)
    return replace(
        UNTRAINED,
        weights=weights.name,
        sha256=sha256,
        metrics=METRICS,
        path=tmp_path / 'tiny.yaml',
    )


def test_measured_counts_are_those_of_the_deployed_network():
    line = measured_line('monodepth2_resnet18', None)

    assert (line.kind, line.size, line.metrics) == ('measured', (192, 640), {})
    assert line.parameters_m == pytest.approx(14.322, abs=5e-4)
    assert line.operations_g == pytest.approx(7.998, abs=5e-4)
    assert line.wall_ms is line.cpu_ms is None


def test_published_rows_of_equal_figures_are_one_line():
    lines = published_lines(load_published(), 'hr_depth')

    assert [line.source for line in lines] == [
        'HR-Depth 2, LKA-Depth I, OE-Depth 1, FA-Depth II',
        'HR-Depth 4',
        'DNA-Depth 1',
    ]
    assert [line.operations_g for line in lines] == [None, None, 18.08]
    assert [line.parameters_m for line in lines] == [None, 14.62, 14.61]
    assert {line.metrics['abs_rel'] for line in lines} == {0.109}
    assert 'decoder twice' in ' '.join(lines[2].notes)


def test_other_supervisions_sizes_and_variants_are_not_compared():
    (lite,) = published_lines(load_published(), 'lite_hr_depth')
    (small,) = published_lines(load_published(), 'small_depth')

    assert (lite.metrics['abs_rel'], small.metrics['abs_rel']) == (0.116, 0.097)


def test_a_network_that_no_paper_names_has_no_published_line():
    assert published_lines(load_published(), 'lite_hr_depth_lite0') == []


@pytest.mark.slow
def test_a_card_has_a_line_for_every_split_and_scaling(trained):
    lines = card_lines(trained, None)

    assert [(line.data, line.scaling) for line in lines] == [
        ('test_20', 'median_scaled'),
        ('test_20', 'unscaled'),
        ('eigen', 'median_scaled'),
    ]
    first, unscaled, eigen = (line.metrics for line in lines)
    assert (first['abs_rel'], first['rmse_log'], first['rmse']) == (0.2, 0.25, None)
    assert unscaled['abs_rel'] == 0.3 and eigen['rmse'] == 4.5


@pytest.mark.slow
def test_a_card_is_measured_at_its_own_size(trained):
    line = card_lines(trained, Timing(threads=1, repetitions=1))[0]

    assert (line.network, line.source, line.size) == ('monodepth2_resnet18', 'tiny', (64, 96))
    assert line.operations_g == pytest.approx(7.998 * (64 * 96) / (192 * 640), rel=1e-3)
    assert line.wall_ms > 0 and line.cpu_ms > 0


@pytest.mark.slow
def test_what_was_measured_beside_a_card_is_not_the_cards(trained):
    card = replace(
        trained,
        metrics={'test': {'median_scaled': {'abs_rel': 0.19}}},
        references={
            'row_prior': {'test': {'median_scaled': {'abs_rel': 0.24}}},
            'u_net': {'my_test': {'unscaled': {'abs_rel': 0.3}}},
        },
    )

    own, prior, other = card_lines(card, None)

    assert (own.kind, own.source, own.data, own.metrics['abs_rel']) == (
        'card',
        'tiny',
        'test',
        0.19,
    )
    assert (prior.kind, prior.source, prior.data, prior.metrics['abs_rel']) == (
        'reference',
        'row_prior',
        'test',
        0.24,
    )
    assert (other.source, other.data, other.scaling) == ('u_net', 'my_test', 'unscaled')
    assert own.parameters_m and prior.parameters_m is prior.operations_g is None


def test_a_card_without_accuracy_is_refused(trained):
    with pytest.raises(ValueError, match='tiny: the card is untrained and has no accuracy'):
        card_lines(UNTRAINED, None)
    with pytest.raises(ValueError, match=r"'metrics' has none of abs_rel, .*evaluate_depth"):
        card_lines(replace(trained, metrics={'eigen': {'unscaled': {'scale': 5.4}}}), None)
