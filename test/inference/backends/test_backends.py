"""Backends on the machine's CPU: the same depth as PyTorch's, or a reason why not."""

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from cards import UNTRAINED
from virtual_time import VirtualTime

from mono_depth_ros.inference.backends import onnx_export, open_vino, select, torch_cuda
from mono_depth_ros.inference.backends.base import BackendError, EngineSpec
from mono_depth_ros.inference.backends.cache import fingerprint
from mono_depth_ros.inference.backends.fusing import FusedConv
from mono_depth_ros.inference.backends.gate import gate_batch, gate_images
from mono_depth_ros.inference.cards.checkpoint import load_network
from mono_depth_ros.inference.cards.model_card import ModelCard
from mono_depth_ros.inference.estimator import DepthEstimator

CARD = replace(UNTRAINED, network='small_depth')
RANGE = CARD.min_depth, CARD.max_depth
NEEDS_OPENVINO = pytest.mark.skipif(
    importlib.util.find_spec('openvino') is None, reason='OpenVINO is not installed'
)


@pytest.fixture(scope='module')
def job(tmp_path_factory):
    network = load_network(CARD, gate_images()).deploy()
    return EngineSpec(
        network,
        fingerprint(network),
        CARD.input_size,
        1,
        torch.device('cpu'),
        'float32',
        1,
        tmp_path_factory.mktemp('cache'),
        lambda text: None,
    )


def serve(job, backend, batches=(1,), depth_range=RANGE):
    """Serve with one backend, chosen by its name as an estimator does."""
    found = select.candidates(backend, job.device, job.precision, job.report)
    return select.serve(found, job, batches, depth_range)


def with_reports(job: EngineSpec, folder: Path | None = None) -> tuple[EngineSpec, list[str]]:
    said: list[str] = []
    return replace(job, cache=folder or job.cache, report=said.append), said


@pytest.mark.slow
@pytest.mark.parametrize(
    ('backend', 'precision'),
    [
        ('torch', 'float32'),
        ('torch', 'bfloat16'),
        ('onnxruntime', 'float32'),
        pytest.param('openvino', 'float32', marks=NEEDS_OPENVINO),
    ],
)
def test_every_backend_and_batch_has_the_depth_of_pytorch(job, backend, precision):
    # The range is one that half precision suffices for, whatever the random weights.
    served = serve(
        replace(job, precision=precision), backend, batches=(1, 3), depth_range=(1.0, 2.0)
    )

    assert served.backend == backend and sorted(served.engines) == [1, 3]
    assert served.depth_error.problem(precision) == ''
    assert (served.depth_error.p99 > 1e-5) == (precision != 'float32')


@NEEDS_OPENVINO
@pytest.mark.skipif(
    importlib.util.find_spec('openvino') is not None and not open_vino.has_bfloat16(),
    reason='this CPU has no bfloat16',
)
def test_bfloat16_of_openvino_leaves_the_head_in_float32(job):
    model = open_vino.compiled_model(replace(job, precision='bfloat16')).get_runtime_model()

    precisions = [
        op.get_rt_info()['runtimePrecision'].astype(str)
        for op in model.get_ordered_ops()
        if op.get_rt_info()['layerType'].astype(str) == 'Convolution'
    ]

    assert precisions[-1] == 'f32' and set(precisions[:-1]) == {'bf16'}


@pytest.mark.slow
@NEEDS_OPENVINO
def test_signals_are_survived_when_engines_of_openvino_come_and_go(job):
    """A node is configured and cleaned up many times before Ctrl-C ends it."""
    onnx_export.exported(job)  # so that the other process needs no network
    code = (
        'import gc, os, pathlib, signal, sys, torch\n'
        'from mono_depth_ros.inference.backends import base, open_vino\n'
        'signal.signal(signal.SIGUSR1, lambda *_: print("handled"))\n'
        'fingerprint, cache, *size = sys.argv[1:]\n'
        'job = base.EngineSpec(None, fingerprint, tuple(map(int, size)), 1,\n'
        '    torch.device("cpu"), "float32", 1, pathlib.Path(cache), lambda text: None)\n'
        'first, second = open_vino.OpenVinoEngine(job), open_vino.OpenVinoEngine(job)\n'
        'del first; gc.collect(); del second; gc.collect()\n'
        'os.kill(os.getpid(), signal.SIGUSR1)\n'
    )
    options = [job.fingerprint, str(job.cache), *map(str, job.size)]

    done = subprocess.run(
        [sys.executable, '-c', code, *options], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, 'handled\n'), done.stderr


