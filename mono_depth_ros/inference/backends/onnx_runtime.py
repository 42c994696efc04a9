"""ONNX Runtime, on the CPU or through its CUDA provider, in float32."""

import importlib.util
import os
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mono_depth_ros.inference.backends.engine import BackendError, EngineJob
from mono_depth_ros.inference.backends.export import INPUT, OUTPUT, exported

PROVIDERS = {'cpu': 'CPUExecutionProvider', 'cuda': 'CUDAExecutionProvider'}


class OnnxRuntimeEngine:
    """A session whose input and output stay where they are."""

    note = ''

    def __init__(self, job: EngineJob) -> None:
        session = session_of(job)
        shape = job.batch, *job.size
        self.images = torch.zeros(*shape, 3, dtype=torch.uint8, device=job.device)
        self._disparity = torch.empty(shape, device=job.device)
        binding = session.io_binding()
        place = job.device.type, job.device.index or 0
        binding.bind_input(INPUT, *place, 'uint8', list(self.images.shape),
                           self.images.data_ptr())
        binding.bind_output(OUTPUT, *place, 'float32', list(shape), self._disparity.data_ptr())
        self._run = partial(session.run_with_iobinding, binding)
        self._is_on_gpu = job.device.type == 'cuda'

    def run(self) -> Tensor:
        """Return the disparity (batch, height, width)."""
        if self._is_on_gpu:  # it has a stream of its own
            torch.cuda.current_stream(self.images.device).synchronize()
        self._run()
        return self._disparity

    def bare(self) -> object:
        """Run the session, and nothing else."""
        return self._run()


def session_of(job: EngineJob) -> Any:
    """Build the session; waiting threads do not spin, a robot has other uses for its cores."""
    onnxruntime = quiet_onnxruntime()
    provider = PROVIDERS[job.device.type]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job.threads
    options.log_severity_level = 3  # errors: an unoptimised node is no news for a user
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    details = {'device_id': job.device.index or 0, 'use_tf32': 0} if provider[:2] == 'CU' else {}
    return onnxruntime.InferenceSession(
        exported(job), options, providers=[(provider, details)])


def quiet_onnxruntime() -> Any:
    """Import ONNX Runtime with its telemetry off: it would report to its makers from Linux too.

    From 1.32 on it starts with the import, keeps an identifier of the machine in the user's cache
    folder and sends events over HTTPS. A robot calls nobody.
    """
    os.environ['ORT_DISABLE_TELEMETRY'] = '1'
    import onnxruntime

    return onnxruntime


def check(device: torch.device, precision: str) -> None:
    """Raise a BackendError that says why ONNX Runtime cannot serve here."""
    if importlib.util.find_spec('onnxruntime') is None:
        raise BackendError('it is not installed: pip install onnxruntime onnx')
    if precision != 'float32':
        raise BackendError(f'it runs float32 here, not {precision}')
    onnxruntime = quiet_onnxruntime()
    if PROVIDERS[device.type] not in onnxruntime.get_available_providers():
        raise BackendError(f'this build has no provider for {device.type} '
                           '(pip install onnxruntime-gpu in place of onnxruntime)')
