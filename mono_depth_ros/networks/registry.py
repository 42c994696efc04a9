"""The networks by name: the one place that turns a string into a network."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, get_type_hints

from mono_depth_ros.networks.base import DepthNetwork
from mono_depth_ros.networks.layers.reparam import add_branches
from mono_depth_ros.suggest import did_you_mean

Builder = TypeVar('Builder', bound=Callable[..., DepthNetwork])


class NetworkOption(NamedTuple):
    """A keyword of a network's builder: its name, its default and what it means."""

    name: str
    default: Any
    meaning: str


@dataclass(frozen=True)
class NetworkInfo:
    """What is known of a network without building it; input_size is (height, width).

    Its options are those of its builder, then those of every network.
    """

    name: str
    paper: str
    input_size: tuple[int, int]
    options: tuple[NetworkOption, ...]


class _Entry(NamedTuple):
    builder: Callable[..., DepthNetwork]
    info: NetworkInfo


_NETWORKS: dict[str, _Entry] = {}

# The equivalent transformation module, with the rates that FA-Depth's ablation found best.
_OF_EVERY_NETWORK = (
    NetworkOption('etm', False, 'train every kernel wider than 1x1 as a sum of branches'),
    NetworkOption('etm_branch_drop', 0.1, 'highest rate at which a branch is dropped'),
    NetworkOption('etm_element_drop', 0.1, 'rate at which single weights of a branch are dropped'),
    NetworkOption('etm_shared_init', True, 'start all branches from the same kernel'),
)


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
        options = (*_options_of(builder), *_OF_EVERY_NETWORK)
        info = NetworkInfo(name, paper, input_size, options)
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
    branches = _branch_options(options)
    network = entry.builder(**options_without_branches(options))
    if branches is not None:
        add_branches(network, **branches)
    return network


def options_without_branches(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that build the same network from plain convolutions."""
    shared = [option.name for option in _OF_EVERY_NETWORK]
    return {name: value for name, value in options.items() if name not in shared}


def list_networks() -> list[str]:
    """Return the names of all networks, sorted."""
    return sorted(_NETWORKS)


def network_info(name: str) -> NetworkInfo:
    """Return paper, input size and options of a network."""
    return _lookup(name).info


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
        available = ', '.join(defaults)
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


def _branch_options(options: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what `add_branches` is told, None where no branches are asked for."""
    wanted = {option.name: option.default for option in _OF_EVERY_NETWORK}
    given = {name: value for name, value in options.items() if name in wanted}
    wanted |= given
    if wanted.pop('etm'):
        return {name.removeprefix('etm_'): value for name, value in wanted.items()}
    without_use = next((name for name in given if name != 'etm'), None)
    if without_use:
        raise ValueError(
            f"Option '{without_use}' is {given[without_use]!r}, but the network has no branches; "
            "set 'etm: true' as well, or leave it out."
        )
    return None


def _options_of(builder: Callable[..., DepthNetwork]) -> tuple[NetworkOption, ...]:
    hints = get_type_hints(builder, include_extras=True)
    return tuple(
        NetworkOption(name, parameter.default, hints[name].__metadata__[0])
        for name, parameter in inspect.signature(builder).parameters.items()
    )
