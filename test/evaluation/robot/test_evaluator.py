"""The core by itself: depth images and references in, figures out."""

import numpy as np
import pytest

from mono_depth_ros.evaluation.robot.evaluator import BagEvaluation, DepthFrame
from mono_depth_ros.evaluation.robot.options import EvaluationOptions
from mono_depth_ros.evaluation.robot.reference import Cloud, DepthImage
from mono_depth_ros.geometry.rotations import rigid
from mono_depth_ros.geometry.transforms import TransformTree

K = np.array([[20.0, 0, 9.5], [0, 20.0, 7.5], [0, 0, 1]])
SIZE = (16, 20)
TENTH = 100_000_000


def frame(index, metres, kind='metric', size=SIZE):
    return DepthFrame(TENTH * (index + 1), 'optical', np.full(size, metres, np.float32), K, kind)


def depth_image(index, metres, stamp_error=0):
    return DepthImage(
        TENTH * (index + 1) + stamp_error, 'optical', np.full(SIZE, metres, np.float32), K
    )


def evaluation(reference='/depth', tree=None, **options):
    return BagEvaluation(EvaluationOptions(reference, **options), tree or TransformTree())


def test_a_perfect_predictor_has_no_error_and_full_coverage():
    core = evaluation(ego_motion='still')
    for index in range(3):
        core.add_reference(depth_image(index, 4.0))
        core.add_depth(frame(index, 4.0))
    core.finish()

    figures = core.result().metrics()

    assert (figures['abs_rel'], figures['rmse'], figures['a1']) == (0, 0, 1)
    assert (figures['frames'], figures['coverage'], figures['scale']) == (3, 1, 1)
    assert figures['flicker'] == pytest.approx(0, abs=1e-6)


def test_depth_times_three_has_its_error_and_none_after_median_scaling():
    core = evaluation()
    core.add_reference(depth_image(0, 4.0))
    core.add_depth(frame(0, 12.0))
    core.finish()

    result = core.result()

    assert result.judged == 'unscaled'
    assert result.by_scaling['unscaled'].errors.abs_rel == pytest.approx(2)
    assert result.by_scaling['median_scaled'].errors.abs_rel == pytest.approx(0, abs=1e-7)


def test_relative_depth_is_never_judged_in_metres():
    core = evaluation(ego_motion='/odom')
    for index in range(2):
        core.add_reference(depth_image(index, 4.0))
        core.add_depth(frame(index, 0.4, 'relative'))
    core.finish()

    result = core.result()

    assert set(result.by_scaling) == {'median_scaled'} and result.judged == 'median_scaled'
    assert result.metrics()['scale'] == pytest.approx(10)
    assert 'set depth_scale' in result.no_flicker


def test_a_wall_needs_no_other_sensor_and_looks_at_its_region():
    core = evaluation('wall:2.0', region=(0.5, 0.0, 1.0, 1.0))
    depth = frame(0, 2.0)
    depth.depth[:, :10] = 7.0
    core.add_depth(depth)

    figures = core.result().metrics()

    assert figures['abs_rel'] == 0 and figures['pixels 0-10 m'] == 160


def test_what_has_no_prediction_lowers_the_coverage_and_no_error():
    core = evaluation('wall:2.0')
    depth = frame(0, 2.0)
    depth.depth[:8], depth.depth[8:12] = np.nan, np.inf
    core.add_depth(depth)

    figures = core.result().metrics()

    assert figures['coverage'] == 0.25 and figures['abs_rel'] == 0


def test_points_between_two_moments_are_moved_by_the_ego_motion():
    """The camera drives 1 m/s at a wall; the scan is 40 ms older than the image."""
    tree = TransformTree()
    for index in range(4):
        tree.add('odom', 'optical', TENTH * index, (0, 0, 0.1 * index), (0, 0, 0, 1))
    wall = np.stack([*np.meshgrid(np.linspace(-2, 2, 80), np.linspace(-2, 2, 80))], -1)
    points = np.concatenate([wall.reshape(-1, 2), np.full((6400, 1), 4.04)], axis=1)

    def error(**options):
        core = evaluation('/lidar', tree, **options)
        core.add_reference(Cloud(TENTH - 40_000_000, 'optical', points))
        core.add_depth(frame(0, 4.0))
        core.finish()
        return core.result().metrics()['abs_rel']

    assert error(ego_motion='tf:odom') == pytest.approx(0, abs=1e-6)
    assert error() == pytest.approx(0.04 / 4.04, rel=1e-3)


