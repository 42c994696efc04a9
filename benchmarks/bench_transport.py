"""Count the camera images that arrive in another process, with and without config/fastdds.xml."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import rclpy
from common.headline import headline
from rclpy.executors import ExternalShutdownException
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from mono_depth_ros.ros.fastdds import NEW_VARIABLE, OLD_VARIABLE, profile_variable

ROOT = Path(__file__).resolve().parents[1]
PROFILE = ROOT / 'config/fastdds.xml'
SIZE = (375, 1242)  # a KITTI image: 1.40 MB as bgr8
RATE = 30.0


def qos(reliability: str) -> QoSProfile:
    best_effort, reliable = ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=5,
        reliability=best_effort if reliability == 'best' else reliable,
    )


def image() -> Image:
    height, width = SIZE
    message = Image(height=height, width=width, encoding='bgr8', step=3 * width)
    message.data.frombytes(bytes(3 * width * height))
    return message


def send(count: int, reliability: str) -> None:
    node = rclpy.create_node('transport_sender')
    publisher = node.create_publisher(Image, 'transport_benchmark', qos(reliability))
    while publisher.get_subscription_count() == 0:
        time.sleep(0.05)
    time.sleep(1.0)  # the reader's side of the match
    message = image()
    start = time.monotonic()
    for index in range(count):
        time.sleep(max(0.0, start + index / RATE - time.monotonic()))
        now = time.time_ns()
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(now, 10**9)
        publisher.publish(message)
    time.sleep(1.0)


def receive(reliability: str) -> None:
    node = rclpy.create_node('transport_receiver')
    ages: list[float] = []

    def on_image(message: Image) -> None:
        sent = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
        ages.append((time.time_ns() - sent) / 1e6)

    node.create_subscription(Image, 'transport_benchmark', on_image, qos(reliability))
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        print(len(ages), median(ages) if ages else float('nan'), flush=True)


def measure(profile: Path | None, reliability: str, count: int) -> tuple[int, float]:
    environment = {
        key: value for key, value in os.environ.items() if key not in (NEW_VARIABLE, OLD_VARIABLE)
    }
    environment |= {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}
    if profile:
        environment[profile_variable()] = str(profile)
    options = ['--reliability', reliability, '--count', str(count)]
    command = [sys.executable, __file__, *options]
    receiver = subprocess.Popen(
        [*command, '--role', 'receive'], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        subprocess.run([*command, '--role', 'send'], env=environment, check=True, timeout=120)
    finally:
        receiver.send_signal(signal.SIGINT)
    arrived, age = receiver.communicate(timeout=30)[0].split()
    return int(arrived), float(age)


def report(count: int) -> None:
    megabytes = 3 * SIZE[0] * SIZE[1] / 1e6
    print(headline('rclpy'))
    print(f'{count} images of {megabytes:.2f} MB at {RATE:g} Hz, from one process to another\n')
    print('| transport | reliability | arrived | age p50 [ms] |\n|---|---|---|---|')
    for name, profile in (('Fast DDS default', None), ('config/fastdds.xml', PROFILE)):
        for reliability, label in (('best', 'best effort'), ('reliable', 'reliable')):
            arrived, age = measure(profile, reliability, count)
            print(f'| {name} | {label} | {arrived}/{count} | {age:.1f} |', flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--count', type=int, default=90, help='images per row')
    parser.add_argument(
        '--reliability', choices=('best', 'reliable'), default='best', help=argparse.SUPPRESS
    )
    parser.add_argument('--role', choices=('send', 'receive'), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role is None:
        report(arguments.count)
        return
    rclpy.init()
    if arguments.role == 'send':
        send(arguments.count, arguments.reliability)
    else:
        receive(arguments.reliability)


if __name__ == '__main__':
    main()
