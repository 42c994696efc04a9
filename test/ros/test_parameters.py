from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: the ROS tests need it')

from mono_depth_ros.ros.parameters import SPECS, DepthNodeConfig, depth_yaml, descriptor

ROOT = Path(__file__).parents[2]


def test_the_yaml_file_says_what_the_code_says():
    current = (ROOT / 'config' / 'depth.yaml').read_text(encoding='utf-8')

    assert current == depth_yaml(), 'run make config'


def test_the_documentation_lists_every_parameter():
    text = (ROOT / 'docs' / 'topics_and_parameters.md').read_text(encoding='utf-8')

    assert [name for name in SPECS if f'`{name}`' not in text] == []


@pytest.mark.parametrize('name', SPECS)
def test_every_parameter_is_described(name):
    message = descriptor(name)

    assert len(message.description) > 20
    assert bool(SPECS[name].metadata['choices']) <= bool(message.additional_constraints)


def test_numbers_have_ranges():
    numbers = [name for name, spec in SPECS.items() if type(spec.default) in (int, float)]

    assert all(descriptor(name).floating_point_range or descriptor(name).integer_range
               for name in numbers)


@pytest.mark.parametrize(('change', 'message'), [
    ({'precision': 'float8'}, "precision 'float8' is not one of float32, float16, bfloat16"),
    ({'input': 'rect'}, "input 'rect' is not one of raw, rectified"),
    ({'min_depth': 90.0}, 'min_depth 90.0 m must be smaller than max_depth 80.0 m'),
    ({'cameras': ('a', 'a')}, 'must name each camera once'),
    ({'cloud_stride': 0}, 'cloud_stride 0 is outside 1 to 64'),
    ({'model': ''}, 'model is empty'),
])
def test_a_bad_value_is_refused_with_what_is_expected(change, message):
    with pytest.raises(ValueError, match=message):
        replace(DepthNodeConfig(), **change)
