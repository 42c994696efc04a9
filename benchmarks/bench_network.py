"""Print what every network costs on every backend: python benchmarks/bench_network.py --help.

The baseline is what a user gets without this package: the network as built, eager PyTorch,
float32, channels first. Every engine has passed the numeric gate; a row that fails says why.
"""

import argparse
import io
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')  # as the node has it

import torch
from common.headline import headline
from common.tables import Table, bar, sizes
from common.timing import overhead, side_by_side

from mono_depth_ros.evaluation.cost import untrained_network
from mono_depth_ros.inference.backends.base import Engine, EngineSpec
from mono_depth_ros.inference.backends.cache import fingerprint
from mono_depth_ros.inference.backends.onnx_runtime import OnnxRuntimeEngine
from mono_depth_ros.inference.backends.open_vino import OpenVinoEngine
from mono_depth_ros.inference.backends.pytorch import TorchCpuEngine
from mono_depth_ros.inference.backends.select import auto_order, candidates, serve
from mono_depth_ros.inference.backends.torch_cuda import GraphEngine
from mono_depth_ros.inference.engine_options import BACKENDS
from mono_depth_ros.networks import DepthNetwork, list_networks
from mono_depth_ros.networks.complexity import count_conv_macs, count_parameters

DEPTH_RANGE = 0.1, 100.0
QUICK = ['small_depth', 'lite_hr_depth_lite0']
BAR_SIZES = {'cpu': (192, 640), 'cuda': (128, 416)}
MIN_SPEED_UP, MIN_PER_SECOND, MAX_WRAPPER = 3.0, 2000.0, 1.01


def main() -> None:
    chosen = arguments()
    packages = ['torch', 'onnxruntime', 'openvino', 'numpy']
    print(f'{headline(*packages)}, {chosen.device}, {chosen.threads} threads; untrained weights')
    print(
        'ms: median of one run with its end waited for. per s: images, runs back to back. '
        'x eager: as built, eager float32.\n'
    )
    table = Table(
        network=19,
        size=7,
        batch=5,
        backend=11,
        precision=9,
        ms=8,
        per_s=7,
        x_eager=7,
        over_bare=9,
        depth_error=11,
    )
    bars: list[str] = []
    for name in chosen.networks:
        bars += in_a_process(name, chosen, table)
    print()
    print('\n'.join(bars) or 'No bar belongs to these rows.')
    if chosen.costs:
        print_costs(chosen.networks)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('networks', nargs='*', help='default: all')
    parser.add_argument('--quick', action='store_true', help=f'only {", ".join(QUICK)}')
    parser.add_argument('--device', default='cpu', help='cpu, cuda or cuda:N')
    parser.add_argument('--sizes', nargs='+', default=['192x640', '128x416'])
    parser.add_argument('--batches', nargs='+', type=int, default=[1])
    parser.add_argument('--backends', nargs='+', choices=BACKENDS)
    parser.add_argument('--precisions', nargs='+', choices=['float32', 'float16', 'bfloat16'])
    parser.add_argument('--threads', type=int, default=min(os.cpu_count() or 1, 8))
    parser.add_argument('--seconds', type=float, default=1.0, help='for each row')
    parser.add_argument('--patience', type=float, default=300.0, help='seconds for a network')
    parser.add_argument('--costs', action='store_true', help='parameters and multiply-adds too')
    chosen = parser.parse_args()
    on_gpu = chosen.device != 'cpu'
    chosen.networks = chosen.networks or (
        QUICK if chosen.quick else sorted(list_networks(), key=lambda name: name not in QUICK)
    )
    chosen.backends = chosen.backends or (['torch'] if on_gpu else auto_order('cpu'))
    chosen.precisions = chosen.precisions or ['float32', 'float16' if on_gpu else 'bfloat16']
    return chosen


def in_a_process(name: str, chosen: argparse.Namespace, table: Table) -> list[str]:
    """Measure a network in a process of its own: a crash ends its rows and no others."""
    context = get_context('fork')  # nothing here has touched CUDA or started threads
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=measure_network, args=(name, chosen, table, sender))
    process.start()
    sender.close()
    bars: list[str] = []
    try:
        if receiver.poll(chosen.patience):
            bars = receiver.recv()
        else:
            table.row(name, '', '', '', '', f'FAILED: not ready after {chosen.patience:.0f} s')
    except EOFError:
        process.join()
        table.row(name, '', '', '', '', f'FAILED: the process ended with {process.exitcode}')
    process.kill()
    process.join()
    return bars


def measure_network(name: str, chosen: argparse.Namespace, table: Table, sender: object) -> None:
    torch.set_num_threads(chosen.threads)
    bars: list[str] = []
    for size in sizes(chosen.sizes):
        for batch in chosen.batches:
            try:
                bars += measure_size(name, size, batch, chosen, table)
            except Exception as error:
                failed(table, error, name, text(size), batch, 'all', '')
    sender.send(bars)


def failed(table: Table, error: Exception, *cells: object) -> None:
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    table.row(*cells, f'FAILED: {lines[0]}')
    if os.environ.get('BENCH_TRACE'):
        traceback.print_exc()


