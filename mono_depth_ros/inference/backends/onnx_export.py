"""A network as an ONNX file, for the backends that read one."""

import inspect
import io
import warnings
from pathlib import Path
from typing import Any

import torch

from mono_depth_ros.inference.backends.base import EngineSpec
from mono_depth_ros.inference.backends.cache import cached, entry_path
from mono_depth_ros.inference.backends.precision import DisparityOfBytes

INPUT, OUTPUT = 'images', 'disparity'
OPSET = 17


def exported(job: EngineSpec) -> bytes:
    """Return a job's float32 network as ONNX, from the cache where it lies there."""

    def make() -> bytes:
        job.report(f'exporting {job.label} to ONNX')
        return export(job)

    return cached(export_path(job), make, job.report)


def export_path(job: EngineSpec) -> Path:
    """Return where a job's export lies in the cache."""
    height, width = job.size
    key = {
        'weights': job.fingerprint,
        'size': job.size,
        'batch': job.batch,
        'opset': OPSET,
        'precision': 'float32',
        'torch': torch.__version__,
    }
    return entry_path(job.cache, f'{width}x{height}x{job.batch}.onnx', key)


def export(job: EngineSpec) -> bytes:
    """Trace the network to ONNX: (B, H, W, 3) uint8 images in, (B, H, W) disparity out."""
    network = DisparityOfBytes(job.network, torch.float32)
    images = torch.zeros(job.batch, *job.size, 3, dtype=torch.uint8)
    # The newer exporter needs onnxscript and takes ten times as long for the same graph.
    older = {'dynamo': False} if _knows('dynamo') else {}
    file = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter('ignore')  # on tracing sizes, which are fixed here
        to_onnx: Any = torch.onnx.export  # its type knows files by name alone
        to_onnx(
            network,
            (images,),
            file,
            input_names=[INPUT],
            output_names=[OUTPUT],
            opset_version=OPSET,
            **older,
        )
    return file.getvalue()


def _knows(parameter: str) -> bool:
    return parameter in inspect.signature(torch.onnx.export).parameters