def test_time_offset_is_added_to_the_references_stamps():
    core = evaluation(time_offset=-2.0)
    core.add_reference(depth_image(0, 4.0, stamp_error=2_000_000_000))
    core.add_depth(frame(0, 4.0))
    core.finish()

    assert core.result().counts.compared == 1


def test_sensors_of_two_clocks_are_named():
    core = evaluation()
    for index in range(3):
        core.add_depth(frame(index, 4.0))
        core.add_reference(depth_image(index, 4.0, stamp_error=37_000_000_000))
    core.finish()

    assert "'/depth' and those of the camera do not overlap, 36.800 s" in core.why_nothing()


@pytest.mark.parametrize(
    ('reference', 'options', 'cause', 'reason'),
    [
        (
            depth_image(0, 100.0),
            {},
            'too_few_points',
            'between 0.1 and 80 m, fewer than min_pixels',
        ),
        (depth_image(0, 4.0, 60_000_000), {}, 'no_reference', 'none within 0.05 s'),
        (Cloud(TENTH, 'lidar', np.ones((9, 3))), {}, 'no_transform', "'optical' is not known"),
        (depth_image(0, 4.0, 1), {'ego_motion': '/odom'}, 'no_ego_motion', "'/odom' does not say"),
    ],
)
def test_what_cannot_be_compared_is_counted_with_its_reason(reference, options, cause, reason):
    core = evaluation(**options)
    core.add_reference(reference)
    core.add_depth(frame(0, 4.0))
    core.finish()

    counts = core.result().counts

    assert counts.compared == 0 and counts.skipped[cause] == 1
    assert reason in counts.reasons[cause]
    assert core.why_nothing()


def test_a_prediction_that_is_none_is_counted():
    core = evaluation('wall:2.0')
    core.add_depth(frame(0, np.nan))

    assert core.result().counts.skipped == {'nothing_predicted': 1}


def test_unit_that_changes_midway_is_refused():
    core = evaluation('wall:2.0')
    core.add_depth(frame(0, 2.0))

    with pytest.raises(ValueError, match='Depth was metric and is relative now'):
        core.add_depth(frame(1, 2.0, 'relative'))


def test_recent_figures_are_those_of_the_window():
    core = BagEvaluation(EvaluationOptions('wall:2.0'), TransformTree(), window=2)
    for index, metres in enumerate((4.0, 2.0, 2.0)):
        core.add_depth(frame(index, metres))

    assert core.recent().metrics()['abs_rel'] == 0
    assert core.result().metrics()['abs_rel'] == pytest.approx(1 / 3)
    assert core.recent().metrics()['frames'] == 2


def test_a_moving_joint_between_the_sensors_is_read_at_the_images_time():
    tree = TransformTree()
    tree.add('base', 'optical', TENTH, (0, 0, 0), (0, 0, 0, 1))
    tree.add('base', 'optical', 2 * TENTH, (0, 0, 1), (0, 0, 0, 1))
    tree.add_fixed('base', 'lidar', rigid(np.eye(3), (0, 0, 0)))
    wall = np.stack([*np.meshgrid(np.linspace(-2, 2, 80), np.linspace(-2, 2, 80))], -1)
    points = np.concatenate([wall.reshape(-1, 2), np.full((6400, 1), 5)], axis=1)
    core = evaluation('/lidar', tree)
    core.add_reference(Cloud(2 * TENTH, 'lidar', points))
    core.add_depth(frame(1, 4.0))
    core.finish()

    assert core.result().metrics()['abs_rel'] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ('options', 'error'),
    [
        ({'tolerance': -1}, 'tolerance is -1'),
        ({'time_offset': float('inf')}, 'time_offset is inf'),
        ({'min_depth': 5, 'max_depth': 5}, 'span no range'),
        ({'min_pixels': 0}, 'min_pixels is 0'),
        ({'region': (0.5, 0, 0.5, 1)}, r'region is \[0.5, 0, 0.5, 1\]'),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options, error):
    with pytest.raises(ValueError, match=error):
        EvaluationOptions('/depth', **options)


def test_json_and_library_know_the_names_of_before_for_one_release():
    core = evaluation(tolerance=0.5)
    core.add_reference(depth_image(0, 4.0))
    core.add_depth(frame(0, 4.0))
    core.finish()
    result = core.result()

    content = result.as_dict()

    assert content['time_offset_mean'] == content['apart_mean'] == 0
    assert content['time_offset_max'] == content['apart_max'] == 0
    with pytest.warns(DeprecationWarning, match=r'call metrics\(\)'):
        assert result.figures()['abs_rel'] == 0