def test_an_export_leaves_the_network_as_it_was(job):
    onnx_export.export(job)

    assert not any(module.training for module in job.network.modules())


def test_an_export_is_made_once(job, tmp_path):
    sized, said = with_reports(job, tmp_path)

    first = onnx_export.exported(sized)

    assert onnx_export.exported(sized) == first and len(said) == 1


def test_a_damaged_export_is_made_anew(job, tmp_path):
    sized, said = with_reports(job, tmp_path)
    first = onnx_export.exported(sized)
    path = onnx_export.export_path(sized)
    path.write_bytes(path.read_bytes()[:1000])

    assert onnx_export.exported(sized) == first
    assert any('is damaged' in text for text in said)


@pytest.mark.slow
def test_an_export_of_other_weights_is_not_taken(job, tmp_path):
    """A file that is whole, but whose numbers are not the network's: the gate notices."""
    sized, said = with_reports(job, tmp_path)
    other = load_network(replace(CARD, seed=2), gate_images()).deploy()
    onnx_export.exported(replace(sized, network=other))

    served = serve(sized, 'onnxruntime')

    assert served.depth_error.problem('float32') == ''
    assert any('exporting anew' in text and 'depth error max' in text for text in said)


def test_a_backend_by_name_whose_depth_is_wrong_is_refused_with_the_figure(job, monkeypatch):
    monkeypatch.setattr('mono_depth_ros.inference.backends.gate.HALF_MEDIAN', 1e-9)

    with pytest.raises(BackendError, match=r'torch: depth error .*median .* \(limit 1e-09\)'):
        serve(replace(job, precision='bfloat16'), 'torch')


def test_auto_says_why_a_backend_fails_and_takes_the_next(job):
    sized, said = with_reports(job)

    def fail(job: EngineSpec) -> None:
        raise RuntimeError('no such instruction')

    failing = replace(select.find_backend('onnxruntime'), build=fail)
    backends = {'onnxruntime': failing, 'torch': select.find_backend('torch')}

    served = select.serve(backends, sized, [1], RANGE)

    assert served.backend == 'torch'
    assert 'backend onnxruntime: RuntimeError: no such instruction' in said


@pytest.mark.parametrize(
    ('backend', 'precision', 'message'),
    [
        ('onnxruntime', 'bfloat16', 'onnxruntime: it runs float32 here, not bfloat16'),
        ('tensorrt', 'float32', 'tensorrt: it needs device cuda'),
        (
            'openvino',
            'float16',
            'openvino: it runs float32 or bfloat16 here, not float16|pip install',
        ),
    ],
)
def test_what_a_backend_cannot_do_is_said(job, backend, precision, message):
    with pytest.raises(BackendError, match=message):
        serve(replace(job, precision=precision), backend)


@pytest.mark.parametrize(
    ('backend', 'package'),
    [('onnxruntime', 'onnxruntime'), ('onnxruntime', 'onnx'), ('openvino', 'openvino')],
)
def test_a_missing_package_is_named_with_its_command(job, monkeypatch, backend, package):
    monkeypatch.setitem(sys.modules, package, None)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, 'find_spec', lambda name: None if name == package else find(name)
    )

    with pytest.raises(BackendError, match=f'not installed: pip install .*{package}'):
        serve(job, backend)


def test_an_unknown_backend_is_refused():
    with pytest.raises(ValueError, match="backend is 'tvm'; expected auto, torch, onnxruntime"):
        DepthEstimator(CARD, backend='tvm', calibration_images=gate_images())


