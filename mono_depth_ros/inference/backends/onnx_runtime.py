"""ONNX Runtime: its own kernels on the CPU or on CUDA, or TensorRT through its provider.

The CUDA and TensorRT providers are not verified: no machine of ours had their wheels and a GPU.
"""

import importlib.util
import os
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mono_depth_ros.inference.backends.base import BackendError, EngineSpec
from mono_depth_ros.inference.backends.cache import entry_path
from mono_depth_ros.inference.backends.onnx_export import INPUT, OUTPUT, export_path, exported

PROVIDERS = {'cpu': 'CPUExecutionProvider', 'cuda': 'CUDAExecutionProvider'}
TENSORRT = 'TensorrtExecutionProvider'


class OnnxRuntimeEngine:
    """A session whose input and output stay where they are."""

    note = ''

    def __init__(self, job: EngineSpec, provider: str = '') -> None:
        session = session_of(job, provider or PROVIDERS[job.device.type])
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

    def bare(self) -> object:
        """Run the session, and nothing else."""
        return self._run()


def tensorrt_engine(job: EngineSpec) -> OnnxRuntimeEngine:
    """Let TensorRT build an engine of the whole network, which takes minutes the first time."""
    job.report(f'tensorrt: building an engine, {job.label} (minutes, once)')
    return OnnxRuntimeEngine(job, TENSORRT)


def session_of(job: EngineSpec, provider: str) -> Any:
    """Build the session; waiting threads do not spin, a robot has other uses for its cores.

    Raises:
        BackendError: the provider's libraries are not there; another one never takes its place.
    """
    onnxruntime = quiet_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job.threads
    options.log_severity_level = 3  # errors: an unoptimised node is no news for a user
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    session = onnxruntime.InferenceSession(
        exported(job), options, providers=[(provider, _provider_options(job, provider))]
    )
    if provider not in session.get_providers():
        raise BackendError(
            f'{provider} cannot be loaded: install the CUDA and TensorRT libraries '
            'that this onnxruntime-gpu asks for'
        )
    return session


def _provider_options(job: EngineSpec, provider: str) -> dict[str, object]:
    device: dict[str, object] = {'device_id': job.device.index or 0}
    if provider == PROVIDERS['cuda']:
        return device | {'use_tf32': 0}
    if provider == TENSORRT:
        key = {
            'export': export_path(job).name,
            'precision': job.precision,
            'device': torch.cuda.get_device_name(job.device),
            'onnxruntime': quiet_onnxruntime().__version__,
        }
        return device | {
            'trt_fp16_enable': job.precision == 'float16',
            'trt_engine_cache_enable': True,
            'trt_engine_cache_path': str(entry_path(job.cache, 'tensorrt', key)),
        }
    return {}


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
    if PROVIDERS[device.type] not in quiet_onnxruntime().get_available_providers():
        raise BackendError(
            f'this build has no provider for {device.type}: '
            'pip install onnxruntime-gpu in place of onnxruntime'
        )


def check_tensorrt(device: torch.device, precision: str) -> None:
    """Raise a BackendError that says why TensorRT cannot serve here."""
    if device.type != 'cuda':
        raise BackendError('it needs device cuda')
    if precision == 'bfloat16':
        raise BackendError('it runs float32 or float16 here, not bfloat16')
    if (
        importlib.util.find_spec('onnxruntime') is None
        or TENSORRT not in quiet_onnxruntime().get_available_providers()
    ):
        raise BackendError(
            'it is not installed: pip install tensorrt onnx, and onnxruntime-gpu '
            'in place of onnxruntime'
        )
