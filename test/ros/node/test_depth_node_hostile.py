"""Clumsy and hostile use: every case ends in a clear sentence and a node that lives on."""

import itertools
import os
import re
import signal
import time
from pathlib import Path

import pytest
from ros_harness import TIMEOUT, camera_info, image
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_msgs.msg import String

SIZE = (48, 96)


def plain_image(size, **fields) -> Image:
    message = Image(height=size[0], width=size[1], encoding='rgb8', step=size[1] * 3)
    message.data.frombytes(bytes(size[0] * size[1] * 3))
    for name, value in fields.items():
        setattr(message, name, value)
    return message


@pytest.mark.parametrize(
    ('message', 'words'),
    [
        (plain_image((0, 0)), 'describes|no pixels|0x0'),
        (plain_image(SIZE, data=[]), 'bytes'),
        (plain_image(SIZE, step=10), 'step'),
        (plain_image(SIZE, step=99999), 'bytes'),
        (plain_image(SIZE, encoding=''), "''|empty"),
    ],
)
def test_a_broken_image_is_named_and_the_next_good_one_becomes_depth(configured, message, words):
    probe = configured(depth_scale=10.0)
    depths = probe.listen('depth/image_rect', Image)
    images, infos = probe.advertise('image', Image), probe.advertise('camera_info', CameraInfo)

    def publish() -> None:
        infos.publish(camera_info(SIZE))
        images.publish(message)

    def named() -> bool:
        status = probe.diagnosis('', each=publish)
        return bool(re.search(words, status.message)) and status.level == b'\x02'

    probe.spin_until(named, f'a fault with {words}')
    assert not depths

    probe.spin_until(lambda: depths, 'depth', each=probe.replay(SIZE))


@pytest.mark.parametrize('size', [(1, 1), (2, 2), (5, 7), (1, 300)])
def test_tiny_images_become_depth_of_their_size(configured, size):
    probe = configured(depth_scale=10.0)
    depths, clouds = probe.listen('depth/image_rect', Image), probe.listen('points', PointCloud2)

    probe.spin_until(lambda: depths and clouds, 'depth', each=probe.replay(size))

    assert (depths[0].height, depths[0].width) == (clouds[0].height, clouds[0].width) == size


@pytest.mark.parametrize(
    ('fields', 'words'),
    [
        ({'k': [float('nan')] * 9}, 'K'),
        ({'k': [-48.0, 0.0, 47.5, 0.0, 48.0, 23.5, 0.0, 0.0, 1.0]}, 'K'),
        ({'d': [0.1, 0.2, 0.3], 'distortion_model': 'plumb_bob'}, 'plumb_bob.*coefficients|D'),
        ({'d': [0.1] * 5, 'distortion_model': 'foo'}, "'foo'"),
        ({'d': [0.1] * 5, 'distortion_model': ''}, "''|empty|distortion_model"),
    ],
)
def test_a_calibration_that_cannot_be_is_named(configured, fields, words):
    probe = configured(depth_scale=10.0)
    probe.listen('depth/image_rect', Image)

    status = probe.diagnosis(
        'camera_info on /camera_info', each=probe.replay(SIZE, camera_info(SIZE, **fields))
    )

    assert re.search(words, status.message), status.message


def test_alternating_sizes_all_become_depth(configured):
    probe = configured(depth_scale=10.0)
    depths = probe.listen('depth/image_rect', Image)
    replays = itertools.cycle([probe.replay(SIZE), probe.replay((60, 80))])

    probe.spin_until(
        lambda: {depth.height for depth in depths} == {48, 60},
        'both sizes',
        each=lambda: next(replays)(),
        every=0.1,
    )


def test_when_the_listener_goes_inference_stops(configured):
    probe = configured(depth_scale=10.0)
    depths = probe.listen('depth/image_rect', Image)
    replay = probe.replay(SIZE)
    probe.spin_until(lambda: depths, 'depth', each=replay)

    probe.stop_listening()

    status = probe.diagnosis('nobody subscribes', each=replay)
    assert status.level == b'\x00'


def test_taking_depth_scale_back_makes_depth_relative_again(configured):
    probe = configured(depth_scale=10.0)
    depths = probe.listen('depth/image_rect', Image)
    relative = probe.listen('depth_relative/image', Image)
    replay = probe.replay(SIZE)
    probe.spin_until(lambda: depths, 'scaled depth', each=replay)
    assert not relative

    assert probe.set_parameters(depth_scale=0.0) == []

    probe.spin_until(lambda: relative, 'relative depth', each=replay)
    assert relative[0].encoding == '32FC1'
    assert probe.set_parameters(depth_scale=-1.0)[0]


