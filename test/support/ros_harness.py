"""Tests over real DDS: the node in a process of its own, a probe in the test's process."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
import torch
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState, GetState
from processes import PythonProcess
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image

from mono_depth_ros.inference.cards.checkpoint import save_weights
from mono_depth_ros.networks import create_network
from mono_depth_ros.ros.fastdds import profile_environment, profile_variable

TIMEOUT = 120.0
# Without shared memory: what is killed would leave its own behind.
WITHOUT_SHARED_MEMORY = {profile_variable(): '', 'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4'}
TRANSITIONS = {'configure': 1, 'cleanup': 2, 'activate': 3, 'deactivate': 4, 'shutdown': 5}
ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
    'OMP_NUM_THREADS': '1',
    **profile_environment(),
}
os.environ.update(ENVIRONMENT)


def camera_info(size: tuple[int, int], **fields: Any) -> CameraInfo:
    """Build the CameraInfo of an undistorted pinhole, with fields replaced.

    Its f is half the width, but at least 1 px.
    """
    height, width = size
    f, cx, cy = max(1.0, width / 2), (width - 1) / 2, (height - 1) / 2
    message = CameraInfo(height=height, width=width, distortion_model='plumb_bob')
    message.header.frame_id = 'camera_optical'
    message.d = [0.0] * 5
    message.k = [f, 0.0, cx, 0.0, f, cy, 0.0, 0.0, 1.0]
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [f, 0.0, cx, 0.0, 0.0, f, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    for name, value in fields.items():
        setattr(message, name, value)
    return message


def image(size: tuple[int, int], stamp: int = 1, encoding: str = 'rgb8') -> Image:
    """Build a random image message of 8-bit colour."""
    pixels = np.random.default_rng(stamp).integers(0, 255, (*size, 3), dtype=np.uint8)
    message = Image(height=size[0], width=size[1], encoding=encoding, step=size[1] * 3)
    message.header.stamp.sec = stamp
    message.header.frame_id = 'camera_optical'
    message.data.frombytes(pixels.tobytes())
    return message


class Probe:
    """Stand outside the node: publish to it, listen to it, call its services."""

    def __init__(self, domain: int, arguments: list[str] | None = None) -> None:
        self.context, self.domain = Context(), domain
        rclpy.init(args=arguments, context=self.context, domain_id=domain)
        self.node = Node('probe', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.received: dict[str, list[Any]] = {}
        self._publishers: dict[str, Any] = {}

    def close(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()
        self._publishers.clear()

    def listen(self, topic: str, kind: Any, qos: QoSProfile | int = 10) -> list[Any]:
        messages = self.received.setdefault(topic, [])
        self.node.create_subscription(kind, topic, messages.append, qos)
        return messages

    def stop_listening(self) -> None:
        for subscription in list(self.node.subscriptions):
            self.node.destroy_subscription(subscription)
        self.received.clear()

    def advertise(self, topic: str, kind: Any, qos: QoSProfile | int | None = None) -> Any:
        if topic not in self._publishers:
            qos = qos or QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
            self._publishers[topic] = self.node.create_publisher(kind, topic, qos)
        return self._publishers[topic]

    def stop_publishing(self) -> None:
        for publisher in self._publishers.values():
            self.node.destroy_publisher(publisher)
        self._publishers.clear()

    def spin_until(
        self,
        condition: Callable[[], Any],
        what: str,
        timeout: float = TIMEOUT,
        each: Callable[[], None] | None = None,
        every: float = 0.3,
    ) -> Any:
        """Spin until the condition holds; call `each` now and then, as a camera would publish."""
        end, due = time.monotonic() + timeout, 0.0
        while time.monotonic() < end:
            if each and time.monotonic() >= due:
                each()
                due = time.monotonic() + every
            self.executor.spin_once(timeout_sec=0.02)
            result = condition()
            if result:
                return result
        raise AssertionError(f'waited {timeout} s in vain for {what}')

    def call(self, kind: Any, service: str, request: Any) -> Any:
        client = self.node.create_client(kind, service)
        try:
            self.spin_until(client.service_is_ready, f'service {service}')
            future = client.call_async(request)
            self.spin_until(future.done, f'an answer of {service}')
            return future.result()
        finally:
            self.node.destroy_client(client)

    def state(self) -> str:
        answer = self.call(GetState, '/depth_node/get_state', GetState.Request())
        return answer.current_state.label

    def wait_for_state(self, state: str) -> None:
        end = time.monotonic() + TIMEOUT
        while (now := self.state()) != state:
            assert time.monotonic() < end, f'node is {now}, not {state}'
            time.sleep(0.1)

    def transition(self, name: str) -> bool:
        request = ChangeState.Request()
        request.transition.id = TRANSITIONS[name]
        return self.call(ChangeState, '/depth_node/change_state', request).success

    def set_parameters(self, **values: Any) -> list[str]:
        """Set parameters; return the reasons of those refused."""
        request = SetParameters.Request(
            parameters=[
                Parameter(name, value=value).to_parameter_msg() for name, value in values.items()
            ]
        )
        results = self.call(SetParameters, '/depth_node/set_parameters', request).results
        return [result.reason for result in results if not result.successful]

    def parameter(self, name: str) -> Any:
        request = GetParameters.Request(names=[name])
        value = self.call(GetParameters, '/depth_node/get_parameters', request).values[0]
        return Parameter.from_parameter_msg(ParameterMessage(name=name, value=value)).value

    def diagnosis(self, text: str, each: Callable[[], None] | None = None) -> Any:
        """Wait for a diagnostic status whose message contains the text; return it."""
        topic = '/diagnostics'
        messages = self.received.get(topic)
        if messages is None:
            messages = self.listen(topic, DiagnosticArray)
        messages.clear()
        try:
            return self.spin_until(
                lambda: next(
                    (
                        status
                        for message in messages
                        for status in message.status
                        if text in status.message
                    ),
                    None,
                ),
                f'a diagnosis with {text!r}',
                each=each,
            )
        except AssertionError as error:
            said = {status.message for message in messages for status in message.status}
            raise AssertionError(f'{error}; it said {said}') from None

    def replay(
        self,
        size: tuple[int, int],
        info: CameraInfo | None = None,
        topic: str = 'image',
        encoding: str = 'rgb8',
        start: int | None = None,
    ) -> Callable[[], None]:
        """Return a function that publishes one image and its info, stamped start + 1, + 2 … s."""
        images = self.advertise(topic, Image)
        prefix = topic.rpartition('/')[0]
        infos = self.advertise(f'{prefix}/camera_info' if prefix else 'camera_info', CameraInfo)
        count = itertools.count((int(time.time()) if start is None else start) + 1)

        def publish() -> None:
            message = image(size, next(count), encoding)
            calibration = info or camera_info(size)
            calibration.header.stamp = message.header.stamp
            infos.publish(calibration)
            images.publish(message)

        return publish


class NodeProcess(PythonProcess):
    """Run the real executable."""

    def __init__(
        self, domain: int, log: Path, arguments: list[str], *, fresh: bool = False
    ) -> None:
        super().__init__(
            log,
            ['-m', 'mono_depth_ros.cli.depth_node', '--ros-args', *arguments],
            ENVIRONMENT | {'ROS_DOMAIN_ID': str(domain)},
            fresh=fresh,
        )


class CameraProcess(PythonProcess):
    """Publish `image` and `camera_info` from a process of its own."""

    def __init__(
        self, domain: int, log: Path, size: tuple[int, int], rate: float, **environment: str
    ) -> None:
        super().__init__(
            log,
            [str(ROOT / 'test/support/camera.py'), *map(str, (*size, rate))],
            ENVIRONMENT | {'ROS_DOMAIN_ID': str(domain)} | environment,
            fresh=False,
        )


def defaults() -> dict[str, Any]:
    path = ROOT / 'config' / 'depth.yaml'
    values = yaml.safe_load(path.read_text(encoding='utf-8'))['/**']['ros__parameters']
    return values | {'threads': 1, 'max_age': 0.0, 'warn_age': 0.0, 'use_sim_time': False}


DEFAULTS = defaults()


def write_constant_card(folder: Path, **fields: Any) -> Path:
    network = create_network('small_depth')
    with torch.no_grad():
        for head in network.heads:
            head.conv.weight.zero_()
            head.conv.bias.zero_()
    digest = save_weights(network, folder / 'constant.safetensors')
    card = {
        'network': 'small_depth',
        'network_options': {},
        'weights': 'constant.safetensors',
        'sha256': digest,
        'input_size': [64, 128],
        'min_depth': 0.1,
        'max_depth': 100.0,
        'depth_unit': 'relative',
        'license_code': 'Apache-2.0',
        'license_weights': 'Apache-2.0',
        'training_data': 'none: head weights are zero',
    } | fields
    path = folder / 'constant.yaml'
    path.write_text(yaml.safe_dump(card), encoding='utf-8')
    return path
