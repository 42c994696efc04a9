import numpy as np
import pytest
from street_bags import frames

from mono_depth_ros.evaluation.robot.clock_shift import TimeShift

PERIOD = 100_000_000


@pytest.fixture(scope='module')
def depths():
    drive = frames(32)
    return [np.where(np.isfinite(frame.depth), frame.depth, np.float32(np.nan)) for frame in drive]


def estimate(predicted, true):
    shift = TimeShift()
    for index, pair in enumerate(zip(predicted, true)):
        shift.add(index * PERIOD, pair[0], index * PERIOD, pair[1])
    return shift.estimate()


def wrong(depth, index):
    """Make depth as wrong as a network's: a standing bias, a scale that flickers."""
    rows = np.linspace(0.6, 1.5, depth.shape[0], dtype=np.float32)[:, None]
    return depth * rows * np.float32(1 + 0.1 * np.sin(7 * index))


@pytest.mark.parametrize('late', [0, 1, 3, -2])
def test_wrong_stamps_are_found_to_the_hundredth_under_wrong_depth(depths, late):
    """A reference stamped `late` frames later shows, at a frame's stamp, what was then."""
    true = depths[5:27]
    shown = depths[5 - late : 27 - late]
    predicted = [wrong(depth, index) for index, depth in enumerate(true)]

    found = estimate([*predicted, *predicted[:1]], [*shown, *shown[:1]])

    assert found.seconds == pytest.approx(late * 0.1, abs=0.03)
    assert found.state == ('shifted' if late else 'aligned')
    if late:
        assert f'{abs(late) / 10:.2f} s {"later" if late > 0 else "earlier"}' in found.text
        assert f'time_offset to {-late / 10:.2f}' in found.text


def test_a_view_that_does_not_change_tells_nothing(depths):
    rng = np.random.default_rng(0)

    def noisy(size):
        return [
            depths[0] * (1 + size * rng.standard_normal(depths[0].shape).astype(np.float32))
            for _ in range(30)
        ]

    found = estimate(noisy(0.02), noisy(0.01))

    assert found.state == 'unknown' and np.isnan(found.seconds)


def test_a_few_pairs_tell_nothing(depths):
    found = estimate(depths[:15], depths[7:22])

    assert found.state == 'unknown' and 'fewer than 23 pairs' in found.text
