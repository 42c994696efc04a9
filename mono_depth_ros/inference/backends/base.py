"""What a backend is, what an engine is, and what one is built from."""

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from mono_depth_ros.inference.engine_options import PRECISION_NAMES
from mono_depth_ros.networks import DepthNetwork
from mono_depth_ros.types import Size

PRECISIONS: dict[str, torch.dtype] = {name: getattr(torch, name) for name in PRECISION_NAMES}


class BackendError(ValueError):
    """A backend is not available here, or its numbers are not good enough."""


class Engine(Protocol):
    """A network that runs on one device at one size for one number of images.

    Attributes:
        images: (batch, height, width, 3) uint8 RGB on the engine's device, to be filled before
            each run.
        note: what the engine chose by itself, for the log; '' if nothing.
    """

    images: Tensor
    note: str

    def run(self) -> Tensor:
        """Return the disparity (batch, height, width) float32; the next run overwrites it."""
        ...


@dataclass(frozen=True)
class EngineSpec:
    """What an engine is built from.

    Attributes:
        network: deployed, float32, on the CPU; it is left as it is.
        fingerprint: says which weights the network has, for the cache.
        size: (height, width) of the images.
        batch: how many images each run takes.
        device: where the engine runs.
        precision: a name in PRECISIONS; the head stays in float32.
        threads: CPU threads.
        cache: folder of exports and engines.
        report: receives progress messages.
    """

    network: DepthNetwork
    fingerprint: str
    size: Size
    batch: int
    device: torch.device
    precision: str
    threads: int
    cache: Path
    report: Callable[[str], None]

    @property
    def label(self) -> str:
        """The job in words: what is built."""
        height, width = self.size
        return f'{width}x{height}, batch {self.batch}, {self.precision}'


def _runs_everywhere(device: torch.device, precision: str) -> None:
    """Know no more conditions."""


@dataclass(frozen=True)
class Backend:
    """A way to run networks: what it can do, what it needs, and how its engines are built.

    Attributes:
        build: builds an engine of a spec that neither check has anything against.
        precisions: the precisions that it runs on a type of device, by 'cpu' and 'cuda'.
        auto: its place among those that backend 'auto' tries on a type of device, 1 is first;
            without, it serves by name only.
        packages: what it imports beside PyTorch; with onnx among them, it reads the export.
        install: the command that installs them.
        check_machine: raises a BackendError where its library cannot run on this very machine.
    """

    build: Callable[[EngineSpec], Engine]
    precisions: Mapping[str, tuple[str, ...]]
    auto: Mapping[str, int] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    install: str = ''
    check_machine: Callable[[torch.device, str], None] = _runs_everywhere

    @property
    def reads_onnx(self) -> bool:
        """Whether its engines are built from the network's export."""
        return 'onnx' in self.packages

    def check(self, device: torch.device, precision: str) -> None:
        """Raise a BackendError that says why it cannot serve, as far as no import tells."""
        if device.type not in self.precisions:
            raise BackendError(f'it needs device {" or ".join(self.precisions)}')
        precisions = self.precisions[device.type]
        if precision not in precisions:
            raise BackendError(f'it runs {" or ".join(precisions)} here, not {precision}')
        for package in self.packages:
            if importlib.util.find_spec(package) is None:
                raise BackendError(f'the package {package} is not installed: {self.install}')