def measure_size(
    name: str, size: tuple[int, int], batch: int, chosen: argparse.Namespace, table: Table
) -> list[str]:
    network = untrained_network(name, size)
    device = torch.device(chosen.device)
    with TemporaryDirectory() as cache:
        job = EngineSpec(
            network.deploy(),
            '',
            size,
            batch,
            device,
            'float32',
            chosen.threads,
            Path(cache),
            lambda said: None,
        )
        job = replace(job, fingerprint=fingerprint(job.network))
        engines, figures = {}, {}
        for backend, precision, result in built(job, chosen):
            if isinstance(result, Exception):
                failed(table, result, name, text(size), batch, backend, precision)
            else:
                key = backend, precision
                figures[key], engines[key] = result.depth_error, result.engines[batch]
        runs = {'eager': eager(network, size, batch, device)}
        runs |= {key: waited(engine.run, device) for key, engine in engines.items()}
        with torch.inference_mode():
            times = side_by_side(runs, chosen.seconds)
            table.row(
                name,
                text(size),
                batch,
                'eager',
                'float32',
                f'{times["eager"]:.3f}',
                f'{1e3 * batch / times["eager"]:.0f}',
                '1.00',
                '',
                '',
            )
            bars = []
            for key, engine in engines.items():
                rate = per_second(engine, batch, device, times[key], chosen.seconds)
                over = over_bare(engine, device, times[key])
                table.row(
                    name,
                    text(size),
                    batch,
                    *key,
                    f'{times[key]:.3f}',
                    f'{rate:.0f}',
                    f'{times["eager"] / times[key]:.2f}',
                    f'{over:.4f}',
                    f'{figures[key]} {engine.note}',
                )
                bars += bars_of(name, size, batch, key, times, rate, over, device)
    return bars


def built(job: EngineSpec, chosen: argparse.Namespace) -> Iterator[tuple[str, str, object]]:
    """Yield backend, precision and what serves, or the reason why not."""
    for backend in chosen.backends:
        for precision in chosen.precisions:
            wanted = replace(job, precision=precision)
            said = io.StringIO()
            try:
                found = candidates(backend, job.device, precision, job.report)
                with redirect_stderr(said):
                    served = serve(found, wanted, [job.batch], DEPTH_RANGE)
                yield backend, precision, served
            except Exception as error:
                yield backend, precision, error


def eager(
    network: DepthNetwork, size: tuple[int, int], batch: int, device: torch.device
) -> Callable[[], object]:
    there = network.to(device)
    image = torch.rand(batch, 3, *size, device=device)
    return waited(lambda: there(image), device)


def waited(run: Callable[[], object], device: torch.device) -> Callable[[], object]:
    """Return the run with its end waited for."""
    if device.type == 'cpu':
        return run

    def run_and_wait() -> None:
        run()
        torch.cuda.synchronize(device)

    return run_and_wait


def per_second(
    engine: Engine, batch: int, device: torch.device, milliseconds: float, seconds: float
) -> float:
    """Return the images per second of runs back to back; one takes about so many ms."""
    runs = fitting(milliseconds, 2, 20)

    def many() -> None:
        for _ in range(runs):
            engine.run()

    return runs * batch / side_by_side({'': waited(many, device)}, seconds)[''] * 1e3


def over_bare(engine: Engine, device: torch.device, milliseconds: float) -> float:
    """Return the time of a run, which is about so many ms, over that of the library's own call."""
    runs = fitting(milliseconds, 10, 60)
    return overhead(waited(bare_run(engine), device), waited(engine.run, device), runs)


def bare_run(engine: Engine) -> Callable[[], object]:
    """Return what the library would do by itself: what the wrapper adds is measured against it."""
    if isinstance(engine, GraphEngine):
        return engine._graph.replay
    if isinstance(engine, OnnxRuntimeEngine):
        return engine._run
    if isinstance(engine, OpenVinoEngine):  # as OpenVINO's own examples do
        return lambda: engine._request.infer(share_inputs=True, share_outputs=True)
    if isinstance(engine, TorchCpuEngine):
        return lambda: engine._network(engine.images)
    return engine.run  # of a new backend, until it is told here


def fitting(milliseconds: float, fewest: int, most: int) -> int:
    """Return how many runs take a second, within limits: large networks take minutes otherwise."""
    return max(fewest, min(most, round(1e3 / milliseconds)))


def bars_of(
    name: str,
    size: tuple[int, int],
    batch: int,
    key: tuple[str, str],
    times: dict[object, float],
    rate: float,
    over: float,
    device: torch.device,
) -> list[str]:
    if name != 'small_depth' or size != BAR_SIZES[device.type] or batch != 1:
        return []
    what = f'{name} {text(size)} {" ".join(key)}'
    if device.type == 'cuda':
        return [bar(f'{what}, inferences/s', rate, MIN_PER_SECOND)]
    lines = [bar(f'{what}, over the bare engine', over, MAX_WRAPPER, at_most=True)]
    best = min((k for k in times if k != 'eager' and k[1] == 'float32'), key=times.get)
    if key == best:
        lines.insert(
            0,
            bar(
                f'{what}, the best float32 backend, x eager',
                times['eager'] / times[key],
                MIN_SPEED_UP,
            ),
        )
    return lines


def text(size: tuple[int, int]) -> str:
    return f'{size[0]}x{size[1]}'


def print_costs(networks: list[str]) -> None:
    print(
        '\nAs built, and once deployed (finest disparity only, batch norm folded); parameters '
        'in millions, multiply-adds in billions.\n'
    )
    table = Table(
        network=19,
        parameters=10,
        deployed=8,
        MACs_192x640=8,
        deployed_192x640=8,
        MACs_128x416=8,
        deployed_128x416=8,
    )
    for name in networks:
        network = untrained_network(name, (128, 416))
        both = network, network.deploy()
        cells = [f'{count_parameters(each) / 1e6:.3f}' for each in both]
        cells += [
            f'{count_conv_macs(each, size) / 1e9:.3f}'
            for size in ((192, 640), (128, 416))
            for each in both
        ]
        table.row(name, *cells)


if __name__ == '__main__':
    sys.exit(main())
