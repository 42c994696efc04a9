"""PyTorch on the CPU: no export, channels last."""

import torch
from torch import Tensor

from mono_depth_ros.inference.backends.base import PRECISIONS, EngineSpec
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

    @torch.inference_mode()
    def bare(self) -> object:
        """Call the network, and nothing else."""
        return self._network(self.images)
