"""Recipes and command lines become a TrainConfig; what is unknown is refused by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentError, ArgumentParser

from mono_depth_ros.arguments import option_names, respell
from mono_depth_ros.resources import share_file
from mono_depth_ros.suggest import did_you_mean
from mono_depth_ros.training.config.schema import OtherData, TrainConfig

# Mappings whose entries are options of their own, e.g. --network_options.block_drop.
_FREE = ('--network_options.', '--reading.options.')


class UnknownOptionError(ValueError):
    """The command line holds an option that there is not."""


def list_recipes() -> list[str]:
    """Return the names of the recipes that come with the package, sorted."""
    return sorted(path.stem for path in share_file('config/train').glob('*.yaml'))


def parse_config(arguments: Sequence[str]) -> TrainConfig:
    """Read a recipe and what the command line changes of it.

    Args:
        arguments: e.g. ['--recipe', 'small_depth', '--root', 'kitti', '--loss.levels', '1'].

    Raises:
        UnknownOptionError: there is no such option.
        ValueError: a recipe's key is unknown, or a value is of the wrong type.
        FileNotFoundError: the recipe does not exist.
        SystemExit: after --help.
    """
    parser = create_parser()
    known = list(parser._option_string_actions)
    _check_options(arguments, known)
    given = respell(arguments, _field_of)
    try:
        values = parser.parse_args(given)
        if values.recipe:  # a second time, on top of the recipe
            recipe = parser.parse_object(_read_recipe(values.recipe, known))
            values = parser.parse_args(given, recipe)
        built = parser.instantiate(values)
    except ArgumentError as error:
        raise ValueError(str(error)) from error
    return TrainConfig(**{field.name: built[field.name] for field in fields(TrainConfig)})


def create_parser() -> ArgumentParser:
    """Return the parser of all options: TrainConfig's fields, as its docstrings explain them."""
    parser = ArgumentParser(
        prog='train_depth',
        exit_on_error=False,
        allow_abbrev=False,
        description='Train a depth network without ground truth; the result is a model card '
        f'that depth_node runs. Recipes: {", ".join(list_recipes()) or "none"}.',
    )
    parser.add_argument(
        '--recipe',
        type=str,
        metavar='NAME',
        help='a recipe by name, or a .yaml file; every option changes it',
    )
    parser.add_class_arguments(TrainConfig)
    return parser


def _read_recipe(name: str, known: Sequence[str]) -> dict[str, Any]:
    path = Path(name).expanduser()
    if path.suffix != '.yaml':
        if name not in list_recipes():
            raise FileNotFoundError(
                f"Recipe '{name}' does not exist.{did_you_mean(name, list_recipes())} Available: "
                f'{", ".join(list_recipes())}; a path to a .yaml file will do too.'
            )
        path = share_file('config/train') / f'{name}.yaml'
    if not path.is_file():
        raise FileNotFoundError(f"Recipe file '{path}' does not exist.")
    try:
        entries = yaml.safe_load(path.read_text(encoding='utf-8')) or {}
    except yaml.YAMLError as error:
        raise ValueError(f'{path}: not a YAML file: {error}') from error
    if not isinstance(entries, dict):
        raise ValueError(f"{path}: expected lines such as 'network: small_depth'.")
    _check_keys(entries, [option[2:] for option in known], path)
    return entries


def _check_keys(
    entries: Mapping[Any, Any], known: Collection[str], path: Path, prefix: str = ''
) -> None:
    """Refuse keys that are no options, with what they may have meant."""
    for key, value in entries.items():
        name = f'{prefix}{key}'
        if name not in known:
            raise ValueError(
                f"{path}: unknown key '{name}'.{did_you_mean(name, known)} "
                'train_depth --help lists all of them.'
            )
        if name == 'also':
            _check_other_data(value, path)
        elif any(other.startswith(f'{name}.') for other in known):
            if not isinstance(value, Mapping):
                raise ValueError(f"{path}: '{name}' is {value!r}; expected keys and values.")
            _check_keys(value, known, path, f'{name}.')


def _check_other_data(value: Any, path: Path) -> None:
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        raise ValueError(f"{path}: 'also' is {value!r}; expected a list of keys and values.")
    for entry in value:
        _check_keys(entry, [f'also.{field.name}' for field in fields(OtherData)], path, 'also.')


def _check_options(arguments: Sequence[str], known: Sequence[str]) -> None:
    for option in option_names(arguments):
        if _field_of(option) not in known and not _field_of(option).startswith(_FREE):
            raise UnknownOptionError(
                f"Unknown option '{option}'.{did_you_mean(option, known)} "
                'train_depth --help lists all of them.'
            )


def _field_of(option: str) -> str:
    """Return an option, `--` included, with `_` for `-`, as the fields of TrainConfig have it."""
    return f'--{option[2:].replace("-", "_")}'
