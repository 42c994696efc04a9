"""What an authors' .pth file holds: weights by name, and settings; no code of it is run."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

SETTINGS = ('height', 'width', 'use_stereo')
# Under which trainers save the weights beside an optimiser, an epoch and the like.
_WRAPPERS = ('state_dict', 'model_state_dict', 'model', 'network', 'net', 'weights')
_PREFIXES = re.compile(r'(module\.|_orig_mod\.)+')  # of DataParallel and torch.compile
_COUNTERS = ('total_ops', 'total_params')  # which thop leaves in a network that it has counted
_STATISTICS = 'num_batches_tracked'
_LISTED = 10


def listed(items: Iterable[str], separator: str = ', ') -> str:
    """Join the first ten, and say how many more there are."""
    items = list(items)
    more = [f'and {len(items) - _LISTED} more'] if len(items) > _LISTED else []
    return separator.join(items[:_LISTED] + more)


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the weights of a .pth file, in the names that the network's code gave them.

    Wrappers around the state dict, prefixes of parallel training and counters are taken off.

    Returns:
        The weights, and those of SETTINGS that the file states.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: it is no PyTorch file of plain tensors, or holds values that are no weights.
    """
    state, settings = _unwrap(_load(path), path)
    weights: dict[str, Tensor] = {}
    for key, value in state.items():
        name = _PREFIXES.sub('', key, count=1) if _PREFIXES.match(key) else key
        if name.rpartition('.')[2] in _COUNTERS:
            continue
        if name in weights:
            raise ValueError(
                f"'{path}' holds {name} twice, with and without a prefix; expected one of them. "
                'Remove the other from the file.'
            )
        weights[name] = value
    _check_values(weights, path)
    return weights, settings


def _load(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(
            f"'{path}' does not exist; expected a folder with encoder.pth and depth.pth. "
            "Unpack the authors' archive and give the folder that holds both files."
        )
    _check_beginning(path)
    try:
        state = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # of every kind: torch has none of its own for damaged files
        raise ValueError(
            f"'{path}' is not a readable PyTorch file of plain tensors; {_why(str(error))}"
        ) from error
    if not isinstance(state, Mapping):
        raise ValueError(
            f"'{path}' holds a {type(state).__name__}; expected the names and tensors of a state "
            'dict. Save model.state_dict() rather than the model.'
        )
    return state


def _check_beginning(path: Path) -> None:
    with path.open('rb') as file:
        beginning = file.read(64).lstrip()
    if not beginning:
        raise ValueError(f"'{path}' is empty; expected weights. Download it again.")
    if beginning.startswith(b'version https://git-lfs'):
        raise ValueError(
            f"'{path}' is a Git LFS pointer, which names the weights but does not hold them. "
            "Run 'git lfs pull' in its repository."
        )
    if beginning.startswith(b'<'):
        raise ValueError(
            f"'{path}' is a web page, not weights; the server asked for something first. Open "
            'the address in a browser and save the file itself.'
        )


def _why(message: str) -> str:
    """Say what stands against reading a file, from what PyTorch says of it."""
    message = re.sub(r'\x1b\[[0-9;]*m', '', message)
    found = re.search(r'GLOBAL ([\w.]+)', message) or re.search(
        r'[Gg]lobal:? ([\w.]+\.\w+)', message
    )
    if found is None:
        reason = next(iter(message.splitlines()), 'nothing')
        return (
            f'it may be truncated. Download it again, and compare its size. PyTorch says: {reason}'
        )
    if found[1].startswith('numpy'):
        return (
            f'it holds a NumPy value ({found[1]}), perhaps height or width. Save it again with '
            'int(value) or torch.from_numpy(value) in its place.'
        )
    return (
        f'it holds an object of {found[1]}, a pickled model perhaps, which only the code of its '
        'authors can read. Save model.state_dict() with that code.'
    )


def _unwrap(state: Mapping[str, Any], path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the innermost state dict, and the settings on the way to it, the inner ones first."""
    settings = {key: state[key] for key in SETTINGS if key in state}
    if not any(isinstance(value, Tensor) for key, value in state.items() if key not in settings):
        inside = next(
            (state[key] for key in _WRAPPERS if isinstance(state.get(key), Mapping)), None
        )
        if inside is not None:
            weights, inner = _unwrap(inside, path)
            return weights, settings | inner
    weights = {key: value for key, value in state.items() if key not in settings}
    if not weights:
        raise ValueError(f"'{path}' holds no weights; save model.state_dict() into it.")
    unexpected = [
        str(key)
        for key, value in weights.items()
        if not (isinstance(key, str) and isinstance(value, Tensor))
    ]
    if unexpected:
        raise ValueError(
            f"'{path}' holds entries that are no tensors: {listed(unexpected)}; expected none "
            f'but {", ".join(SETTINGS)}. Remove them, or put the weights under state_dict.'
        )
    return weights, settings


def _check_values(weights: Mapping[str, Tensor], path: Path) -> None:
    for fault, is_faulty in (
        ('are no floating point weights', _is_integer),
        ('hold NaN or inf', _is_infinite),
    ):
        faulty = [key for key, value in weights.items() if is_faulty(key, value)]
        if faulty:
            raise ValueError(
                f"'{path}': these {fault}: {listed(faulty)}; expected finite floating point "
                'numbers. Take a checkpoint from before training diverged or was quantised.'
            )


def _is_integer(key: str, value: Tensor) -> bool:
    return not key.endswith(_STATISTICS) and not value.is_floating_point()


def _is_infinite(key: str, value: Tensor) -> bool:
    return value.is_floating_point() and not bool(value.float().isfinite().all())
