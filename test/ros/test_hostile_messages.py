"""Ten thousand messages that no driver should send: each has its outcome, and the node lives on.

They go straight into the callbacks of a real node with a real listener, one after the other, so
that what becomes of each can be told; some hundreds go over DDS into a process.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import rclpy
from domains import next_domain
from hostile_messages import (
    BROKEN_IMAGE,
    compressed_cases,
    raw_cases,
    size_of,
)
from live_node import PUBLISHED, LiveNode
from ros_harness import Probe, camera_info, write_constant_card
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from mono_depth_ros.ros.node.camera_stream import MAX_NEWS

RAW, COMPRESSED, OVER_DDS = 7000, 3000, 150


@pytest.fixture
def live_node(tmp_path, request) -> Iterator[LiveNode]:
    card = write_constant_card(tmp_path, input_size=[32, 32])
    node = LiveNode(card, next_domain(), image_transport=request.param)
    yield node
    node.close()


@pytest.fixture
def depths(live_node) -> Iterator[Callable[[int], list[Image]]]:
    """Return a function that waits for as many depth images as were published."""
    probe = Probe(rclpy.get_default_context().get_domain_id())
    messages = probe.listen('depth/image_rect', Image, qos=1000)
    probe.spin_until(live_node.listened, 'the node to see its listener')

    def arrived(expected: int) -> list[Image]:
        probe.spin_until(lambda: len(messages) >= expected, f'{expected} depth images')
        return messages

    yield arrived
    probe.close()


@pytest.mark.parametrize(
    ('live_node', 'topic', 'draw', 'count'),
    [
        ('raw', '/image', raw_cases, RAW),
        ('compressed', '/image/compressed', compressed_cases, COMPRESSED),
    ],
    ids=['raw', 'compressed'],
    indirect=['live_node'],
)
def test_every_hostile_message_has_the_outcome_that_it_must_have(
    live_node, depths, topic, draw, count
):
    wrong: list[str] = []
    published: list[int] = []

    for stamp, case in enumerate(draw(np.random.default_rng(6), count), 1):
        case.image.header.stamp.sec = stamp
        live_node.receive('/camera_info', case.info or camera_info(size_of(case.image)))
        outcome = live_node.outcome(topic, case.image)
        if outcome == PUBLISHED:
            published.append(stamp)
            depths(len(published))
        if outcome not in case.outcomes:
            wrong.append(
                f'{case.name} (stamp {stamp}) became {outcome}, not one of '
                f'{sorted(case.outcomes)}: {live_node.streams[""].fault}'
            )

    assert len(live_node.streams['']._warned) <= MAX_NEWS
    assert not wrong, f'{len(wrong)} of them: {wrong[:10]}'
    assert [depth.header.stamp.sec for depth in depths(len(published))] == published


@pytest.mark.parametrize('transport', ['raw', 'compressed'])
def test_hostile_messages_over_dds_leave_no_trace_but_their_counts(configured, transport):
    probe = configured(depth_scale=10.0, image_transport=transport)
    depths = probe.listen('depth/image_rect', Image, qos=1000)
    kind, topic = (Image, 'image') if transport == 'raw' else (CompressedImage, 'image/compressed')
    images, infos = probe.advertise(topic, kind), probe.advertise('camera_info', CameraInfo)
    draw = raw_cases if transport == 'raw' else compressed_cases
    cases = dict(enumerate(draw(np.random.default_rng(7), OVER_DDS), 1))
    waiting = list(cases.items())

    def publish_next() -> None:
        stamp, case = waiting.pop()
        case.image.header.stamp.sec = stamp
        infos.publish(case.info or camera_info(size_of(case.image)))
        images.publish(case.image)

    def accounted() -> dict[str, str] | None:
        values = {pair.key: pair.value for pair in probe.diagnosis('').values}
        done = sum(
            int(value)
            for key, value in values.items()
            if key.startswith('dropped_') or key == 'frames_out'
        )
        return values if int(values['frames_in']) == done else None

    probe.spin_until(
        lambda: infos.get_subscription_count() and images.get_subscription_count(),
        'the node to see the camera',
    )
    probe.spin_until(lambda: not waiting, 'all to be sent', each=publish_next, every=0.0)
    values = probe.spin_until(accounted, 'every image to be published or dropped')

    assert int(values['frames_in']) > OVER_DDS / 2
    assert 'dropped_inference_error' not in values
    stamps = [depth.header.stamp.sec for depth in depths]
    assert len(set(stamps)) == len(stamps)
    assert not [stamp for stamp in stamps if cases[stamp].outcomes <= BROKEN_IMAGE]
