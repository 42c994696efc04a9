"""Every option of every executable has a sentence, its default and its unit, from one place."""

import argparse
import ast
import importlib
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import yaml
from installation import ROOT, executables

from mono_depth_ros.cli.options import OPTIONS
from mono_depth_ros.ros.evaluator.parameters import PARAMETERS
from mono_depth_ros.ros.node.parameters import described_parameters
from mono_depth_ros.training.config.parse import create_parser as create_training_parser

NODES = ('mono_depth_ros.cli.depth_node', 'mono_depth_ros.cli.replay_evaluator')
PARSERS = [name for name in executables() if name not in NODES]
# What a number that has no unit is.
UNITLESS = re.compile(r'\b(numbers?|shares?|weights?|factors?|threads|how many|n-th)\b', re.I)
# What parsers add by themselves.
TAIL = re.compile(r'\((required, )?(type|default): .*', re.DOTALL)
UNIT = re.compile(r'\[[^\]]+\]')
# Names that mean something else in each executable.
OWN_MEANING = {'output', 'root', '--output', '--cameras', '--images', '--rate', '--clock'}


class Option(NamedTuple):
    """What an executable says of one of its options, and what it takes without it."""

    name: str
    text: str
    default: Any
    is_number: bool


def options_of(parser: argparse.ArgumentParser) -> Iterator[Option]:
    formatter = parser._get_formatter()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from options_of(command)
        elif not isinstance(action, argparse._HelpAction) and action.help != argparse.SUPPRESS:
            yield Option(
                '/'.join(action.option_strings) or action.dest,
                formatter._expand_help(action) if action.help else '',
                action.default,
                takes_numbers(action.type, action.default),
            )


def takes_numbers(kind: Any, default: Any) -> bool:
    values = default if isinstance(default, list | tuple) else [default]
    return getattr(kind, '__name__', '') in ('int', 'float', 'positive', '_metres') or any(
        isinstance(value, int | float) and not isinstance(value, bool) for value in values
    )


def parser_of(module: str) -> argparse.ArgumentParser:
    if module.endswith('train_depth'):
        return create_training_parser()
    return importlib.import_module(module).create_parser()


def parameters_of_nodes() -> list[Option]:
    described = [
        (name, yaml.safe_load(value), text) for name, value, text in described_parameters()
    ]
    described += [(name, *said) for name, said in PARAMETERS.items()]
    return [
        Option(name, text, default, takes_numbers(None, default))
        for name, default, text in described
    ]


def unexplained(options: list[Option]) -> list[str]:
    return [option.name for option in options if len(TAIL.sub('', option.text).split()) < 2]


def without_unit(options: list[Option]) -> list[str]:
    return [
        option.name
        for option in options
        if option.is_number and not UNIT.search(option.text) and not UNITLESS.search(option.text)
    ]


@pytest.mark.parametrize('module', PARSERS)
def test_every_option_is_explained_with_its_default_and_its_unit(module):
    options = list(options_of(parser_of(module)))

    assert len(options) > 3
    assert unexplained(options) == []
    assert without_unit(options) == []
    assert [
        option.name
        for option in options
        if option.default not in (None, False, '', [], (), argparse.SUPPRESS)
        and 'default: ' not in option.text
    ] == []


def test_every_parameter_of_a_node_is_explained_with_its_unit():
    parameters = parameters_of_nodes()

    assert len(parameters) > 40
    assert unexplained(parameters) == []
    assert without_unit(parameters) == []


def test_an_option_without_a_word_or_a_unit_would_be_found():
    parser = argparse.ArgumentParser()
    parser.add_argument('--bare')
    parser.add_argument('--width', type=float, help='how wide it is')
    parser.add_argument('--height', type=float, help='how high it is [m]')

    options = list(options_of(parser))

    assert unexplained(options) == ['--bare']
    assert without_unit(options) == ['--width']


def test_an_option_of_several_executables_is_defined_once():
    names = Counter()
    for path in (ROOT / 'mono_depth_ros' / 'cli').glob('*.py'):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if is_definition(node)]
        names.update({call.args[0].value for call in calls})
    names.update(list(OPTIONS))

    assert len(names) > 60
    assert {name for name, count in names.items() if count > 1} <= OWN_MEANING


def is_definition(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith('.add_argument')
        and isinstance(node.args[0], ast.Constant)
    )