@pytest.mark.parametrize(
    ('transport', 'kind', 'topic', 'cure'),
    [
        ('compressed', Image, 'image', 'but /image has one: set image_transport:=raw'),
        (
            'raw',
            CompressedImage,
            'image/compressed',
            'but /image/compressed has one: set image_transport:=compressed',
        ),
        ('raw', String, 'image', 'carries std_msgs/msg/String, not sensor_msgs/msg/Image'),
    ],
)
def test_images_of_another_kind_are_found_and_the_cure_named(
    configured, transport, kind, topic, cure
):
    probe = configured(depth_scale=10.0, image_transport=transport)
    publisher = probe.advertise(topic, kind)

    assert probe.diagnosis(cure, each=lambda: publisher.publish(kind())).level == b'\x02'


def test_garbage_in_a_compressed_image_is_named(configured):
    probe = configured(depth_scale=10.0, image_transport='compressed')
    probe.listen('depth/image_rect', Image)
    images = probe.advertise('image/compressed', CompressedImage)
    infos = probe.advertise('camera_info', CameraInfo)
    message = CompressedImage(format='jpeg')
    message.data.frombytes(b'hello')

    def publish() -> None:
        infos.publish(camera_info(SIZE))
        images.publish(message)

    assert '5 bytes' in probe.diagnosis('/image/compressed: ', each=publish).message


@pytest.mark.parametrize('cameras', [['my cam'], ['a/'], ['1st'], ['front', 'front']])
def test_camera_names_that_cannot_be_topics_are_refused_or_fail_with_the_name(
    configured, shared_process, constant_card, cameras
):
    probe, process = shared_process

    refused = probe.set_parameters(model=str(constant_card), cameras=cameras)
    failed = not refused and not (probe.transition('configure') and probe.transition('activate'))

    assert refused or failed
    if refused:
        assert cameras[0] in refused[0]
    assert process.alive()
    assert probe.set_parameters(cameras=['']) == [] or probe.transition('cleanup')
    if probe.state() == 'inactive':
        probe.transition('cleanup')
    assert probe.set_parameters(cameras=['']) == []


def test_transitions_in_the_wrong_order_are_refused_and_change_nothing(configured):
    probe = configured(depth_scale=10.0)

    assert not probe.transition('configure') and not probe.transition('cleanup')
    assert probe.state() == 'active'
    assert probe.transition('deactivate') and not probe.transition('deactivate')
    assert probe.state() == 'inactive'


def test_a_namespace_reaches_topics_diagnostics_and_hints(start_node):
    probe, _ = start_node('-r', '__ns:=/robot1', '-p', 'depth_scale:=10.0')
    depths = probe.listen('/robot1/depth/image_rect', Image)
    replay = probe.replay(SIZE, topic='/robot1/image')

    probe.spin_until(lambda: depths, 'depth', each=replay)

    assert probe.diagnosis('running', each=replay).name == 'robot1/depth_node: camera'


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM], ids=['SIGINT', 'SIGTERM'])
def test_a_signal_while_the_model_loads_ends_the_node_cleanly(start_node, number):
    _, process = start_node('-p', 'depth_scale:=10.0')
    process_ready = time.monotonic() + TIMEOUT
    while 'loading' not in process.log() and time.monotonic() < process_ready:
        time.sleep(0.02)

    os.killpg(process.process.pid, number)

    assert process.process.wait(timeout=TIMEOUT) == 0, process.log()
    assert 'Traceback' not in process.log()


def test_an_interrupt_while_modules_load_ends_the_node_without_a_trace(start_node):
    _, process = start_node(fresh=True)
    maps = Path(f'/proc/{process.process.pid}/maps')
    deadline = time.monotonic() + TIMEOUT
    while 'rclpy' not in maps.read_text(encoding='utf-8') and time.monotonic() < deadline:
        time.sleep(0.01)

    os.killpg(process.process.pid, signal.SIGINT)

    assert process.process.wait(timeout=TIMEOUT) == 0 and process.log() == ''


def test_a_second_interrupt_does_not_disturb_the_end(start_node):
    _, process = start_node('-p', 'autostart:=false')
    deadline = time.monotonic() + TIMEOUT
    while 'autostart is false' not in process.log() and time.monotonic() < deadline:
        time.sleep(0.02)

    for _ in range(2):
        os.killpg(process.process.pid, signal.SIGINT)
        time.sleep(0.05)

    assert process.process.wait(timeout=TIMEOUT) == 0 and 'Traceback' not in process.log()


def test_an_output_that_is_an_input_too_is_refused(start_node):
    probe, process = start_node('-r', '__ns:=/cam', '-r', 'image:=image_rect')

    status = probe.diagnosis('cannot activate')

    assert 'camera: /cam/image_rect is an input and, as image_rect, an output' in status.message
    assert 'ros2 lifecycle set /cam/depth_node activate' in process.log()


def test_per_frame_trouble_does_not_flood_the_log(configured, shared_process):
    probe = configured(depth_scale=10.0)
    probe.listen('depth/image_rect', Image)
    images = probe.advertise('image', Image)
    before = shared_process[1].log().count('\n')

    for _ in range(3):
        probe.diagnosis(
            'image without camera_info',
            each=lambda: [images.publish(image(SIZE)) for _ in range(5)],
        )

    assert shared_process[1].log().count('\n') - before <= 6
