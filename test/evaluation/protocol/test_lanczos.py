import numpy as np
import pytest

from mono_depth_ros.evaluation.protocol.lanczos import lanczos_resize


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_same_size_returns_the_image():
    image = noise(9, 13)

    assert np.array_equal(lanczos_resize(image, (9, 13)), image)


def test_a_flat_image_stays_flat_at_any_size():
    image = np.full((9, 13, 3), (10, 128, 255), np.uint8)

    resized = lanczos_resize(image, (5, 31))

    assert resized.shape == (5, 31, 3) and (resized == (10, 128, 255)).all()


def test_shrinking_averages_stripes_away_instead_of_aliasing():
    stripes = np.zeros((8, 64, 3), np.uint8)
    stripes[:, ::2] = 200

    resized = lanczos_resize(stripes, (8, 16))

    assert np.abs(resized[:, 3:-3].astype(int) - 100).max() <= 3


def test_overshoot_at_an_edge_stays_within_the_range():
    edge = np.zeros((4, 16, 3), np.uint8)
    edge[:, 8:] = 255

    resized = lanczos_resize(edge, (4, 32))

    assert resized[:, :8].max() < 30 and resized[:, -8:].min() > 225


def test_mirroring_and_resizing_commute():
    image = noise(12, 21)

    mirrored = lanczos_resize(np.ascontiguousarray(image[:, ::-1]), (6, 14))

    difference = mirrored.astype(int) - lanczos_resize(image, (6, 14))[:, ::-1]
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize('size', [(20, 31), (96, 160), (60, 200)])
def test_result_is_that_of_the_library_behind_the_published_figures(size):
    pillow = pytest.importorskip('PIL.Image', reason='Pillow, the reference, is not installed')
    image = noise(60, 100)

    expected = np.asarray(pillow.fromarray(image).resize(size[::-1], pillow.Resampling.LANCZOS))

    difference = lanczos_resize(image, size).astype(int) - expected
    assert np.abs(difference).max() <= 1 and np.mean(difference != 0) < 0.01
