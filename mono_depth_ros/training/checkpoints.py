"""What a training needs to go on after it was killed: one file, replaced atomically."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

FILE_NAME = 'checkpoint.pt'
_PARTS = {'step', 'objective', 'optimizer', 'config'}


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint of tensors and plain Python; a kill leaves the old or the new one."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f'{FILE_NAME}.new'
    with unfinished.open('wb') as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / FILE_NAME)


def load_checkpoint(folder: Path) -> dict[str, Any]:
    """Read a run's checkpoint.

    Raises:
        FileNotFoundError: the run has none.
        ValueError: the file is damaged or holds more than tensors and plain Python.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no checkpoint '{path}' to resume from; give the output folder of the "
            'training that was interrupted, or leave --resume out.'
        )
    try:
        state = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # torch has no error of its own for damaged files
        raise _unreadable(path, repr(error)) from error
    if not (isinstance(state, dict) and state.keys() >= _PARTS):
        raise _unreadable(path, f'expected {", ".join(sorted(_PARTS))} in it')
    state['objective'] = {_name_now(name): part for name, part in state['objective'].items()}
    return state


def _name_now(name: str) -> str:
    """Return what a weight is called today, if an earlier release wrote it."""
    return f'losses.features.{name}' if name.startswith('imitation.') else name


def _unreadable(path: Path, reason: str) -> ValueError:
    return ValueError(
        f"Checkpoint '{path}' cannot be read ({reason}); it is damaged or something "
        'else. Start the training anew: leave --resume out.'
    )
