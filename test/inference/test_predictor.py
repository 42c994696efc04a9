"""One camera's images through a network: units, limits, what a picture without metres may be."""

import numpy as np
import pytest
from cards import write_small_card

from mono_depth_ros.inference.cards.model_card import load_card
from mono_depth_ros.inference.estimator import DepthEstimator
from mono_depth_ros.inference.predictor import Predictor
from mono_depth_ros.messages.camera_info import ImageGeometry

SIZE = (64, 96)
K = np.array([[48.0, 0, 47.5], [0, 48, 31.5], [0, 0, 1]])
IMAGE = np.random.default_rng(0).integers(0, 255, (*SIZE, 3), np.uint8)


@pytest.fixture(scope='module')
def estimator(tmp_path_factory):
    path = tmp_path_factory.mktemp('card') / 'card.yaml'
    write_small_card(path, **METRIC)
    return DepthEstimator(load_card(path), backend='torch')


METRIC = {'depth_unit': 'metric', 'training_K': [[48.0, 0, 48], [0, 48, 32], [0, 0, 1]]}


def test_depth_out_of_range_and_without_source_is_marked(estimator):
    valid = np.ones(SIZE, bool)
    valid[:, :10] = False
    geometry = ImageGeometry(K, valid=valid)
    plain = estimator.estimate([IMAGE], [K])[0]
    near, far = np.quantile(plain, [0.25, 0.75])

    depth, scaling = Predictor(estimator, min_depth=near, max_depth=far)(IMAGE, geometry)

    assert scaling.kind == 'metric'
    assert np.isnan(depth[:, :10]).all()
    rest, known = depth[:, 10:], plain[:, 10:]
    assert np.array_equal(np.isnan(rest), known < near)
    assert np.array_equal(np.isinf(rest), known > far)
    kept = np.isfinite(rest)
    assert np.array_equal(rest[kept], known[kept])


def test_a_metric_card_without_a_camera_is_relative_and_keeps_its_shape(estimator):
    predict = Predictor(estimator, max_depth=1.0)

    depth, scaling = predict(IMAGE)

    assert scaling.kind == predict.scaling(SIZE).kind == 'relative'
    assert np.array_equal(depth, estimator.estimate([IMAGE], depth_scale=1.0)[0])


def test_a_measured_scale_gives_metres_without_a_camera(estimator):
    predict = Predictor(estimator, depth_scale=2.0, max_depth=1e6)

    depth, scaling = predict(IMAGE)

    assert scaling.kind == predict.scaling(SIZE).kind == 'scaled'
    assert np.array_equal(depth, estimator.estimate([IMAGE], depth_scale=2.0)[0])


def test_one_unknown_camera_among_known_ones_is_refused(estimator):
    with pytest.raises(ValueError, match='needs the camera'):
        Predictor(estimator).batch([IMAGE, IMAGE], [ImageGeometry(K), None])
