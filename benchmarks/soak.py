"""Let the node work for minutes or hours and see what grows: python benchmarks/soak.py --hours 2.

A camera in a process of its own sends distorted images at 30 Hz, a consumer listens to every
output at once: depth, its camera_info, cloud, colours and the rectified image. What counts is the
node's process after two minutes of warming up. The bars: at most 5 MB of memory more at the end,
or from one hour on at most 1 % per hour by the fitted slope; not a thread and not a descriptor
more; every image that came in went out or is counted under a cause that a slow machine explains.
"""

import argparse
import os
import re
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import rclpy
from common.headline import headline
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from mono_depth_ros.demo.processes import Child, free_domain, isolated_environment
from mono_depth_ros.inference.cards.model_card import load_card
from mono_depth_ros.types import DepthKind

OUTPUTS = {
    'depth/image_rect': Image,
    'depth/camera_info': CameraInfo,
    'points': PointCloud2,
    'depth/color': Image,
    'image_rect': Image,
}
WARM_UP_S, WINDOW_S, PERIOD_S = 120.0, 30.0, 1.0
PATIENCE_S = 120.0
MAX_GROWTH_MB, MAX_SLOPE = 5.0, 1.0  # [MB], [% per hour]
SLOPE_FROM_S = 3600.0
EXPLAINED = {'replaced_by_newer', 'too_old'}


@dataclass(frozen=True)
class Sample:
    """What the node's process holds at a moment [s] since the first depth."""

    moment: float
    rss_mb: float
    anonymous_mb: float
    shared_mb: float
    threads: int
    descriptors: int


