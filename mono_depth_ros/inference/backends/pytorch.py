"""PyTorch itself: eager and channels last on the CPU, a CUDA graph on a GPU."""

import torch
from torch import Tensor

from mono_depth_ros.inference.backends import torch_cuda
from mono_depth_ros.inference.backends.base import (
    PRECISIONS,
    Backend,
    BackendError,
    Engine,
    EngineSpec,
)
from mono_depth_ros.inference.backends.precision import DisparityOfBytes


class TorchCpuEngine:
    """The deployed network, run eagerly."""

    note = ''

    def __init__(self, job: EngineSpec) -> None:
        self.images = torch.zeros(job.batch, *job.size, 3, dtype=torch.uint8)
        self._network = DisparityOfBytes(job.network, PRECISIONS[job.precision])

    @torch.inference_mode()
    def run(self) -> Tensor:
        """Return the disparity (batch, height, width)."""
        disparity: Tensor = self._network(self.images)
        return disparity


def build(job: EngineSpec) -> Engine:
    """Build the engine of the device."""
    return TorchCpuEngine(job) if job.device.type == 'cpu' else torch_cuda.build(job)


def check_machine(device: torch.device, precision: str) -> None:
    """Raise a BackendError where the GPU lacks a precision."""
    if device.type == 'cpu' or precision != 'bfloat16':
        return
    if torch.cuda.get_device_capability(device) < (8, 0):
        name = torch.cuda.get_device_name(device)
        raise BackendError(
            f'{name} has no bfloat16 (compute capability 8.0 and newer have): take float16'
        )


BACKEND = Backend(
    build=build,
    precisions={'cpu': ('float32', 'bfloat16'), 'cuda': ('float32', 'bfloat16', 'float16')},
    auto={'cpu': 3, 'cuda': 1},
    check_machine=check_machine,
)
