import pytest

from mono_depth_ros.training.config.schema import OptimizerConfig
from mono_depth_ros.training.schedule import learning_rate


def rates(steps, steps_per_epoch=10.0, **options):
    options = OptimizerConfig(learning_rate=1.0, **options)
    return [learning_rate(options, step, steps, steps_per_epoch) for step in range(steps)]


def test_a_step_schedule_drops_once_at_its_epoch():
    assert rates(40, schedule='step', drop_after=3, drop_factor=0.1) == [1.0] * 30 + [0.1] * 10


def test_epochs_need_not_be_whole_numbers_of_steps():
    assert rates(6, 1.5, schedule='step', drop_after=2).index(0.1) == 3


def test_a_cosine_goes_from_all_over_half_to_almost_nothing():
    found = rates(100, schedule='cosine')

    assert found[0] == 1 and found[50] == pytest.approx(0.5)
    assert 0 < found[-1] < 1e-3 and found == sorted(found, reverse=True)


def test_warm_up_grows_linearly_and_ends_at_the_schedule():
    assert rates(8, schedule='constant', warmup_steps=4) == [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]


def test_a_constant_rate_stays():
    assert set(rates(50, schedule='constant')) == {1.0}
