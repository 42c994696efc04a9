"""However an image reaches the network, its depth is the same: bag, file, evaluation."""

import json

import cv2
import numpy as np
import pytest
import yaml
from cards import write_small_card
from moving_bags import INFO, PERIOD, SIZE, START, TOPIC, K, wall, write_moving_bag

from mono_depth_ros.bags.reader import open_bag
from mono_depth_ros.bags.writer import BagWriter
from mono_depth_ros.cli import evaluate_bag, predict_bag, predict_depth

PLACES = (0, 9, 21)
LENS = [0.3, -0.05, 0.001, 0.002, 0.0]
TORCH = ['--threads', '1', '--backend', 'torch']

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A card, a bag of a lens that distorts, the same images as files and its calibration."""
    folder = tmp_path_factory.mktemp('one_depth')
    write_small_card(folder / 'card.yaml', depth_scale=20.0)
    write_moving_bag(folder / 'bag', PLACES, D=LENS)
    (folder / 'images').mkdir()
    for index, place in enumerate(PLACES):
        assert cv2.imwrite(str(folder / 'images' / f'{index}.png'), wall(place))
    calibration = {
        'image_width': SIZE[1],
        'image_height': SIZE[0],
        'camera_matrix': {'data': K.ravel().tolist()},
        'distortion_coefficients': {'data': LENS},
    }
    (folder / 'camera.yaml').write_text(yaml.safe_dump(calibration))
    return folder


def predict(folder, output, *options, bag='bag'):
    given = [folder / bag, output, '--model', folder / 'card.yaml', *options, *TORCH]
    assert predict_bag.main([str(word) for word in given]) == 0
    return output


def depths(bag):
    with open_bag(bag) as reader:
        chosen = [c for c in reader.connections if c.topic == '/depth/image_rect']
        found = [reader.deserialize(data, c.msgtype) for c, _, data in reader.messages(chosen)]
    return [message.data.view('<f4').reshape(message.height, message.width) for message in found]


@pytest.fixture(scope='module')
def predicted(folder):
    return predict(folder, folder / 'predicted')


def test_files_get_the_depth_that_a_bag_gets(folder, predicted, tmp_path):
    given = [folder / 'images', '--output', tmp_path, '--model', folder / 'card.yaml']
    camera = ['--intrinsics', folder / 'camera.yaml', '--write', 'npy']
    assert predict_depth.main([str(word) for word in [*given, *camera, *TORCH]]) == 0

    of_bag = depths(predicted)

    assert len(of_bag) == len(PLACES) and np.isnan(of_bag[0]).any()  # what no ray of the lens met
    for index, depth in enumerate(of_bag):
        of_file = np.load(tmp_path / f'{index}_depth.npy')
        assert np.array_equal(of_file, depth, equal_nan=True)


def test_an_evaluation_finds_no_error_in_the_depth_of_a_bag(folder, predicted, tmp_path):
    report = tmp_path / 'report.json'
    given = [predicted, '--model', folder / 'card.yaml', '--reference', '/depth/image_rect']
    options = ['--image', '/camera/image_raw', '--output', report, '--min-pixels', '1']
    assert evaluate_bag.main([str(word) for word in [*given, *options, *TORCH]]) == 0

    found = json.loads(report.read_text())

    assert found['compared'] == len(PLACES)
    assert found['unscaled']['abs_rel'] == pytest.approx(0, abs=1e-6)
    assert found['scale'] == pytest.approx(1, abs=1e-6)


def test_the_batch_size_and_a_lossless_compression_change_nothing(folder, predicted, tmp_path):
    with BagWriter(tmp_path / 'png') as bag:
        for index, place in enumerate(PLACES):
            stamp, png = START + index * PERIOD, cv2.imencode('.png', wall(place))[1].tobytes()
            bag.write_compressed(f'{TOPIC}/compressed', stamp, 'optical', 'png', png)
            bag.write_camera_info(INFO, stamp, 'optical', SIZE, K, D=LENS)

    one_by_one = predict(folder, tmp_path / 'single', '--batch-size', '1')
    of_png = predict(folder, tmp_path / 'of_png', bag=tmp_path / 'png')

    for other in (one_by_one, of_png):
        for depth, expected in zip(depths(other), depths(predicted), strict=True):
            assert np.allclose(depth, expected, rtol=1e-5, equal_nan=True)
