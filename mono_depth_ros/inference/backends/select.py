"""Which backend serves: the one asked for or none, or with 'auto' the first that proves itself."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import NamedTuple

import torch
from torch import Tensor

from mono_depth_ros.inference.backends.base import Backend, BackendError, Engine, EngineSpec
from mono_depth_ros.inference.backends.cache import forget
from mono_depth_ros.inference.backends.gate import (
    GateErrors,
    checked,
    measure,
    reference_disparity,
    worst,
)
from mono_depth_ros.inference.backends.onnx_export import export_path
from mono_depth_ros.inference.engine_options import BACKENDS

_TIMED_RUNS = 3
_NEXT_STEP = 'Choose another backend, or another precision or device.'


class Served(NamedTuple):
    """What serves one image size.

    Attributes:
        backend: its name.
        depth_error: how far its depth is from PyTorch's in float32.
        engines: by how many images a run takes.
        most: how many images are worth one run, 1 where single runs are as fast.
    """

    backend: str
    depth_error: GateErrors
    engines: dict[int, Engine]
    most: int

    def runs(self, count: int) -> list[tuple[Engine, int]]:
        """Return the engine of every run that so many images need, and how many it takes."""
        counts = split(count, self.most, pads=self.engines[self.most].images.is_cuda)
        return [(self.engines[1 if count == 1 else self.most], count) for count in counts]


def find_backend(name: str) -> Backend:
    """Return a backend by its name.

    Raises:
        ValueError: there is no such backend.
    """
    if name not in BACKENDS:
        raise ValueError(f"backend is '{name}'; expected auto, {', '.join(BACKENDS)}.")
    module = import_module(f'mono_depth_ros.inference.backends.{BACKENDS[name]}')
    backend: Backend = module.BACKEND
    return backend


def auto_order(device_type: str) -> list[str]:
    """Return the backends that 'auto' tries on a type of device, the fastest first."""
    places = {name: find_backend(name).auto.get(device_type) for name in BACKENDS}
    found = {name: place for name, place in places.items() if place is not None}
    return sorted(found, key=found.__getitem__)


def candidates(
    name: str, device: torch.device, precision: str, report: Callable[[str], None]
) -> dict[str, Backend]:
    """Return the backends to try in turn, by name: those of 'auto' that can serve here, or one.

    Raises:
        ValueError: there is no such backend, or none can serve here.
    """
    names = auto_order(device.type) if name == 'auto' else [name]
    found, failures = {}, []
    for each in names:
        backend = find_backend(each)
        try:
            backend.check(device, precision)
            found[each] = backend
        except BackendError as error:
            failures.append(f'backend {each}: {error}')
    if not found:
        raise BackendError(f'{"; ".join(failures)}. {_NEXT_STEP}')
    for failure in failures:
        report(failure)
    return found


def serve(
    backends: Mapping[str, Backend],
    job: EngineSpec,
    batches: Sequence[int],
    depth_range: tuple[float, float],
) -> Served:
    """Build one engine per batch with the first backend that can and whose depth is right.

    Args:
        backends: by name, those of `candidates`; the next takes the place of one that fails.
        job: what to build, whatever its batch.
        batches: numbers of images.
        depth_range: the card's depth at disparity 1 and at disparity 0.

    Raises:
        BackendError: none can; the message says why, with its error.
    """
    reference = reference_disparity(job.network, job.size)
    failures = []
    for name, backend in backends.items():
        try:
            return _served(name, backend, job, batches, reference, depth_range)
        except torch.cuda.OutOfMemoryError:  # no fault of the backend: it may pass
            raise
        except Exception as error:  # whatever a foreign library raises
            failures.append(f'{name}: {_in_words(error)}')
            job.report(f'backend {failures[-1]}')
    raise BackendError(
        f'No backend for {job.label} on {job.device}: {"; ".join(failures)}. {_NEXT_STEP}'
    )


def _served(
    name: str,
    backend: Backend,
    job: EngineSpec,
    batches: Sequence[int],
    reference: Tensor,
    depth_range: tuple[float, float],
) -> Served:
    backend.check_machine(job.device, job.precision)
    engines, errors = {}, []
    for batch in sorted(set(batches)):
        sized = replace(job, batch=batch)
        engines[batch], error = _proven(name, backend, sized, reference, depth_range)
        errors.append(error)
    served = Served(name, worst(errors), engines, worthwhile_batch(engines))
    if served.most < max(engines):
        job.report(f'backend {name}: {max(engines)} images one by one are as fast as at once')
    notes = ', '.join(engine.note for engine in engines.values() if engine.note)
    job.report(
        f'backend {name}{f" ({notes})" if notes else ""} serves {job.label}: '
        f'depth error {served.depth_error}'
    )
    return served


def _proven(
    name: str,
    backend: Backend,
    job: EngineSpec,
    reference: Tensor,
    depth_range: tuple[float, float],
) -> tuple[Engine, GateErrors]:
    """Build an engine and put it through the gate; what came from the cache gets two chances."""
    was_cached = backend.reads_onnx and export_path(job).exists()
    try:
        engine = backend.build(job)
        return engine, checked(measure(engine, reference, depth_range), job.precision)
    except Exception as error:
        if not was_cached:
            raise
        job.report(f'{name}: {_in_words(error)}; exporting anew')
        forget(export_path(job))
        engine = backend.build(job)
        return engine, checked(measure(engine, reference, depth_range), job.precision)


def worthwhile_batch(engines: Mapping[int, Engine]) -> int:
    """Return the larger batch, or 1 where as many single runs take no longer.

    On a CPU that is common: one image fills the cores, and six no longer fit into its caches.
    A GPU always gains: a single image leaves most of it idle.
    """
    most = max(engines)
    if engines[most].images.is_cuda:
        return most
    seconds = {
        batch: min(_seconds(engine) for _ in range(_TIMED_RUNS))
        for batch, engine in engines.items()
    }
    return most if seconds[most] < most * seconds[1] else 1


def _seconds(engine: Engine) -> float:
    start = time.perf_counter()
    engine.run()
    return time.perf_counter() - start


def split(count: int, most: int, *, pads: bool) -> list[int]:
    """Split images into runs of the two batches there are: 1 and most.

    Args:
        count: images that wait.
        most: the larger batch.
        pads: whether a run of the larger batch costs less than single runs for more than half
            of it, as on GPUs; single runs otherwise.

    Returns:
        How many images each run takes; between 1 and most means that the rest is padding.
    """
    runs = [most] * (count // most)
    rest = count % most
    if pads and rest > most / 2:
        return [*runs, rest]
    return [*runs, *[1] * rest]


def _in_words(error: Exception) -> str:
    text = str(error).strip().rstrip('.') or type(error).__name__
    return text if isinstance(error, BackendError) else f'{type(error).__name__}: {text}'
