"""The networks by name: the one place that turns a string into a network."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NamedTuple, TypeVar, get_type_hints

from mono_depth_ros.networks.base import DepthNetwork

Builder = TypeVar('Builder', bound=Callable[..., DepthNetwork])


class NetworkOption(NamedTuple):
    """A keyword of a network's builder: its name, its default and what it means."""

    name: str
    default: Any
    meaning: str


@dataclass(frozen=True)
class NetworkInfo:
    """What is known of a network without building it; input_size is (height, width)."""

    name: str
    paper: str
    input_size: tuple[int, int]
    options: tuple[NetworkOption, ...]


class _Entry(NamedTuple):
    builder: Callable[..., DepthNetwork]
    info: NetworkInfo


_NETWORKS: dict[str, _Entry] = {}


def register_network(*, paper: str, input_size: tuple[int, int]) -> Callable[[Builder], Builder]:
    """Register a builder under its own name.

    Every parameter of the builder is an option of the network: it has a default, and its
    annotation is `Annotated[type, 'meaning']`.

    Args:
        paper: the citation shown to users.
        input_size: (height, width) the paper reports on.
    """

    def register(builder: Builder) -> Builder:
        name = builder.__name__
        if name in _NETWORKS:
            raise ValueError(f"Network '{name}' exists already; give the second another name.")
        info = NetworkInfo(name, paper, input_size, _options_of(builder))
        _NETWORKS[name] = _Entry(builder, info)
        return builder

    return register


def create_network(name: str, **options: Any) -> DepthNetwork:
    """Build a network with fresh weights, in train mode; nothing is ever downloaded.

    Args:
        name: one of `list_networks()`.
        options: keywords of that network, see `network_info(name).options`.
    """
    entry = _lookup(name)
    for option, value in options.items():
        _check_option(entry.info, option, value)
    return entry.builder(**options)


def list_networks() -> list[str]:
    """Return the names of all networks, sorted."""
    return sorted(_NETWORKS)


def network_info(name: str) -> NetworkInfo:
    """Return paper, input size and options of a network."""
    return _lookup(name).info


def did_you_mean(word: str, known: list[str]) -> str:
    """Return the sentence that names the nearest known word, or nothing where none is near."""
    near = get_close_matches(word, known, n=1)
    return f" Did you mean '{near[0]}'?" if near else ''


def _lookup(name: str) -> _Entry:
    if name not in _NETWORKS:
        hint = did_you_mean(name, list(_NETWORKS))
        available = ', '.join(list_networks())
        raise ValueError(f"Unknown network '{name}'.{hint} Available: {available}.")
    return _NETWORKS[name]


def _check_option(info: NetworkInfo, option: str, value: Any) -> None:
    defaults = {known.name: known.default for known in info.options}
    if option not in defaults:
        hint = did_you_mean(option, list(defaults))
        available = ', '.join(defaults) or 'none'
        raise ValueError(
            f"Network '{info.name}' has no option '{option}'.{hint} Available: {available}."
        )
    wanted = type(defaults[option])
    fits = type(value) is wanted or (wanted is float and type(value) is int)
    if not fits:
        raise ValueError(
            f"Option '{option}' of network '{info.name}' is {value!r}; it must be "
            f'{wanted.__name__}, for example {defaults[option]!r}.'
        )


def _options_of(builder: Callable[..., DepthNetwork]) -> tuple[NetworkOption, ...]:
    hints = get_type_hints(builder, include_extras=True)
    return tuple(
        NetworkOption(name, parameter.default, hints[name].__metadata__[0])
        for name, parameter in inspect.signature(builder).parameters.items()
    )
