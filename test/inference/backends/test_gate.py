import numpy as np
import pytest
import torch
from torch import Tensor

from mono_depth_ros.inference.backends.base import BackendError
from mono_depth_ros.inference.backends.gate import (
    checked,
    gate_batch,
    gate_errors,
    gate_images,
    measure,
    worst,
)

SIZE, RANGE = (32, 64), (1.0, 2.0)


class Constant:
    """An engine that says the same disparity everywhere, but in one pixel of one place."""

    note = ''

    def __init__(self, batch: int, disparity: float, odd_place: int = 0, odd: float | None = None):
        self.images = torch.zeros(batch, *SIZE, 3, dtype=torch.uint8)
        self.seen: list[Tensor] = []
        self.disparity = torch.full((batch, *SIZE), disparity)
        if odd is not None:
            self.disparity[odd_place, 3, 5] = odd

    def run(self) -> Tensor:
        self.seen.append(self.images.clone())
        return self.disparity


REFERENCE = torch.full((len(gate_images()), *SIZE), 0.5)


def test_the_gate_has_two_different_street_images():
    first, second = gate_images()

    assert first.shape == second.shape == (192, 640, 3) and (first != second).mean() > 0.2
    assert first.std() > 20


def test_the_same_disparity_has_no_error():
    assert measure(Constant(1, 0.5), REFERENCE, RANGE) == (0.0, 0.0, 0.0)


def test_the_error_is_relative_in_depth():
    # 1 / depth = 0.5 + 0.5 disparity: 0.75 at the reference, 0.8 here.
    figure = measure(Constant(1, 0.6), REFERENCE, RANGE)

    assert figure == pytest.approx([1 - 0.75 / 0.8] * 3, rel=1e-6)


@pytest.mark.parametrize('place', range(3))
def test_one_wrong_pixel_in_any_place_of_a_batch_counts_as_the_maximum(place):
    figure = measure(Constant(3, 0.5, place, odd=0.6), REFERENCE, RANGE)

    assert figure.maximum == pytest.approx(0.0625) and figure.median == 0


def test_every_place_of_a_batch_sees_every_image():
    engine = Constant(3, 0.5)

    measure(engine, REFERENCE, RANGE)

    places = torch.stack(engine.seen, dim=1)
    images = torch.from_numpy(gate_batch(SIZE))
    for seen in places:
        assert {bytes(image.numpy()) for image in seen} == {
            bytes(image.numpy()) for image in images
        }


@pytest.mark.parametrize('wrong', [torch.nan, torch.inf])
def test_what_is_no_number_never_passes(wrong):
    figure = measure(Constant(1, 0.5, odd=wrong), REFERENCE, RANGE)

    with pytest.raises(BackendError, match='max nan'):
        checked(figure, 'float32')


@pytest.mark.parametrize(
    ('precision', 'message'),
    [
        ('float32', r'max 5\.0e-03 \(limit 1e-03\)'),
        ('float16', r'p99 5\.0e-02 \(limit 2e-02\), median 5\.0e-02 \(limit 3e-03\)'),
    ],
)
def test_too_large_an_error_is_refused_with_its_figure(precision, message):
    error = 0.005 if precision == 'float32' else 0.05

    with pytest.raises(BackendError, match=message):
        checked(gate_errors(torch.full((100,), error)), precision)


def test_half_precision_may_be_far_off_in_a_pixel_in_a_thousand():
    errors = torch.zeros(1000)
    errors[7] = 0.5

    assert checked(gate_errors(errors), 'float16').maximum == 0.5
    with pytest.raises(BackendError, match='limit 1e-03'):
        checked(gate_errors(errors), 'float32')


def test_the_worst_of_several_batches_counts():
    figures = [gate_errors(torch.tensor([1.0, 1.0])), gate_errors(torch.tensor([0.0, 3.0]))]

    assert np.allclose(worst(figures), (3.0, 2.97, 1.5))


def test_another_shape_is_refused():
    engine = Constant(1, 0.5)
    engine.disparity = engine.disparity[:, ::2]

    with pytest.raises(BackendError, match=r'shape \(1, 16, 64\) instead of \(1, 32, 64\)'):
        measure(engine, REFERENCE, RANGE)
