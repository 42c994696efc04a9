"""The device's memory runs out at the network's call: smaller batches, and back again."""

import time

import pytest
import rclpy
import torch
from domains import next_domain
from live_node import PUBLISHED, LiveNode
from rclpy.lifecycle import TransitionCallbackReturn
from ros_harness import Probe, camera_info, image, write_constant_card
from sensor_msgs.msg import Image
from virtual_time import VirtualTime

SIZE = (48, 96)
CAMERAS = ('front', 'rear')


class Room:
    """Let networks run with at most so many images at once."""

    images = 99

    def __call__(self, module, inputs):
        if (
            inputs
            and isinstance(inputs[0], torch.Tensor)
            and inputs[0].ndim == 4
            and (len(inputs[0]) > self.images)
        ):
            raise torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB.')


@pytest.fixture
def room():
    room = Room()
    hook = torch.nn.modules.module.register_module_forward_pre_hook(room)
    yield room
    hook.remove()


@pytest.fixture
def live_node(tmp_path, monkeypatch):
    # Runs of one image and of two take equally long, so that two at once are worth their while.
    every_run_takes_a_second = VirtualTime(per_look=1.0)
    monkeypatch.setattr('mono_depth_ros.inference.backends.select.time', every_run_takes_a_second)
    node = LiveNode(
        write_constant_card(tmp_path, input_size=[32, 64]), next_domain(), cameras=list(CAMERAS)
    )
    probe = Probe(rclpy.get_default_context().get_domain_id())
    for camera in CAMERAS:
        probe.listen(f'{camera}/depth/image_rect', Image)
        node.receive(f'/{camera}/camera_info', camera_info(SIZE))
    probe.spin_until(node.listened, 'the node to see its listener')
    yield node
    probe.close()
    node.close()


def send_both(node: LiveNode) -> list[str]:
    """Give both cameras an image at once; return what became of each."""
    stream = node.streams['front']
    before = [node.outcomes(camera) for camera in CAMERAS]
    with stream.wake:  # the worker sees both or none
        for camera in CAMERAS:
            node.receive(f'/{camera}/image', image(SIZE))
    while any(
        node.outcomes(camera).total() == was.total() for camera, was in zip(CAMERAS, before)
    ):
        time.sleep(0)
    return [''.join(node.outcomes(camera) - was) for camera, was in zip(CAMERAS, before)]


def test_without_room_for_both_cameras_each_runs_alone_and_both_give_depth(live_node, room):
    assert send_both(live_node) == [PUBLISHED, PUBLISHED]
    room.images = 1

    assert send_both(live_node) == [PUBLISHED, PUBLISHED]

    stream = live_node.streams['front']
    assert (stream.batch, stream.batch_limit) == (1, 1)


def test_without_room_for_one_image_frames_are_counted_and_depth_returns_with_the_memory(
    live_node, room
):
    send_both(live_node)
    room.images = 0

    assert send_both(live_node) == ['out_of_memory', 'out_of_memory']
    assert 'memory ran out for a single image' in live_node.streams['rear'].fault

    room.images = 99
    assert send_both(live_node) == [PUBLISHED, PUBLISHED]
    assert live_node.streams['rear'].fault == ''


def test_memory_that_runs_out_while_the_model_loads_fails_configure_and_nothing_stays(
    live_node, room
):
    node = live_node.node
    for step in (node.trigger_deactivate, node.trigger_cleanup):
        assert step() == TransitionCallbackReturn.SUCCESS
    room.images = 0

    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert 'cannot configure: CUDA out of memory' in node.failure
    assert node._estimator is None and node.card is None

    room.images = 99
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
