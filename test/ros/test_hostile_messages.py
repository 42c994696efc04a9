"""Ten thousand messages that no driver should send: each has its outcome, and the node lives on.

They go straight into the callbacks of a real node with a real listener, one after the other, so
that what becomes of each can be told; some hundreds go over DDS into a process.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count

import numpy as np
import pytest
import rclpy
from hostile_messages import (
    BROKEN_IMAGE,
    DEPTH,
    Case,
    compressed_cases,
    raw_cases,
    size_of,
)
from ros_harness import Probe, camera_info, next_domain, write_constant_card
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from mono_depth_ros.ros.depth_node import DepthNode

RAW, COMPRESSED, OVER_DDS = 7000, 3000, 150


class LiveNode:
    """A real node in this process, fed by hand, one message at a time."""

    def __init__(self, card: str, transport: str, domain: int) -> None:
        rclpy.init(domain_id=domain, args=[
            '--ros-args', '-p', f'model:={card}', '-p', 'threads:=1', '-p', 'depth_scale:=10.0',
            '-p', f'image_transport:={transport}', '-p', 'autostart:=false',
            '-p', 'max_age:=0.0', '--log-level', 'fatal'])
        self.node = DepthNode()
        assert self.node.trigger_configure() and self.node.trigger_activate()
        self._inputs = {topic: subscription.callback for subscription in self.node.subscriptions
                        for topic in [subscription.topic_name]}
        self._stream = self.node._monitors[0].stream
        self._stamps = count(1)

    def close(self) -> None:
        self.node.destroy_node()
        rclpy.try_shutdown()

    @property
    def fault(self) -> str:
        return self._stream.fault

    def listened(self) -> bool:
        return bool(self._stream.listened())

    def feed(self, case: Case) -> tuple[int, str]:
        """Send a case; return the stamp of its image and what became of it."""
        stamp = next(self._stamps)
        case.image.header.stamp.sec = stamp
        self._inputs['/camera_info'](case.info or camera_info(size_of(case.image)))
        before = self._outcomes()
        image_topic = '/image/compressed' if '/image/compressed' in self._inputs else '/image'
        self._inputs[image_topic](case.image)
        while (now := self._outcomes()).total() == before.total():
            time.sleep(0)  # let the worker have the interpreter
        outcome, = now - before
        return stamp, outcome

    def _outcomes(self) -> Counter[str]:
        statistics = self._stream.statistics
        return Counter({DEPTH: statistics.frames_out} | statistics.drops)


@pytest.fixture
def live_node(tmp_path, request) -> Iterator[LiveNode]:
    card = write_constant_card(tmp_path, input_size=[32, 32])
    node = LiveNode(str(card), request.param, next_domain())
    yield node
    node.close()


@pytest.fixture
def depths(live_node) -> Iterator[Callable[[int], list[Image]]]:
    """Return a function that waits for depth images as many as were published."""
    domain = rclpy.get_default_context().get_domain_id()
    probe = Probe(domain)
    messages = probe.listen('depth/image_rect', Image, qos=1000)
    probe.spin_until(live_node.listened, 'the node to see its listener')

    def arrived(expected: int) -> list[Image]:
        probe.spin_until(lambda: len(messages) >= expected, f'{expected} depth images')
        return messages

    yield arrived
    probe.close()


@pytest.mark.parametrize(('live_node', 'cases'), [
    ('raw', lambda: raw_cases(np.random.default_rng(6), RAW)),
    ('compressed', lambda: compressed_cases(np.random.default_rng(6), COMPRESSED)),
], ids=['raw', 'compressed'], indirect=['live_node'])
def test_every_hostile_message_has_the_outcome_that_it_must_have(live_node, depths, cases):
    wrong: list[str] = []
    published: list[int] = []
    seen: Counter[str] = Counter()

    for case in cases():
        stamp, outcome = live_node.feed(case)
        seen[f'{case.name}: {outcome}'] += 1
        if outcome == DEPTH:
            published.append(stamp)
            depths(len(published))
        if outcome not in case.outcomes:
            wrong.append(f'{case.name} (stamp {stamp}) became {outcome}, not one of '
                         f'{sorted(case.outcomes)}: {live_node.fault}')

    assert not wrong, f'{len(wrong)} of them: {wrong[:10]}; {seen}'
    assert [depth.header.stamp.sec for depth in depths(len(published))] == published


@pytest.mark.parametrize('transport', ['raw', 'compressed'])
def test_hostile_messages_over_dds_leave_no_trace_but_their_counts(configured, transport):
    probe = configured(depth_scale=10.0, image_transport=transport)
    depths = probe.listen('depth/image_rect', Image, qos=1000)
    kind, topic = ((Image, 'image') if transport == 'raw' else
                   (CompressedImage, 'image/compressed'))
    images, infos = probe.advertise(topic, kind), probe.advertise('camera_info', CameraInfo)
    draw = raw_cases if transport == 'raw' else compressed_cases
    cases = dict(enumerate(draw(np.random.default_rng(7), OVER_DDS), 1))
    waiting = list(cases.items())

    def publish_next() -> None:
        stamp, case = waiting.pop()
        case.image.header.stamp.sec = stamp
        infos.publish(case.info or camera_info(size_of(case.image)))
        images.publish(case.image)

    probe.spin_until(lambda: infos.get_subscription_count() and images.get_subscription_count(),
                     'the node to see the camera')
    probe.spin_until(lambda: not waiting, 'all to be sent', each=publish_next,
                     every=0.0)
    status = probe.diagnosis('')

    values = {pair.key: pair.value for pair in status.values}
    drops = sum(int(value) for key, value in values.items() if key.startswith('dropped_'))
    assert int(values['frames_in']) > OVER_DDS / 2
    assert int(values['frames_in']) == int(values['frames_out']) + drops
    assert 'dropped_inference_error' not in values
    stamps = [depth.header.stamp.sec for depth in depths]
    assert len(set(stamps)) == len(stamps)
    assert not [stamp for stamp in stamps if cases[stamp].outcomes <= BROKEN_IMAGE]
