"""Measure the node as a robot would meet it: python benchmarks/bench_node.py [--runs N].

Replays a 1242x375 clip at its own 10 Hz into the real node over DDS, with a consumer of depth
and full cloud in another process, and prints what came out and how old it was. The clip is KITTI
drive 0052 where it is at hand, else the street. The bar: no frame is dropped, all depth arrives.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from headline import headline
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image, PointCloud2

from mono_depth_ros.cli.demo_bag import (
    DemoClip,
    find_kitti_drive,
    inspect_bag,
    write_kitti_bag,
    write_street_bag,
)
from mono_depth_ros.cli.demo_processes import Child, free_domain, isolated_environment
from mono_depth_ros.inference.model_card import load_card

SIZE = (375, 1242)
STREET_FRAMES = 78
PATIENCE_S = 120.0


class Consumer:
    """Subscribe like a mapper would: depth and cloud, reliable; read the diagnostics."""

    def __init__(self, domain: int) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = rclpy.create_node('consumer', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.depths = self.clouds = 0
        self.values: dict[str, str] = {}
        # Serialised: what the consumer does with a message is not the node's affair.
        self.node.create_subscription(Image, 'depth/image_rect', self._on_depth,
                                      QoSProfile(depth=5), raw=True)
        self.node.create_subscription(PointCloud2, 'points', self._on_cloud,
                                      QoSProfile(depth=5), raw=True)
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


def measure(clip: DemoClip, model: str, folder: Path) -> dict[str, float]:
    domain = free_domain()
    environment = isolated_environment(domain)
    os.environ.update(environment)
    parameters = ['-p', f'model:={model}', '-p', 'cloud_stride:=1']
    if load_card(model).depth_unit == 'relative':  # no cloud without metres
        parameters += ['-p', 'depth_scale:=50.0']
    node = Child('mono_depth_ros.cli.depth_node', [
        '--ros-args', *parameters, '-r', f'image:={clip.base_topic}'], environment,
        folder / 'node.log')
    consumer = Consumer(domain)
    try:
        wait_until_active(consumer, node)
        player = Child('mono_depth_ros.cli.replay_bag', [
            str(clip.bag), '--topics', *clip.topics, '--wait-for-subscribers', '20'],
            environment, folder / 'player.log')
        while player.exit_code is None:
            consumer.spin(0.1)
        consumer.spin(3.0)
        player.stop()
    finally:
        node.stop()
        consumer.close()
    drops = sum(int(count) for key, count in consumer.values.items() if key.startswith('dropped_'))
    return {'in': float(consumer.values['frames_in']), 'out': float(consumer.values['frames_out']),
            'dropped': drops, 'depths': consumer.depths, 'clouds': consumer.clouds,
            'p50': float(consumer.values['age_p50_ms']),
            'p95': float(consumer.values['age_p95_ms'])}


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
    parser.add_argument('--model', default='untrained',
                        help='model card (default: %(default)s, a small_depth)')
    parser.add_argument('--data', type=Path, default=Path('../shared/data'))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = write_clip(chosen.data, folder)
        print(f"{headline('rclpy', 'torch')}; {chosen.model}, {clip.title}, "
              f'{clip.frames} images of {SIZE[1]}x{SIZE[0]} at 10 Hz, depth and full cloud')
        print('run    in   out  dropped  depths  clouds  age p50 [ms]  p95 [ms]')
        runs = []
        for run in range(chosen.runs):
            runs.append(figures := measure(clip, chosen.model, folder))
            print(row(str(run + 1), figures), flush=True)
    print(row('med', {key: median(figures[key] for figures in runs) for key in runs[0]}))
    if any(figures['dropped'] or figures['depths'] < figures['out'] for figures in runs):
        raise SystemExit('Below the bar: frames were dropped or depth was lost on the way.')


def row(name: str, figures: dict[str, float]) -> str:
    return (f'{name:>3}  {figures["in"]:4.0f}  {figures["out"]:4.0f}  {figures["dropped"]:7.0f}  '
            f'{figures["depths"]:6.0f}  {figures["clouds"]:6.0f}  {figures["p50"]:12.1f}  '
            f'{figures["p95"]:8.1f}')


if __name__ == '__main__':
    main()
