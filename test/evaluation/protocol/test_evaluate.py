"""Frames run through threads in order, are skipped or not, and need not run twice."""

import threading
from math import isnan

import numpy as np
import pytest
import torch

from mono_depth_ros.evaluation.protocol.evaluate import Predictor, Skipped, evaluate_frames
from mono_depth_ros.evaluation.protocol.samples import Frame, Rules

SIZE = (8, 40)


class Scenes:
    """Frames of depth 1, 2, 3, ... m whose images show it; some are broken."""

    rules = Rules('made up')

    def __init__(self, count: int = 7, broken: tuple[int, ...] = ()) -> None:
        self.names = [f'frame {index}' for index in range(count)]
        self.broken, self.read_order = broken, []

    def read(self, index: int) -> Frame:
        self.read_order.append(index)
        if index in self.broken:
            raise FileNotFoundError(f'frame {index} is not there')
        depth = np.full(SIZE, index + 1.0)
        return Frame(self.names[index], self.read_image(index), np.eye(3), depth, depth > 0)

    def read_image(self, index: int) -> np.ndarray:
        return np.full((*SIZE, 3), index + 1, np.uint8)


def perfect(images):
    return [1 / image[..., 0].astype(np.float64) for image in images]


def test_a_perfect_predictor_scores_zero():
    result = evaluate_frames(Scenes(), perfect)

    for way in ('median_scaled', 'unscaled'):
        mean = result.mean(way)
        assert mean.errors == pytest.approx((0, 0, 0, 0, 1, 1, 1), abs=1e-15)
        assert mean.silog == pytest.approx(0, abs=1e-12)
    assert result.scale == 1 and result.scale_spread == pytest.approx(0, abs=1e-15)


def test_a_predictor_off_by_three_scores_zero_once_scaled_and_two_before():
    result = evaluate_frames(Scenes(), lambda images: [i / 3 for i in perfect(images)])

    assert result.median_scaled.abs_rel == pytest.approx(0, abs=1e-6)
    assert result.unscaled.abs_rel == pytest.approx(2, rel=1e-6)
    assert result.scale == pytest.approx(1 / 3)


def test_neither_threads_nor_batches_change_results_or_order():
    alone = evaluate_frames(Scenes(), perfect, batch_size=1, workers=1)
    seen = []

    together = evaluate_frames(Scenes(), perfect, batch_size=3, workers=4, on_image=seen.append)

    assert together == alone and list(together.images) == seen
    assert [image.name for image in seen] == Scenes().names


def test_threads_prepare_images_and_predict_them_in_batches():
    threads, batches = set(), []

    def shrink(image):
        threads.add(threading.current_thread())
        return image[::2, ::2]

    def run(images):
        batches.append([image.shape for image in images])
        return perfect(images)

    result = evaluate_frames(Scenes(5), Predictor(shrink, run), batch_size=4, workers=1)

    assert threading.main_thread() not in threads
    assert batches == [[(4, 20, 3)] * 4, [(4, 20, 3)]]
    assert result.unscaled.abs_rel == pytest.approx(0, abs=1e-15)


def test_only_so_many_frames_are_under_way():
    scenes, most = Scenes(60), []

    def predict(images):
        most.append(len(scenes.read_order))
        return perfect(images)

    evaluate_frames(scenes, predict, batch_size=2, workers=2)

    # beside the frames of batch n, of as many batches as there are threads, twice
    assert all(read <= 2 * (n + 1) + 2 * 2 * 2 for n, read in enumerate(most))


def test_threads_share_those_of_pytorch():
    before, used = torch.get_num_threads(), set()

    def predict(images):
        used.add(torch.get_num_threads())
        return perfect(images)

    torch.set_num_threads(4)
    try:
        evaluate_frames(Scenes(), predict, workers=2)
        assert used == {2} and torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)


def test_an_evaluation_s_end_waits_for_its_threads():
    """Ctrl-C or an error leaves no thread behind."""
    before = threading.active_count()

    with pytest.raises(FileNotFoundError):
        evaluate_frames(Scenes(60, broken=(1,)), perfect, workers=3)

    assert threading.active_count() == before


def test_a_broken_frame_ends_the_evaluation_with_its_error():
    with pytest.raises(FileNotFoundError, match='frame 4 is not there'):
        evaluate_frames(Scenes(broken=(4,)), perfect)


def test_a_broken_frame_may_be_skipped_and_counts_in_no_mean():
    seen = []

    result = evaluate_frames(
        Scenes(broken=(0, 4)), perfect, skip_broken=True, batch_size=2, on_image=seen.append
    )

    assert result.skipped == (
        Skipped('frame 0', 'frame 0 is not there'),
        Skipped('frame 4', 'frame 4 is not there'),
    )
    assert [image.name for image in result.images] == [
        'frame 1',
        'frame 2',
        'frame 3',
        'frame 5',
        'frame 6',
    ]
    assert [isinstance(item, Skipped) for item in seen] == [i in (0, 4) for i in range(7)]


def test_a_wrong_prediction_is_never_skipped():
    with pytest.raises(ValueError, match='no inverse depth'):
        evaluate_frames(
            Scenes(), lambda images: [0 * i for i in perfect(images)], skip_broken=True
        )


def test_nothing_but_broken_frames_is_an_error():
    with pytest.raises(ValueError, match=r'All 2 frames were skipped.*frame 0 is not there'):
        evaluate_frames(Scenes(2, broken=(0, 1)), perfect, skip_broken=True)


def test_the_mean_has_ranges_with_counts():
    mean = evaluate_frames(Scenes(12), perfect).mean('unscaled')

    assert [part.frames for part in mean.ranges] == [9, 3, 0, 0]
    assert [part.pixels for part in mean.ranges] == [9 * 320, 3 * 320, 0, 0]
    assert isnan(mean.ranges[2].errors.abs_rel) and isnan(mean.boundary_f1)


@pytest.mark.parametrize('option', ['batch_size', 'workers'])
def test_numbers_below_one_are_refused(option):
    with pytest.raises(ValueError, match=f'{option} is 0; expected 1 or more'):
        evaluate_frames(Scenes(), perfect, **{option: 0})
