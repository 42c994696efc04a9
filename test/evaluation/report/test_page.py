"""The page of an evaluation shows the figures, and the frames that have the worst and best."""

import numpy as np
import pytest
from html_page import Page

from mono_depth_ros.evaluation.protocol.evaluate import Skipped, evaluate_frames
from mono_depth_ros.evaluation.protocol.published import PublishedResult
from mono_depth_ros.evaluation.protocol.samples import Frame, Rules
from mono_depth_ros.evaluation.report.page import Report, show_frames, worst_and_best, write_page
from mono_depth_ros.evaluation.report.pictures import color_error, draw_frame

SIZE = (20, 60)
WAYS = ('median_scaled', 'unscaled')
PAPERS = {
    'A prints M': PublishedResult(
        'A', 'A, B', '2', 'A', 'small_depth', 'kitti_eigen', abs_rel=0.123
    )
}


class Slopes:
    """Frames from 5 to 15 m, of which number n is predicted n tenths too flat."""

    rules = Rules('made up')
    names = tuple(f'frame <{index}>' for index in range(8))

    def read(self, index: int) -> Frame:
        depth = np.tile(np.linspace(5, 15, SIZE[1]), (SIZE[0], 1))
        mask = np.zeros(SIZE, bool)
        mask[::2] = True
        return Frame(self.names[index], self.read_image(index), np.eye(3), depth, mask)

    def read_image(self, index: int) -> np.ndarray:
        return np.full((*SIZE, 3), index * 10, np.uint8)


def predict(images):
    slope = np.linspace(-5, 5, SIZE[1])
    return [
        np.tile(1 / (10 + slope * (1 - image[0, 0, 0] / 100)), (SIZE[0], 1)) for image in images
    ]


@pytest.fixture(scope='module')
def result():
    return evaluate_frames(Slopes(), predict)


@pytest.fixture(scope='module')
def text(result):
    worst, best = (
        show_frames(shown, Slopes(), predict, None, 'unscaled', False)
        for shown in worst_and_best(result, 'unscaled', 2)
    )
    return write_page(
        Report(
            'a & b',
            '8 of 8 frames',
            result,
            WAYS,
            PAPERS,
            ['Look <here>.'],
            {'split': 'x & y'},
            worst,
            best,
        )
    )


def test_the_page_stands_alone_and_says_every_figure(text, result):
    page = Page(text)

    assert page.row('unscaled')[0] == f'{result.unscaled.abs_rel:.4f}'
    assert page.row('median-scaled')[2] == f'{result.median_scaled.rmse:.4f}'
    assert page.tile('True / predicted depth') == f'{result.scale:.4g}'
    assert page.row('A prints M') == ['0.1230']
    assert page.row('0-10 m')[-1] == '8' and page.row('split') == ['x & y']
    assert 'Look <here>.' in page.text
    assert {
        'Frames by true / predicted median depth',
        'AbsRel, frame by frame',
        'AbsRel by true depth, median-scaled',
    } <= set(page.charts)


def test_the_worst_frames_come_first_and_the_best_after_them(text):
    words = Page(text).text

    order = [words.index(f'frame <{index}>:') for index in (7, 6, 0, 1)]
    assert order == sorted(order) and 'frame <4>' not in words


def test_a_frame_is_never_both_worst_and_best(result):
    worst, best = worst_and_best(result, 'unscaled', 100)

    assert [image.name for image in worst + best[::-1]] == list(Slopes.names[::-1])


def test_skipped_frames_are_listed_with_their_reasons(result):
    skipped = evaluate_frames(Slopes(), predict)
    skipped = type(skipped)(skipped.rules, skipped.images[:1], (Skipped('lost', 'no <file>'),))

    page = Page(write_page(Report('a', '', skipped, WAYS, {}, [], {}, [], [])))

    assert page.row('lost') == ['no <file>'] and '1 frames were skipped' in page.text


def test_errors_are_blue_where_too_near_and_red_where_too_far():
    near, right, far, further, unknown = color_error(np.array([[-0.3, 0, 0.3, 9, np.nan]]))[
        0
    ].astype(int)

    assert near[2] > near[0] + 150 and far[0] > far[2] + 150
    assert (right == 255).all() and (further == far).all() and (unknown == 255).all()


def test_depths_share_their_colors_and_unknown_ones_have_none():
    frame = Slopes().read(3)

    pictures = draw_frame(frame, frame.depth.astype(np.float32))

    shape = pictures['image'].shape
    assert shape == (207, 620, 3) and all(p.shape == shape for p in pictures.values())
    middle = 2 * 207 // 20, 310  # of a row that is compared
    assert np.abs(pictures['true'][middle].astype(int) - pictures['predicted'][middle]).max() < 20
    assert (pictures['error'][middle] == 255).all()
    assert (pictures['true'][3 * 207 // 20 + 3, 310] == 10).all()  # a third of the image's 30
