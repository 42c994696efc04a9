"""OpenVINO on the CPU, in float32 or bfloat16."""

import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree

import torch
from torch import Tensor

from mono_depth_ros.inference.backends.base import Backend, BackendError, EngineSpec
from mono_depth_ros.inference.backends.onnx_export import exported

HINTS = {'float32': 'f32', 'bfloat16': 'bf16'}


class OpenVinoEngine:
    """An infer request whose input and output stay where they are."""

    note = ''

    def __init__(self, job: EngineSpec) -> None:
        openvino = quiet_openvino()
        compiled = compiled_model(job)
        self.images = torch.zeros(job.batch, *job.size, 3, dtype=torch.uint8)
        self._disparity = torch.empty(job.batch, *job.size)
        self._request = compiled.create_infer_request()
        self._request.set_input_tensor(openvino.Tensor(self.images.numpy(), shared_memory=True))
        self._request.set_output_tensor(
            openvino.Tensor(self._disparity.numpy(), shared_memory=True)
        )

    def run(self) -> Tensor:
        """Return the disparity (batch, height, width)."""
        self._request.infer(share_inputs=True, share_outputs=True)
        return self._disparity


def compiled_model(job: EngineSpec) -> Any:
    """Compile for latency: one stream, no more threads than asked for, pinned to no core."""
    core = only_core()
    model = core.read_model(exported(job))
    if job.precision != 'float32':
        model = with_precise_head(model)
    job.report(f'openvino: compiling {job.label}')
    # The hint explicitly: where a CPU has bfloat16, it is OpenVINO's default.
    return core.compile_model(
        model,
        'CPU',
        {
            'PERFORMANCE_HINT': 'LATENCY',
            'NUM_STREAMS': 1,
            'INFERENCE_NUM_THREADS': job.threads,
            'INFERENCE_PRECISION_HINT': HINTS[job.precision],
            'ENABLE_CPU_PINNING': False,
        },
    )


def with_precise_head(model: Any) -> Any:
    """Return the model with a mark at its last convolution, the head: it stays in float32.

    Python cannot set the mark (`ov::DisableFP16Compression`), but the file format has it.
    """
    openvino = quiet_openvino()
    with TemporaryDirectory() as folder:
        openvino.save_model(model, Path(folder, 'model.xml'), compress_to_fp16=False)
        weights = Path(folder, 'model.bin').read_bytes()
        tree = ElementTree.parse(Path(folder, 'model.xml')).getroot()
    head = [layer for layer in tree.iter('layer') if layer.get('type') == 'Convolution'][-1]
    marks = head.find('rt_info')
    marks = ElementTree.SubElement(head, 'rt_info') if marks is None else marks
    ElementTree.SubElement(marks, 'attribute', name='precise', version='0')
    return only_core().read_model(ElementTree.tostring(tree), weights)


def has_bfloat16() -> bool:
    """Whether this CPU calculates in bfloat16; OpenVINO would take float32 in its place."""
    return 'BF16' in only_core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES')


@cache
def only_core() -> Any:
    """Return the process's one Core.

    With its CPU plug-in, a Core gives its thread a stack for signal handlers, and takes it away
    again when it goes. Of two Cores the last to go brings back the other's, which is there no
    more: the next Ctrl-C is a segmentation fault.
    """
    return quiet_openvino().Core()


def quiet_openvino() -> Any:
    """Import OpenVINO without its telemetry, which reports every import to its makers.

    Where the package openvino_telemetry cannot be imported, OpenVINO has a stub for it.
    """
    sys.modules.setdefault('openvino_telemetry', None)  # type: ignore[arg-type]
    import openvino

    return openvino


def check_machine(device: torch.device, precision: str) -> None:
    """Raise a BackendError where the CPU does not calculate in the precision."""
    if precision == 'bfloat16' and not has_bfloat16():
        raise BackendError(
            'this CPU has no bfloat16 instructions (AVX512-BF16 or AMX): take float32'
        )


BACKEND = Backend(
    build=OpenVinoEngine,
    precisions={'cpu': tuple(HINTS)},
    auto={'cpu': 1},
    packages=('openvino', 'onnx'),
    install='pip install openvino onnx',
    check_machine=check_machine,
)
