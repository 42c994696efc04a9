"""TensorRT through ONNX Runtime's provider.

Not verified: no machine of ours had its wheels and a GPU.
"""

import torch

from mono_depth_ros.inference.backends.base import Backend, BackendError, EngineSpec
from mono_depth_ros.inference.backends.cache import entry_path
from mono_depth_ros.inference.backends.onnx_export import export_path
from mono_depth_ros.inference.backends.onnx_runtime import OnnxRuntimeEngine, quiet_onnxruntime

PROVIDER = 'TensorrtExecutionProvider'
INSTALL = 'pip install tensorrt onnx, and onnxruntime-gpu in place of onnxruntime'


def build(job: EngineSpec) -> OnnxRuntimeEngine:
    """Let TensorRT build an engine of the whole network, which takes minutes the first time."""
    job.report(f'tensorrt: building an engine, {job.label} (minutes, once)')
    key = {
        'export': export_path(job).name,
        'precision': job.precision,
        'device': torch.cuda.get_device_name(job.device),
        'onnxruntime': quiet_onnxruntime().__version__,
    }
    options = {
        'trt_fp16_enable': job.precision == 'float16',
        'trt_engine_cache_enable': True,
        'trt_engine_cache_path': str(entry_path(job.cache, 'tensorrt', key)),
    }
    return OnnxRuntimeEngine(job, PROVIDER, options)


def check_machine(device: torch.device, precision: str) -> None:
    """Raise a BackendError where this build of ONNX Runtime has no TensorRT."""
    if PROVIDER not in quiet_onnxruntime().get_available_providers():
        raise BackendError(f'it is not installed: {INSTALL}')


BACKEND = Backend(
    build=build,
    precisions={'cuda': ('float32', 'float16')},
    packages=('onnxruntime', 'onnx'),
    install=INSTALL,
    check_machine=check_machine,
)
