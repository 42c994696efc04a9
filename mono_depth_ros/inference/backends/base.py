"""What an engine is, and what one is built from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from mono_depth_ros.inference.engine_options import PRECISION_NAMES
from mono_depth_ros.networks import DepthNetwork

Size = tuple[int, int]

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

    def bare(self) -> object:
        """Run as the library would by itself: what the wrapper adds is measured against it."""
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