@pytest.mark.parametrize(
    ('count', 'most', 'pads', 'runs'),
    [
        (6, 6, False, [6]),
        (7, 6, False, [6, 1]),
        (5, 6, False, [1] * 5),
        (5, 6, True, [5]),
        (3, 6, True, [1] * 3),
        (13, 6, True, [6, 6, 1]),
        (2, 1, True, [1, 1]),
        (0, 6, True, []),
    ],
)
def test_images_are_split_into_the_batches_there_are(count, most, pads, runs):
    assert select.split(count, most, pads=pads) == runs


@pytest.mark.parametrize(('seconds_of_three', 'most'), [(0.004, 3), (0.02, 1)])
def test_a_batch_is_run_at_once_where_it_saves_time(monkeypatch, seconds_of_three, most):
    virtual_time = VirtualTime()
    monkeypatch.setattr('mono_depth_ros.inference.backends.select.time', virtual_time)

    class Sleeper:
        images = torch.zeros(1)

        def __init__(self, seconds: float) -> None:
            self.seconds = seconds

        def run(self) -> None:
            virtual_time.sleep(self.seconds)

    engines = {1: Sleeper(0.004), 3: Sleeper(seconds_of_three)}

    assert select.worthwhile_batch(engines) == most


@pytest.mark.slow
def test_an_estimator_of_three_cameras_gives_any_number_of_images_their_own_depth(
    tmp_path, monkeypatch
):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    images = [gate_images()[number % 2][number:64, number:96] for number in range(5)]
    plain = DepthEstimator(
        CARD, backend='torch', resize_mode='stretch', calibration_images=gate_images()
    )
    batched = DepthEstimator(
        CARD,
        backend='onnxruntime',
        cameras=3,
        resize_mode='stretch',
        calibration_images=gate_images(),
    )

    for found, expected in zip(batched.estimate(images), plain.estimate(images), strict=True):
        assert found.shape == expected.shape and np.allclose(found, expected, rtol=1e-4)


def test_what_failed_for_a_size_is_not_built_again_for_every_image(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    said: list[str] = []
    estimator = DepthEstimator(
        CARD, backend='onnxruntime', calibration_images=gate_images(), report=said.append
    )
    monkeypatch.setattr('mono_depth_ros.inference.backends.gate.FULL_MAX', 0.0)
    image = np.zeros((64, 96, 3), np.uint8)

    for _ in range(2):
        with pytest.raises(BackendError, match='No backend for'):
            estimator.estimate([image])

    assert sum('exporting' in text for text in said) == 1


@pytest.mark.slow
@pytest.mark.parametrize('layout', torch_cuda.LAYOUTS)
@pytest.mark.parametrize('precision', ['float32', 'bfloat16'])
def test_a_fused_network_gives_the_same_disparity(job, layout, precision):
    """On the CPU, where cuDNN's kernels are not: what is replaced, and by what it was before."""
    memory_format = torch_cuda.LAYOUTS[layout]
    images = torch.from_numpy(gate_batch(job.size))
    sized = replace(job, precision=precision)

    with torch.inference_mode():
        plain, fused, merged = (
            torch_cuda.arranged(sized, memory_format, form) for form in torch_cuda.FORMS
        )
        expected, found = plain(images), fused(images)
        of_merged = merged(images)

    # Lift and projection of six blocks, and the end of five up-samplings.
    assert sum(isinstance(module, FusedConv) for module in fused.modules()) == 17
    assert torch.equal(found, expected)
    tolerance = {'float32': 1e-5, 'bfloat16': 5e-2}[precision]
    torch.testing.assert_close(of_merged, expected, atol=tolerance, rtol=0)


def test_what_cannot_serve_is_refused_before_weights_are_read():
    card: ModelCard = replace(CARD, weights='missing.safetensors', sha256='0' * 64)

    with pytest.raises(BackendError, match='backend onnxruntime: it runs float32 here'):
        DepthEstimator(card, backend='onnxruntime', precision='bfloat16')