class Consumer:
    """Listen to every output; keep counts and the node's last diagnosis."""

    def __init__(self, domain: int) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = rclpy.create_node('soak_consumer', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.counts = dict.fromkeys(OUTPUTS, 0)
        self.values: dict[str, str] = {}
        for topic, kind in OUTPUTS.items():
            # Serialised: what the consumer does with a message is not the node's affair.
            self.node.create_subscription(
                kind,
                topic,
                lambda _, topic=topic: self._count(topic),
                QoSProfile(depth=5),
                raw=True,
            )
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._on_status, 10)

    def _count(self, topic: str) -> None:
        self.counts[topic] += 1

    def _on_status(self, message: DiagnosticArray) -> None:
        self.values = {pair.key: pair.value for pair in message.status[0].values}

    def spin(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.executor.spin_once(timeout_sec=left)

    def close(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()


def take_sample(pid: int, start: float) -> Sample:
    status = Path(f'/proc/{pid}/status').read_text(encoding='utf-8')

    def field(name: str) -> int:
        return int(re.search(rf'^{name}:\s+(\d+)', status, re.MULTILINE)[1])

    return Sample(
        time.monotonic() - start,
        field('VmRSS') / 1024,
        field('RssAnon') / 1024,
        field('RssShmem') / 1024,
        field('Threads'),
        len(list(Path(f'/proc/{pid}/fd').iterdir())),
    )


def soak(chosen: argparse.Namespace, folder: Path) -> tuple[list[Sample], Consumer, int]:
    """Run everything; return the samples, the consumer, and how many images were sent."""
    domain = free_domain()
    environment = isolated_environment(domain)
    os.environ.update(environment)
    parameters = ['-p', f'model:={chosen.model}']
    if load_card(chosen.model).depth_unit == DepthKind.RELATIVE:  # no cloud without metres
        parameters += ['-p', 'depth_scale:=50.0']
    node = Child(
        'mono_depth_ros.cli.depth_node',
        ['--ros-args', *parameters],
        environment,
        folder / 'node.log',
    )
    consumer = Consumer(domain)
    camera = None
    try:
        wait_for(consumer, node, lambda: consumer.values.get('state') == 'active')
        path = f'{Path(__file__).parent}:{os.environ.get("PYTHONPATH", "")}'
        camera = Child(
            'soak_camera',
            ['--size', *map(str, chosen.size), '--rate', str(chosen.rate)],
            environment | {'PYTHONPATH': path},
            folder / 'camera.log',
        )
        wait_for(consumer, node, lambda: all(consumer.counts.values()))
        samples = watch(consumer, node, chosen)
        camera.stop()
        consumer.spin(2.5)  # the last diagnosis
    finally:
        if camera is not None:
            camera.stop()
        node.stop()
        consumer.close()
    if node.exit_code != 0:
        raise SystemExit(f'depth_node ended with {node.exit_code}:\n{node.log_tail()}')
    sent = re.search(r'sent (\d+)', camera.log_tail())
    return samples, consumer, int(sent[1]) if sent else 0


def wait_for(consumer: Consumer, node: Child, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        consumer.spin(0.1)
        if node.exit_code is not None or time.monotonic() > end:
            raise SystemExit(
                f'No depth came; outputs so far: {consumer.counts}\n{node.log_tail()}'
            )


def watch(consumer: Consumer, node: Child, chosen: argparse.Namespace) -> list[Sample]:
    start, samples = time.monotonic(), []
    while time.monotonic() - start < chosen.seconds:
        consumer.spin(PERIOD_S)
        if node.exit_code is not None:
            raise SystemExit(f'depth_node died with {node.exit_code}:\n{node.log_tail()}')
        samples.append(take_sample(node.pid, start))
        if chosen.samples:
            write_samples(chosen.samples, samples)
    return samples


def write_samples(path: Path, samples: list[Sample]) -> None:
    """Append the newest sample to a table for plotting; its first line names the columns."""
    newest = vars(samples[-1])
    with path.open('w' if len(samples) == 1 else 'a', encoding='utf-8') as file:
        if len(samples) == 1:
            print(*newest, sep='\t', file=file)
        print(*(f'{value:.1f}' for value in newest.values()), sep='\t', file=file)


def slope_per_hour(samples: list[Sample]) -> float:
    """Return the fitted growth of memory [% per hour]."""
    hours = np.array([sample.moment for sample in samples]) / 3600
    memory = np.array([sample.rss_mb for sample in samples])
    return float(np.polyfit(hours, memory, 1)[0] / memory.mean() * 100)


def middle(samples: list[Sample], name: str) -> float:
    return float(median(getattr(sample, name) for sample in samples))


def judge(
    samples: list[Sample], consumer: Consumer, sent: int, warm_up: float
) -> list[tuple[str, str, str, bool]]:
    """Return the rows of the table: what, figure, bar, and whether the bar is held."""
    warm = [sample for sample in samples if sample.moment >= warm_up]
    begin = [sample for sample in warm if sample.moment <= warm[0].moment + WINDOW_S]
    end = [sample for sample in warm if sample.moment >= warm[-1].moment - WINDOW_S]
    growth, slope = middle(end, 'rss_mb') - middle(begin, 'rss_mb'), slope_per_hour(warm)
    is_long = warm[-1].moment - warm[0].moment >= SLOPE_FROM_S
    values = consumer.values
    frames_in, frames_out = int(values['frames_in']), int(values['frames_out'])
    drops = {
        key.removeprefix('dropped_'): int(count)
        for key, count in values.items()
        if key.startswith('dropped_')
    }
    lost = frames_in - frames_out - sum(drops.values())
    odd = {cause: count for cause, count in drops.items() if cause not in EXPLAINED}
    rows = [
        (
            'memory, start → end [MB]',
            f'{middle(begin, "rss_mb"):.1f} → {middle(end, "rss_mb"):.1f} ({growth:+.1f})',
            f'≤ +{MAX_GROWTH_MB:.0f}',
            is_long or growth <= MAX_GROWTH_MB,
        ),
        (
            'of it anonymous, shared [MB]',
            f'{middle(end, "anonymous_mb"):.1f}, {middle(end, "shared_mb"):.1f}',
            '',
            True,
        ),
        (
            'memory, fitted slope [%/h]',
            f'{slope:+.2f}',
            f'≤ {MAX_SLOPE:.0f} (from 1 h on)',
            not is_long or slope <= MAX_SLOPE,
        ),
    ]
    for name in ('threads', 'descriptors'):
        first, last = middle(begin, name), middle(end, name)
        rows.append(
            (f'{name}, start → end', f'{first:.0f} → {last:.0f}', 'no more', last <= first)
        )
    return [
        *rows,
        ('images sent, received', f'{sent}, {frames_in}', '', True),
        ('depth published', f'{frames_out}', '', True),
        (
            'dropped, by cause',
            str(drops or 'none'),
            f'only {", ".join(sorted(EXPLAINED))}',
            not odd,
        ),
        ('neither published nor dropped', str(lost), '0', lost == 0),
        ('age p50, p95 [ms]', f'{values["age_p50_ms"]}, {values["age_p95_ms"]}', '', True),
        *(
            (f'{topic} at the consumer', str(count), '', True)
            for topic, count in consumer.counts.items()
        ),
    ]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--minutes', type=float, default=10.0, help='(default: %(default)s)')
    parser.add_argument('--hours', type=float, help='instead of minutes')
    parser.add_argument('--rate', type=float, default=30.0, help='[Hz] (default: %(default)s)')
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=(480, 640),
        metavar=('HEIGHT', 'WIDTH'),
        help='of the images (default: 480 640)',
    )
    parser.add_argument(
        '--model', default='untrained', help='model card (default: %(default)s, a small_depth)'
    )
    parser.add_argument('--samples', type=Path, help='file for one line per second, to plot')
    chosen = parser.parse_args()
    chosen.seconds = chosen.hours * 3600 if chosen.hours else chosen.minutes * 60
    if chosen.seconds < WARM_UP_S + 2 * WINDOW_S:
        parser.error(
            f'{chosen.seconds / 60:g} minutes are too short: two of warming up and one '
            'to compare are the least.'
        )
    return chosen


def main() -> None:
    # A job in the background ignores interrupts, and its children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    chosen = parse()
    with tempfile.TemporaryDirectory() as folder:
        height, width = chosen.size
        print(
            f'{headline("rclpy", "torch")}; {chosen.model}, {width}x{height} at '
            f'{chosen.rate:g} Hz for {chosen.seconds / 60:g} minutes, every output',
            flush=True,
        )
        rows = judge(*soak(chosen, Path(folder)), WARM_UP_S)
    for what, figure, bar, held in rows:
        print(f'{what:<34} {figure:<40} {bar:<34} {"ok" if held else "BELOW THE BAR"}'.rstrip())
    if not all(held for *_, held in rows):
        raise SystemExit('Below the bar.')


if __name__ == '__main__':
    main()
