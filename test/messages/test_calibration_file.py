import numpy as np
import pytest

from mono_depth_ros.messages.calibration_file import (
    check_principal_point,
    geometry_of,
    read_calibration_file,
)

K = [600.0, 0.0, 320.5, 0.0, 601.0, 240.5, 0.0, 0.0, 1.0]
WHOLE = f"""
image_width: 640
image_height: 480
camera_name: narrow_stereo
camera_matrix: {{rows: 3, cols: 3, data: {K}}}
distortion_model: plumb_bob
distortion_coefficients: {{rows: 1, cols: 5, data: [-0.3, 0.1, 0.001, 0.002, 0.0]}}
rectification_matrix: {{rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}}
projection_matrix: {{rows: 3, cols: 4, data: [580, 0, 321, 0, 0, 581, 241, 0, 0, 0, 1, 0]}}
"""


def write(tmp_path, text):
    path = tmp_path / 'camera.yaml'
    path.write_text(text)
    return path


def test_a_file_of_camera_calibration_is_read_whole(tmp_path):
    model = read_calibration_file(write(tmp_path, WHOLE))

    assert model.size == (480, 640)
    assert model.K.ravel().tolist() == K
    assert model.D == (-0.3, 0.1, 0.001, 0.002, 0.0)
    assert model.rectified_K[0].tolist() == [580, 0, 321]


def test_size_and_matrix_alone_are_an_undistorted_camera(tmp_path):
    model = read_calibration_file(
        write(tmp_path, f'image_width: 640\nimage_height: 480\ncamera_matrix: {{data: {K}}}\n')
    )

    assert not model.is_distorted and np.array_equal(model.R, np.eye(3))
    assert model.rectified_K.ravel().tolist() == K


@pytest.mark.parametrize(
    ('old', 'new', 'error'),
    [
        ('image_width: 640', '', "'image_width' is missing. Expected the YAML"),
        ('camera_matrix', 'matrix', "'camera_matrix' is missing"),
        ('600.0, 0.0, ', '', "'camera_matrix' has 7 numbers, expected 9"),
        ('600.0', '-600.0', 'focal lengths -600 and 601; they must be positive'),
        ('[-0.3, 0.1,', '[', 'D has 3 coefficients'),
        ('{rows: 3', '{rows: [3', 'is no YAML'),
        (WHOLE, 'forty two', 'cannot be read.*Expected the YAML'),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(tmp_path, old, new, error):
    with pytest.raises(ValueError, match=rf'camera\.yaml.*(?s:{error})'):
        read_calibration_file(write(tmp_path, WHOLE.replace(old, new, 1)))


@pytest.mark.parametrize(
    ('line', 'model'),
    [
        ('camera_model: fisheye', 'equidistant'),
        ('camera_model: pinhole', 'plumb_bob'),
        ('distortion_model: fisheye', 'equidistant'),
        ('distortion_model: equidistant\ncamera_model: pinhole', 'equidistant'),
    ],
)
def test_the_model_is_known_by_the_names_that_calibrations_write(tmp_path, line, model):
    text = WHOLE.replace('distortion_model: plumb_bob', line).replace('0.002, 0.0]', '0.002]')

    assert read_calibration_file(write(tmp_path, text)).distortion_model == model


def test_much_of_an_image_without_a_source_is_logged(tmp_path, caplog):
    text = WHOLE.replace('[580, 0, 321, 0, 0, 581, 241,', '[300, 0, 160, 0, 0, 300, 120,')
    model = read_calibration_file(write(tmp_path, text))

    geometry_of(model, 'raw', 'a.yaml')

    assert 'a.yaml: ' in caplog.text and 'are the images rectified already?' in caplog.text


def test_a_missing_file_says_what_is_expected(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'does not exist. Expected the YAML file'):
        read_calibration_file(tmp_path / 'camera.yaml')


def test_intrinsics_of_another_size_are_refused():
    with pytest.raises(
        ValueError,
        match=r'a.yaml: the principal point \(320\.5, 240\.5\) lies '
        'outside the image of 320x240',
    ):
        check_principal_point(np.reshape(K, (3, 3)), (240, 320), 'a.yaml')
