import numpy as np
import pytest

from mono_depth_ros.demo.frames import DemoFrame
from mono_depth_ros.demo.picture import brightened, render_picture, view_from_above
from mono_depth_ros.messages.colormap import colorize_depth
from mono_depth_ros.visualization.canvas import (
    BAR_HEIGHT,
    COLORMAP,
    PANEL,
    Caption,
    Scale,
    VideoWriter,
    bar_marks,
    choose_scale,
    color_bar,
    fit_into,
    round_step,
)

SCALE = Scale(near=1.0, far=100.0, ahead=40.0, unit='m')
CAPTION = Caption('model: untrained', 'untrained, scaled by hand', 'small print')


def frame(size=(48, 64), points=((0.0, 0.0, 10.0),)):
    depth = np.full(size, 10.0, np.float32)
    points = np.array(points, np.float32).reshape(-1, 3)
    return DemoFrame(
        1,
        np.full((*size, 3), 99, np.uint8),
        depth,
        points,
        np.full((len(points), 3), 255, np.uint8),
    )


@pytest.mark.parametrize(
    ('length', 'step'), [(0.9, 1.0), (1.0, 1.0), (1.1, 2.0), (3.0, 5.0), (7.0, 10.0), (0.04, 0.05)]
)
def test_a_step_is_the_next_round_number(length, step):
    assert round_step(length) == pytest.approx(step)


def test_the_colors_span_most_of_the_depth_between_round_limits():
    depth = np.linspace(4.0, 46.0, 1000, dtype=np.float32)
    depth[0], depth[-1] = np.nan, np.inf

    scale = choose_scale([depth], 'm')

    assert (scale.near, scale.far, scale.ahead) == (2.0, 50.0, 50.0)


def test_frames_without_any_depth_still_have_a_scale():
    scale = choose_scale([np.full((2, 2), np.nan, np.float32)], 'm')

    assert scale.far > scale.near > 0 and scale.ahead > 0


def test_a_point_lies_at_its_metres_from_the_camera():
    side, per_metre = 424, 400 / 40
    points = np.array([[5.0, 0.0, 20.0], [0.0, 0.0, 100.0]], np.float32)

    view = view_from_above(points, np.full((2, 3), 255, np.uint8), SCALE, side)

    row, column = round(side - 12 - 20 * per_metre), round(side // 2 + 5 * per_metre)
    assert view[row, column].tolist() == [255, 255, 255]
    assert view[row - 10, column + 10].tolist() == list(PANEL)


def test_of_two_points_above_each_other_the_higher_one_is_seen():
    points = np.array([[5.0, -2.0, 20.0], [5.0, 1.0, 20.0]], np.float32)
    colors = np.array([[255, 0, 0], [0, 255, 0]], np.uint8)

    view = view_from_above(points, colors, SCALE, 424)

    assert view[212, 262].tolist() == brightened(np.array([0, 0, 255], np.uint8)).tolist()


def test_the_bar_shows_the_colors_that_depth_has():
    bar = color_bar(SCALE, 101)

    middle = colorize_depth(np.array([[10.0]], np.float32), COLORMAP, SCALE.near, SCALE.far)
    assert bar.shape == (BAR_HEIGHT - 4, 101, 3)
    assert bar[0, 50].tolist() == middle[0, 0].tolist()


@pytest.mark.parametrize(
    ('near', 'far', 'marks'),
    [
        (5.0, 80.0, [5, 10, 20, 50]),
        (6.0, 14.0, [6, 7, 8, 9, 10, 11, 12, 13, 14]),
        (0.1, 0.5, [0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5]),
    ],
)
def test_the_marks_are_round_distances_of_the_range(near, far, marks):
    assert bar_marks(Scale(near, far, far, 'm')) == marks


def test_an_image_keeps_its_aspect_in_its_cell():
    cell = fit_into(np.full((10, 10, 3), 200, np.uint8), (20, 50))

    inside = (cell == 200).all(axis=-1)
    assert inside.sum() == 20 * 20 and inside[:, 15:35].all()


@pytest.mark.parametrize('size', [(48, 64), (64, 48), (37, 124)])
def test_every_camera_gives_a_picture_with_even_sides(size):
    picture = render_picture(frame(size), SCALE, CAPTION)

    assert picture.dtype == np.uint8 and picture.shape[0] % 2 == picture.shape[1] % 2 == 0


def test_relative_depth_is_shown_without_a_cloud_and_without_metres():
    picture = render_picture(frame(points=()), Scale(0.1, 1.0, 1.0, ''), CAPTION)

    assert picture.any()


def test_a_film_that_cannot_be_written_is_named(tmp_path):
    with (
        VideoWriter(tmp_path / 'nowhere' / 'film.mp4', 10.0) as film,
        pytest.raises(ValueError, match=r"film\.mp4' cannot be written: the folder is missing"),
    ):
        film.write(np.zeros((32, 48, 3), np.uint8))
