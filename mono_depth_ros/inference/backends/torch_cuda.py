"""PyTorch on a CUDA GPU: the whole network as one CUDA graph, in its fastest form."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from itertools import product

import torch
from torch import Tensor, nn

from mono_depth_ros.inference.backends.base import PRECISIONS, BackendError, EngineSpec
from mono_depth_ros.inference.backends.fusing import fuse
from mono_depth_ros.inference.backends.precision import DisparityOfBytes

LAYOUTS = {'channels_last': torch.channels_last, 'contiguous': torch.contiguous_format}
FORMS = ('plain', 'fused', 'merged')  # the last is fused, too
_WARM_RUNS = 3
_TIMED_RUNS = 30


class GraphEngine:
    """A CUDA graph: one launch instead of one for each of the network's kernels.

    Args:
        network: on the device, takes (B, H, W, 3) uint8.
        shape: (batch, height, width, 3) that the graph is recorded for.
        device: a CUDA device.
        note: what the network's form is called.
    """

    def __init__(
        self, network: nn.Module, shape: tuple[int, ...], device: torch.device, note: str
    ) -> None:
        self.note = note
        self.images = torch.zeros(shape, dtype=torch.uint8, device=device)
        self._network = network  # the graph knows its weights by their address alone
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(device), torch.inference_mode(), exact_convolutions():
            self._disparity = self._record()

    def _record(self) -> Tensor:
        """Record one run. What it allocates stays: replays read and write the same memory."""
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):  # picks algorithms, which a recording must not do
            for _ in range(_WARM_RUNS):
                self._network(self.images)
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        # Other threads may use CUDA meanwhile: the bench, a second estimator.
        with torch.cuda.graph(self._graph, stream=stream, capture_error_mode='thread_local'):
            disparity: Tensor = self._network(self.images)
        return disparity

    def run(self) -> Tensor:
        """Return the disparity (batch, height, width), as soon as the stream has come there."""
        self._graph.replay()
        return self._disparity


def build(job: EngineSpec) -> GraphEngine:
    """Record the network in every form, keep the fastest.

    Which one wins depends on the GPU, the precision and the network: cuDNN has kernels for
    half precision that want channels last, and few for depthwise float32 that do.
    """
    shape = (job.batch, *job.size, 3)
    engines, failures = {}, []
    for form, name in product(FORMS, LAYOUTS):
        job.report(f'torch: recording a CUDA graph, {job.label}, {name} {form}')
        try:
            network = arranged(job, LAYOUTS[name], form)
            engine = GraphEngine(network, shape, job.device, f'{name} {form}')
            engines[milliseconds(engine, job.device)] = engine
        except (RuntimeError, TypeError, ValueError) as error:  # of CUDA, of torch.fx
            failures.append(f'{name} {form}: {error}')
            job.report(f'torch: {failures[-1]}')
    if not engines:
        raise BackendError('; '.join(failures))
    best = engines[min(engines)]
    best.note = ', '.join(f'{engines[time].note} {time:.3f} ms' for time in sorted(engines))
    return best


def arranged(job: EngineSpec, layout: torch.memory_format, form: str) -> DisparityOfBytes:
    """Return a copy of the job's network on its device, with weights and images in a layout.

    Args:
        job: what is built.
        layout: of weights and feature maps.
        form: one of FORMS.

    Raises:
        RuntimeError: it is to be fused, and torch.fx cannot follow it.
    """
    network = DisparityOfBytes(deepcopy(job.network), PRECISIONS[job.precision], layout)
    network.to(job.device)
    if form != 'plain':
        network.network = fuse(network.network, merges=form == 'merged')
    for parameter in network.parameters():
        if parameter.ndim == 4:  # to() would leave 1x1 kernels, which count as both layouts
            parameter.data = parameter.data.clone(memory_format=layout)
    return network


@contextmanager
def exact_convolutions() -> Iterator[None]:
    """Let cuDNN search its algorithms, but not round float32 to TF32, which has 10 bits."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False):
        yield


def milliseconds(engine: GraphEngine, device: torch.device) -> float:
    """Return the mean time of a run on the device [ms]."""
    with torch.cuda.device(device):
        start, end = (
            torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            for _ in range(2)
        )
        for _ in range(_WARM_RUNS):
            engine.run()
        start.record()
        for _ in range(_TIMED_RUNS):
            engine.run()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) / _TIMED_RUNS
