"""Measure the node as a robot would meet it: python benchmarks/bench_node.py --help.

Replays a 1242x375 clip into the real node over DDS, with a consumer of depth (and of the full
cloud) in another process, and prints what came out and how old it was, and then what a frame
costs besides its engine. The clip is KITTI drive 0052 where it is at hand, else the street.
"""

import argparse
import os

os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')  # as the node has it

import tempfile
import time
from pathlib import Path
from statistics import median

import rclpy
import torch
from common import frame_cost
from common.headline import headline
from common.tables import Table, bar
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image, PointCloud2

from mono_depth_ros.demo.bag import (
    DemoClip,
    find_kitti_drive,
    inspect_bag,
    write_kitti_bag,
    write_street_bag,
)
from mono_depth_ros.demo.processes import Child, free_domain, isolated_environment
from mono_depth_ros.inference.cards.model_card import load_card
from mono_depth_ros.ros.node.camera_stream import CLOUD, DEPTH
from mono_depth_ros.types import DepthKind

SIZE = (375, 1242)
CLIP_HZ = 10
MAX_OUTSIDE, MAX_P50, MAX_P95 = 1.3, 1.25, 2.0
MAX_END_S = 2.0
STREET_FRAMES = 78
PATIENCE_S = 120.0


class Consumer:
    """Subscribe like a mapper would: depth and cloud, reliable; read the diagnostics."""

    def __init__(self, domain: int, *, with_cloud: bool) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = rclpy.create_node('consumer', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.depths = self.clouds = 0
        self.values: dict[str, str] = {}
        # Serialised: what the consumer does with a message is not the node's affair.
        self.node.create_subscription(
            Image, 'depth/image_rect', self._on_depth, QoSProfile(depth=5), raw=True
        )
        if with_cloud:
            self.node.create_subscription(
                PointCloud2, 'points', self._on_cloud, QoSProfile(depth=5), raw=True
            )
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._on_status, 10)

    def _on_depth(self, message: bytes) -> None:
        self.depths += 1

    def _on_cloud(self, message: bytes) -> None:
        self.clouds += 1

    def _on_status(self, message: DiagnosticArray) -> None:
        self.values = {pair.key: pair.value for pair in message.status[0].values}

    def spin(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.05)

    def close(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()


def measure(clip: DemoClip, chosen: argparse.Namespace, folder: Path) -> dict[str, float]:
    model = chosen.model
    domain = free_domain()
    environment = isolated_environment(domain)
    os.environ.update(environment)
    parameters = ['-p', f'model:={model}', '-p', f'backend:={chosen.backend}']
    if load_card(model).depth_unit == DepthKind.RELATIVE:  # no cloud without metres
        parameters += ['-p', 'depth_scale:=50.0']
    node = Child(
        'mono_depth_ros.cli.depth_node',
        ['--ros-args', *parameters, '-r', f'image:={clip.base_topic}'],
        environment,
        folder / 'node.log',
    )
    consumer = Consumer(domain, with_cloud=not chosen.depth_only)
    try:
        wait_until_active(consumer, node)
        player = Child(
            'mono_depth_ros.cli.replay_bag',
            [
                str(clip.bag),
                '--topics',
                *clip.topics,
                '--wait-for-subscribers',
                '20',
                '--rate',
                str(chosen.rate / CLIP_HZ),
            ],
            environment,
            folder / 'player.log',
        )
        while player.exit_code is None:
            consumer.spin(0.1)
        consumer.spin(3.0)
        player.stop()
    finally:
        begun = time.monotonic()
        node.stop()
        end = time.monotonic() - begun
        consumer.close()
    drops = {
        key: int(count) for key, count in consumer.values.items() if key.startswith('dropped_')
    }
    return {
        'too old': drops.get('dropped_too_old', 0),
        'in': float(consumer.values['frames_in']),
        'out': float(consumer.values['frames_out']),
        'dropped': sum(drops.values()),
        'depths': consumer.depths,
        'clouds': consumer.clouds,
        'p50': float(consumer.values['age_p50_ms']),
        'p95': float(consumer.values['age_p95_ms']),
        'end': end,
    }


def wait_until_active(consumer: Consumer, node: Child) -> None:
    end = time.monotonic() + PATIENCE_S
    while consumer.values.get('state') != 'active':
        consumer.spin(0.1)
        if node.exit_code is not None or time.monotonic() > end:
            raise SystemExit(f'depth_node did not start:\n{node.log_tail()}')


def write_clip(data: Path, folder: Path) -> DemoClip:
    drive = find_kitti_drive(data)
    if drive:
        write_kitti_bag(drive, folder / 'bag')
    else:
        write_street_bag(folder / 'bag', STREET_FRAMES, SIZE)
    return inspect_bag(folder / 'bag', None, drive.name if drive else 'street')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--runs', type=int, default=3)
    parser.add_argument(
        '--model', default='untrained', help='model card (default: %(default)s, a small_depth)'
    )
    parser.add_argument('--data', type=Path, default=Path('../shared/data'))
    parser.add_argument('--backend', default='auto')
    parser.add_argument('--rate', type=float, default=CLIP_HZ, help='images per second')
    parser.add_argument('--depth-only', action='store_true', help='nobody listens to the cloud')
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = write_clip(chosen.data, folder)
        print(
            f'{headline("rclpy", "torch", "onnxruntime", "openvino")}; {chosen.model}, '
            f'{clip.title}, {clip.frames} images of {SIZE[1]}x{SIZE[0]} at {chosen.rate:g} Hz, '
            f'backend {chosen.backend}, depth{"" if chosen.depth_only else " and full cloud"}\n'
        )
        table = Table(
            run=4, **{'in': 4}, out=4, dropped=7, depths=6, clouds=6, age_p50_ms=10, age_p95_ms=10
        )
        runs = []
        for run in range(chosen.runs):
            runs.append(figures := measure(clip, chosen, folder))
            row(table, str(run + 1), figures)
    middle = {key: median(figures[key] for figures in runs) for key in runs[0]}
    row(table, 'med', middle)
    print('\n'.join(['', *bars(chosen, middle, outside_the_engine(chosen))]))
    if any(figures['dropped'] or figures['depths'] < figures['out'] for figures in runs):
        raise SystemExit('Below the bar: frames were dropped or depth was lost on the way.')


def row(table: Table, name: str, figures: dict[str, float]) -> None:
    counts = (f'{figures[key]:.0f}' for key in ('in', 'out', 'dropped', 'depths', 'clouds'))
    table.row(name, *counts, f'{figures["p50"]:.1f}', f'{figures["p95"]:.1f}')


def outside_the_engine(chosen: argparse.Namespace) -> dict[str, float]:
    """Print what a frame costs besides its engine, part by part."""
    domain = free_domain()
    os.environ.update(isolated_environment(domain))
    outputs = [DEPTH] if chosen.depth_only else [DEPTH, CLOUD]
    costs = frame_cost.measure(
        chosen.model, chosen.backend, SIZE, outputs, domain, torch.get_num_threads()
    )
    print('\nOne frame [ms]: engine and floors by the clock, ours and floors cpu of the process\n')
    table = Table(part=22, ms=8)
    for name, milliseconds in costs.items():
        table.row(name, f'{milliseconds:.3f}')
    return costs


def bars(chosen: argparse.Namespace, node: dict[str, float], costs: dict[str, float]) -> list[str]:
    least = costs['engine'] + costs['floors']
    return [
        bar(
            'CPU time outside the engine over its floors',
            costs['ours'] / costs['floors cpu'],
            MAX_OUTSIDE,
            at_most=True,
        ),
        bar(
            f'age p50 at {chosen.rate:g} Hz over engine + floors',
            node['p50'] / least,
            MAX_P50,
            at_most=True,
        ),
        bar('age p95 over p50', node['p95'] / node['p50'], MAX_P95, at_most=True),
        bar('seconds from an interrupt to the end', node['end'], MAX_END_S, at_most=True),
        f'{"met" if node["too old"] == 0 else "MISSED"}: frames older than max_age: '
        f'{node["too old"]:.0f} dropped, none is ever published',
    ]


if __name__ == '__main__':
    main()
