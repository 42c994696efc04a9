"""What a network costs to run: parameters, multiply-adds, time on the CPU."""

from __future__ import annotations

import time
from statistics import median
from typing import NamedTuple

import torch

from mono_depth_ros.inference.backends.gate import calibration_images
from mono_depth_ros.inference.cards.checkpoint import load_network
from mono_depth_ros.inference.cards.model_card import ModelCard
from mono_depth_ros.networks import DepthNetwork
from mono_depth_ros.types import DepthKind


class RunTime(NamedTuple):
    """Medians over repetitions, for one image.

    Attributes:
        wall_ms: what a clock on the wall shows [ms].
        cpu_ms: what the process computes, summed over its threads [ms]; other load on the machine
            hardly changes it.
    """

    wall_ms: float
    cpu_ms: float


def untrained_network(name: str, size: tuple[int, int]) -> DepthNetwork:
    """Build a network whose batch norms fit its random weights.

    Without that, activations die out into denormal numbers, and the network is several times
    slower than it is with trained weights.

    Args:
        name: one of `list_networks()`.
        size: (height, width) of the images it is meant for.

    Returns:
        The network on the CPU, in eval mode, not deployed.
    """
    return load_network(untrained_card(name, size), calibration_images())


def untrained_card(name: str, size: tuple[int, int]) -> ModelCard:
    """Return a card of a network at a size (height, width), without weights."""
    return ModelCard(
        name=name,
        network=name,
        weights=None,
        seed=0,
        input_size=size,
        min_depth=0.1,
        max_depth=100.0,
        depth_unit=DepthKind.RELATIVE,
        training_data='none',
        license_code='Apache-2.0',
        license_weights='none',
    )


@torch.inference_mode()
def measure_latency(
    network: DepthNetwork, size: tuple[int, int], threads: int, repetitions: int
) -> RunTime:
    """Time a network on one image, in PyTorch as it is (eager, float32).

    Args:
        network: on the CPU, in eval mode.
        size: (height, width) of the image.
        threads: of PyTorch, set back afterwards.
        repetitions: how often it runs after a first, untimed run.

    Raises:
        ValueError: threads or repetitions are below 1.
    """
    for name, value in (('threads', threads), ('repetitions', repetitions)):
        if value < 1:
            raise ValueError(f'{name} is {value}; expected 1 or more.')
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        image = torch.rand(1, 3, *size)
        network(image)
        times = [_time(network, image) for _ in range(repetitions)]
    finally:
        torch.set_num_threads(before)
    return RunTime(*(median(values) for values in zip(*times)))


def _time(network: DepthNetwork, image: torch.Tensor) -> RunTime:
    wall, cpu = time.perf_counter(), time.process_time()
    network(image)
    return RunTime(1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - cpu))
