"""ONNX Runtime: its own kernels on the CPU or on CUDA.

The CUDA provider is not verified: no machine of ours had its wheels and a GPU.
"""

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mono_depth_ros.inference.backends.base import Backend, BackendError, EngineSpec
from mono_depth_ros.inference.backends.onnx_export import INPUT, OUTPUT, exported

PROVIDERS = {'cpu': 'CPUExecutionProvider', 'cuda': 'CUDAExecutionProvider'}


class OnnxRuntimeEngine:
    """A session whose input and output stay where they are."""

    note = ''

    def __init__(
        self,
        job: EngineSpec,
        provider: str | None = None,
        options: Mapping[str, object] | None = None,
    ) -> None:
        session = session_of(job, provider or PROVIDERS[job.device.type], options or {})
        shape = job.batch, *job.size
        self.images = torch.zeros(*shape, 3, dtype=torch.uint8, device=job.device)
        self._disparity = torch.empty(shape, device=job.device)
        binding = session.io_binding()
        place = job.device.type, job.device.index or 0
        binding.bind_input(INPUT, *place, 'uint8', list(self.images.shape), self.images.data_ptr())
        binding.bind_output(OUTPUT, *place, 'float32', list(shape), self._disparity.data_ptr())
        self._run = partial(session.run_with_iobinding, binding)
        self._is_on_gpu = job.device.type == 'cuda'

    def run(self) -> Tensor:
        """Return the disparity (batch, height, width)."""
        if self._is_on_gpu:  # it has a stream of its own
            torch.cuda.current_stream(self.images.device).synchronize()
        self._run()
        return self._disparity


def session_of(job: EngineSpec, provider: str, options: Mapping[str, object]) -> Any:
    """Build the session; waiting threads do not spin, a robot has other uses for its cores.

    Args:
        job: what is built.
        provider: what of ONNX Runtime runs it.
        options: more of that provider's options.

    Raises:
        BackendError: the provider's libraries are not there; another one never takes its place.
    """
    onnxruntime = quiet_onnxruntime()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = job.threads
    settings.log_severity_level = 3  # errors: an unoptimised node is no news for a user
    settings.add_session_config_entry('session.intra_op.allow_spinning', '0')
    on_gpu = {'device_id': job.device.index or 0} if job.device.type == 'cuda' else {}
    exact = {'use_tf32': 0} if provider == PROVIDERS['cuda'] else {}
    session = onnxruntime.InferenceSession(
        exported(job), settings, providers=[(provider, {**on_gpu, **exact, **options})]
    )
    if provider not in session.get_providers():
        raise BackendError(
            f'{provider} cannot be loaded: install the CUDA and TensorRT libraries '
            'that this onnxruntime-gpu asks for'
        )
    return session


def quiet_onnxruntime() -> Any:
    """Import ONNX Runtime with its telemetry off: it would report to its makers from Linux too.

    From 1.32 on it starts with the import, keeps an identifier of the machine in the user's cache
    folder and sends events over HTTPS. A robot calls nobody.
    """
    os.environ['ORT_DISABLE_TELEMETRY'] = '1'
    import onnxruntime

    return onnxruntime


def check_machine(device: torch.device, precision: str) -> None:
    """Raise a BackendError where this build of ONNX Runtime has no provider for the device."""
    if PROVIDERS[device.type] not in quiet_onnxruntime().get_available_providers():
        raise BackendError(
            f'this build has no provider for {device.type}: '
            'pip install onnxruntime-gpu in place of onnxruntime'
        )


BACKEND = Backend(
    build=OnnxRuntimeEngine,
    precisions={'cpu': ('float32',), 'cuda': ('float32',)},
    auto={'cpu': 2, 'cuda': 2},
    packages=('onnxruntime', 'onnx'),
    install='pip install onnxruntime onnx',
    check_machine=check_machine,
)
