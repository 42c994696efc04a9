import numpy as np
import pytest

from mono_depth_ros.evaluation.robot.evaluator import BagEvaluation, DepthFrame
from mono_depth_ros.evaluation.robot.options import EvaluationOptions
from mono_depth_ros.evaluation.robot.thresholds import (
    Threshold,
    check_thresholds,
    parse_thresholds,
)
from mono_depth_ros.geometry.transforms import TransformTree


@pytest.fixture
def result():
    """One frame that sees a wall of 2 m at 2.2 m: abs_rel 0.1, a1 1, no flicker measured."""
    core = BagEvaluation(EvaluationOptions('wall:2.0'), TransformTree())
    core.add_depth(
        DepthFrame(1, 'optical', np.full((10, 10), 2.2, np.float32), np.eye(3), 'metric')
    )
    return core.result()


@pytest.mark.parametrize(
    ('texts', 'failures'),
    [
        (['max_abs_rel=0.11', 'min_a1=1', 'min_frames=1'], []),
        (['max_abs_rel=0.09'], ['abs_rel 0.1 is above 0.09']),
        (['min_frames=2', 'max_rmse=0.1'], ['frames 1 is below 2', 'rmse 0.2 is above 0.1']),
        (['max_flicker=1'], ['flicker not measured (no two consecutive frames whose motion']),
    ],
)
def test_every_limit_that_does_not_hold_is_named(result, texts, failures):
    verdict = check_thresholds(result, parse_thresholds(texts))

    assert verdict.passed is not bool(failures)
    assert len(verdict.failures) == len(failures)
    assert all(said.startswith(expected) for said, expected in zip(verdict.failures, failures))
    assert verdict.judged == 'unscaled'


@pytest.mark.parametrize(
    ('text', 'error'),
    [
        ('max_absrel=0.2', r"'max_absrel' is not known\. Did you mean 'max_abs_rel'\?"),
        ('max_abs_rel', r"'max_abs_rel' cannot be read; expected such as 'max_abs_rel=0\.2'"),
        ('max_abs_rel=low', "'max_abs_rel=low' cannot be read"),
        ('max_a1=0.5', "Did you mean 'min_a1'"),
    ],
)
def test_a_threshold_that_is_none_is_refused(text, error):
    with pytest.raises(ValueError, match=error):
        parse_thresholds([text])


def test_a_limit_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match='max_rmse is nan; expected a number'):
        Threshold('max_rmse', float('nan'))
