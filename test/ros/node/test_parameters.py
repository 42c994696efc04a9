import re
from dataclasses import replace

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: the ROS tests need it')

import rclpy
from domains import next_domain
from rclpy.context import Context
from rclpy.node import Node
from ros_harness import ROOT

from mono_depth_ros.ros.node.declaration import declare_parameters, descriptor, read_config
from mono_depth_ros.ros.node.parameters import SPECS, DepthNodeConfig, depth_yaml


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

    assert all(
        descriptor(name).floating_point_range or descriptor(name).integer_range for name in numbers
    )


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'precision': 'float8'}, "precision 'float8' is not one of float32, float16, bfloat16"),
        ({'input': 'rect'}, "input 'rect' is not one of raw, rectified"),
        ({'min_depth': 90.0}, 'min_depth 90.0 m must be smaller than max_depth 80.0 m'),
        ({'cameras': ('a', 'a')}, 'must name each camera once'),
        ({'cloud_stride': 0}, 'cloud_stride 0 is outside 1 to 64'),
        ({'warn_age': 0.5, 'error_age': 0.4}, 'error_age 0.4 must be above warn_age 0.5'),
        ({'warn_fps': 5.0, 'error_fps': 9.0}, 'error_fps 9.0 must be below warn_fps 5.0'),
        ({'warn_drops': 0.5, 'error_drops': 0.5}, 'error_drops 0.5 must be above warn_drops 0.5'),
        ({'model': ''}, 'model is empty'),
    ],
)
def test_a_bad_value_is_refused_with_what_is_expected(change, message):
    with pytest.raises(ValueError, match=message):
        replace(DepthNodeConfig(), **change)


@pytest.fixture
def node_given(request):
    """A node with one parameter given on its command line."""
    context = Context()
    rclpy.init(context=context, domain_id=next_domain())
    node = Node('given', context=context, cli_args=['--ros-args', '-p', request.param])
    yield node
    node.destroy_node()
    context.try_shutdown()


@pytest.mark.parametrize(
    ('node_given', 'message'),
    [
        ('max_depth:=80', 'max_depth.*decimal point, such as 80.0'),
        ('max_depth:=.inf', 'max_depth.*out of range'),
        ('min_depth:=.nan', 'min_depth.*out of range'),
        ('cloud_stride:=0', 'cloud_stride.*whole number'),
        ('cameras:=[]', r"cameras: the given value is empty.*\['front', 'rear'\]"),
        ('cameras:=front', 'cameras.*list of strings'),
        ('model:=1', 'model.*in quotes'),
        ('rectify:=maybe', 'rectify.*true or false'),
    ],
    indirect=['node_given'],
)
def test_a_refused_start_value_is_named_and_leaves_the_default(node_given, message):
    refused = declare_parameters(node_given)

    assert re.search(message, ' '.join(refused.values())), refused
    assert read_config(node_given) == DepthNodeConfig()


@pytest.mark.parametrize('node_given', ['fit:=stretch'], indirect=True)
def test_a_start_value_by_an_old_name_counts_for_the_new_one(node_given):
    assert declare_parameters(node_given) == {}

    assert read_config(node_given).resize_mode == 'stretch'


def test_a_start_value_by_the_new_name_wins_over_one_by_the_old():
    context = Context()
    rclpy.init(context=context, domain_id=next_domain())
    given = ['--ros-args', '-p', 'fit:=stretch', '-p', 'resize_mode:=keep_aspect']
    node = Node('given', context=context, cli_args=given)

    declare_parameters(node)

    assert read_config(node).resize_mode == 'keep_aspect'
    node.destroy_node()
    context.try_shutdown()
