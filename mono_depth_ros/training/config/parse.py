"""Recipes and command lines become a TrainConfig; what is unknown is refused by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import yaml
from jsonargparse import ArgumentParser, Namespace

from mono_depth_ros.arguments import option_names, respell
from mono_depth_ros.resources import share_file
from mono_depth_ros.suggest import did_you_mean
from mono_depth_ros.training.config.schema import OtherData, TrainConfig


class UnknownOptionError(ValueError):
    """The command line holds an option that there is not."""


def list_recipes() -> list[str]:
    """Return the names of the recipes that come with the package, sorted."""
    return sorted(path.stem for path in _recipes_folder().glob('*.yaml'))


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
    _check_options(arguments)
    arguments = respell(arguments, _field_of)
    parser = _parser()
    recipe = _option(arguments, '--recipe')
    base = _read_recipe(recipe) if recipe else {}
    try:
        chosen = parser.parse_args(list(arguments), parser.parse_object(base))
    except Exception as error:
        raise ValueError(str(error)) from error
    return config_from(chosen)


def config_from(values: Mapping[str, Any] | Namespace) -> TrainConfig:
    """Build a config from (nested) values, e.g. of a recipe or a checkpoint.

    Raises:
        ValueError: a key is unknown or a value is of the wrong type.
    """
    if isinstance(values, Namespace):
        chosen = values
    else:
        _check_keys(values, TrainConfig, 'config')
        try:
            chosen = _parser().parse_object(dict(values))
        except Exception as error:
            raise ValueError(str(error)) from error
    entries = chosen.as_dict()
    entries.pop('recipe', None)
    config: TrainConfig = _build(TrainConfig, entries)
    return config


def _parser() -> ArgumentParser:
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


def _build(kind: Any, values: dict[str, Any]) -> Any:
    hints = get_type_hints(kind)
    return kind(**{name: _value(hints[name], value) for name, value in values.items()})


def _value(kind: Any, value: Any) -> Any:
    if is_dataclass(kind):
        return _build(kind, value)
    if _entry_kind(kind):
        return [_build(_entry_kind(kind), _plain(entry)) for entry in value]
    return value


def _entry_kind(kind: Any) -> Any:
    """Return the dataclass that a list is of, or None."""
    entries = get_args(kind)
    return entries[0] if get_origin(kind) is list and is_dataclass(entries[0]) else None


def _plain(entry: Any) -> dict[str, Any]:
    """Return an entry of a list as a mapping: the parser may have built it already."""
    return asdict(entry) if isinstance(entry, OtherData) else dict(entry)


def _recipes_folder() -> Path:
    return share_file('config/train')


def _read_recipe(name: str) -> dict[str, Any]:
    path = Path(name).expanduser()
    if path.suffix != '.yaml':
        if name not in list_recipes():
            raise FileNotFoundError(
                f"Recipe '{name}' does not exist.{did_you_mean(name, list_recipes())} Available: "
                f'{", ".join(list_recipes())}; a path to a .yaml file will do too.'
            )
        path = _recipes_folder() / f'{name}.yaml'
    if not path.is_file():
        raise FileNotFoundError(f"Recipe file '{path}' does not exist.")
    try:
        entries = yaml.safe_load(path.read_text(encoding='utf-8')) or {}
    except yaml.YAMLError as error:
        raise ValueError(f'{path}: not a YAML file: {error}') from error
    if not isinstance(entries, dict):
        raise ValueError(f"{path}: expected lines such as 'network: small_depth'.")
    _check_keys(entries, TrainConfig, str(path))
    return entries


def _check_keys(entries: Mapping[str, Any], kind: Any, where: str) -> None:
    hints = get_type_hints(kind)
    for key, value in entries.items():
        if key not in hints:
            raise ValueError(
                f"{where}: unknown key '{key}'.{did_you_mean(str(key), list(hints))} "
                f'Known keys: {", ".join(hints)}.'
            )
        if is_dataclass(hints[key]):
            if not isinstance(value, Mapping):
                raise ValueError(f"{where}: '{key}' is {value!r}; expected keys and values.")
            _check_keys(value, hints[key], f'{where}: {key}')
        elif _entry_kind(hints[key]):
            if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
                raise ValueError(
                    f"{where}: '{key}' is {value!r}; expected a list of keys and values."
                )
            for one in value:
                _check_keys(one, _entry_kind(hints[key]), f'{where}: {key}')


def _check_options(arguments: Sequence[str]) -> None:
    known = [f'--{name}' for name in ('help', 'recipe', *_names(TrainConfig))]
    for option in option_names(arguments):
        spelt = _field_of(option)
        if spelt not in known and not _is_entry(spelt):
            raise UnknownOptionError(
                f"Unknown option '{option}'.{did_you_mean(option, known)} "
                'train_depth --help lists all of them.'
            )


def _field_of(option: str) -> str:
    """Return an option, `--` included, with `_` for `-`, as the fields of TrainConfig have it."""
    return f'--{option[2:].replace("-", "_")}'


def _is_entry(option: str) -> bool:
    """Whether an option sets one entry of a mapping, e.g. --network_options.block_drop."""
    return option.startswith(('--network_options.', '--reading.options.'))


def _names(kind: Any, prefix: str = '') -> Iterable[str]:
    hints = get_type_hints(kind)
    for item in fields(kind):
        yield f'{prefix}{item.name}'
        if is_dataclass(hints[item.name]):
            yield from _names(hints[item.name], f'{prefix}{item.name}.')


def _option(arguments: Sequence[str], name: str) -> str | None:
    for number, argument in enumerate(arguments):
        if argument.startswith(f'{name}='):
            return argument.partition('=')[2]
        if argument == name and number + 1 < len(arguments):
            return arguments[number + 1]
    return None
