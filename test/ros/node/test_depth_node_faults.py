"""What happens to a robot in its weeks of work: every fault is survived, and seen."""

import itertools
import os
import random
import signal
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from ros_harness import TIMEOUT, WITHOUT_SHARED_MEMORY, camera_info, image, write_constant_card
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

SIZE = (48, 96)
LOAD_SIZE = (240, 320)


def stamp_of(message) -> float:
    return message.header.stamp.sec + message.header.stamp.nanosec / 1e9


def drops_of(status) -> dict[str, int]:
    return {
        pair.key.removeprefix('dropped_'): int(pair.value)
        for pair in status.values
        if pair.key.startswith('dropped_')
    }


def test_a_camera_that_crashes_is_missed_and_another_one_takes_its_place(configured, start_camera):
    probe = configured(depth_scale=10.0)
    depths = probe.listen('depth/image_rect', Image)
    camera = start_camera(probe.domain, **WITHOUT_SHARED_MEMORY)
    probe.spin_until(lambda: depths, 'depth of the first camera')

    camera.kill()
    status = probe.diagnosis('/image')
    assert status.level == b'\x02'
    assert 'no image arrives' in status.message or 'no publisher' in status.message

    second, started = start_camera(probe.domain), time.time()
    probe.spin_until(lambda: stamp_of(depths[-1]) > started, 'depth of the second camera')
    stamps = [stamp_of(depth) for depth in depths]
    assert stamps == sorted(set(stamps)) and second.alive()


def test_time_that_jumps_back_as_a_bag_starts_anew_changes_nothing(configured):
    probe = configured(depth_scale=10.0, use_sim_time=True)
    depths = probe.listen('depth/image_rect', Image)
    clock = probe.advertise('/clock', Clock)

    def play(second: int):
        publish = probe.replay(SIZE, start=second - 1)
        seconds = itertools.count(second)

        def each() -> None:
            time_now = Clock()
            time_now.clock.sec = next(seconds)
            clock.publish(time_now)
            publish()

        return each

    for second in (5000, 2000, 5000):
        depths.clear()
        each = play(second)
        probe.spin_until(lambda: len(depths) >= 4, f'depth from second {second} on', each=each)
        stamps = [stamp_of(depth) for depth in depths]
        assert stamps == sorted(set(stamps)) and second <= stamps[0] < second + 50
    status = probe.diagnosis('running', each=each)
    values = {pair.key: pair.value for pair in status.values}
    assert status.level == b'\x00' and abs(float(values['header_age_p50_ms'])) < 5000
    assert set(drops_of(status)) <= {'replaced_by_newer'}


def test_encodings_that_change_in_mid_stream_all_become_depth_and_unknown_ones_do_not(configured):
    probe = configured(depth_scale=10.0)
    depths = probe.listen('depth/image_rect', Image)
    images, infos = probe.advertise('image', Image), probe.advertise('camera_info', CameraInfo)
    stamps = itertools.count(1)
    channels = {'rgb8': 3, 'mono8': 1, 'bgra8': 4, 'h264': 3, 'bayer_rggb8': 1, 'uyvy': 2}
    seen = {}

    def publish(encoding: str) -> None:
        message = image(SIZE, next(stamps), encoding)
        message.step = SIZE[1] * channels[encoding]
        del message.data[message.step * SIZE[0] :]
        message.data.extend([128] * (message.step * SIZE[0] - len(message.data)))
        seen[message.header.stamp.sec] = encoding
        infos.publish(camera_info(SIZE))
        images.publish(message)

    def arrived() -> set[str]:
        return {seen[depth.header.stamp.sec] for depth in depths}

    for encoding in channels:
        send = partial(publish, encoding)
        if encoding == 'h264':
            probe.diagnosis("'h264' is not supported", each=send)
        else:
            probe.spin_until(lambda kind=encoding: kind in arrived(), encoding, each=send)

    assert arrived() == set(channels) - {'h264'}


def test_subscribers_that_come_and_go_leave_neither_drops_nor_threads_nor_descriptors(
    configured, shared_process, start_camera
):
    probe = configured(depth_scale=10.0)
    start_camera(probe.domain)
    topics = {'depth/image_rect': Image, 'points': PointCloud2, 'depth/color': Image}
    process = Path(f'/proc/{shared_process[1].process.pid}')
    sizes = []

    for _ in range(6):
        heard = [probe.listen(topic, kind) for topic, kind in topics.items()]
        probe.spin_until(partial(all, heard), 'every output')
        probe.stop_listening()
        sizes.append([len(list((process / kind).iterdir())) for kind in ('task', 'fd')])

    # A leak per subscriber would be at least twelve; one thread of the middleware may linger.
    assert all(last - second <= 1 for second, last in zip(sizes[1], sizes[-1])), sizes
    assert set(drops_of(probe.diagnosis(''))) <= {'replaced_by_newer'}


def test_models_reload_under_load_and_no_depth_of_the_old_one_comes_after(
    configured, start_camera, constant_card, tmp_path
):
    probe = configured(depth_scale=10.0)
    depths = probe.listen('depth/image_rect', Image)
    start_camera(probe.domain)
    # Disparity 0.5 everywhere: 2 / (1 / min_depth + 1 / max_depth), times depth_scale.
    cards = {
        str(constant_card): 20 / (1 / 0.1 + 1 / 100),
        str(write_constant_card(tmp_path, min_depth=0.5)): 20 / (1 / 0.5 + 1 / 100),
    }

    for model, expected in [*reversed(cards.items()), *cards.items()]:
        probe.spin_until(lambda: depths, 'depth under load')
        assert probe.transition('deactivate') and probe.transition('cleanup')
        assert probe.set_parameters(model=model) == []
        probe.executor.spin_once(timeout_sec=0.1)  # what was on its way
        depths.clear()
        assert probe.transition('configure')
        assert not depths
        assert probe.transition('activate')
        probe.spin_until(lambda: len(depths) >= 3, 'depth of the new model')
        for depth in depths:
            pixels = np.frombuffer(depth.data, np.float32)
            np.testing.assert_allclose(pixels, expected, rtol=1e-3)


def test_parameters_that_change_under_load_give_whole_messages_of_the_old_or_the_new_kind(
    configured, start_camera
):
    probe = configured(depth_scale=10.0)
    depths, clouds = probe.listen('depth/image_rect', Image), probe.listen('points', PointCloud2)
    probe.listen('depth/color', Image)
    start_camera(probe.domain)
    draw = random.Random(6)
    probe.spin_until(lambda: depths and clouds, 'depth under load')

    for _ in range(40):
        stride = draw.choice([1, 2, 3, 64])
        assert (
            probe.set_parameters(
                cloud_stride=stride,
                depth_encoding=draw.choice(['32FC1', '16UC1']),
                max_depth=draw.choice([5.0, 80.0]),
                colormap=draw.choice(['turbo', 'magma']),
                max_age=draw.choice([0.0, 100.0]),
                depth_scale=draw.choice([1.0, 10.0]),
            )
            == []
        )
        assert probe.set_parameters(cloud_stride=0) and probe.set_parameters(model='another')

    assert {depth.encoding for depth in depths} == {'32FC1', '16UC1'}
    for depth in depths:
        assert depth.step == SIZE[1] * (4 if depth.encoding == '32FC1' else 2)
        assert len(depth.data) == depth.step * SIZE[0]
    for cloud in clouds:
        assert len(cloud.data) == cloud.height * cloud.width * 16
    status = probe.diagnosis('running')
    assert set(drops_of(status)) <= {'replaced_by_newer'}


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM], ids=['SIGINT', 'SIGTERM'])
def test_a_signal_ends_a_busy_node_and_nothing_is_left(start_node, start_camera, number):
    probe, process = start_node('-p', 'depth_scale:=10.0')
    depths = probe.listen('depth/image_rect', Image)
    probe.listen('points', PointCloud2)
    start_camera(probe.domain, LOAD_SIZE)
    probe.spin_until(lambda: len(depths) > 5, 'depth under load')
    owned = process.shared_memory()

    os.killpg(process.process.pid, number)

    assert process.process.wait(timeout=TIMEOUT) == 0, process.log()
    assert 'Traceback' not in process.log()
    with pytest.raises(ProcessLookupError):
        os.killpg(process.process.pid, 0)
    assert owned and not [file for file in owned if file.exists()]


def test_thresholds_of_the_diagnostics_are_the_users(configured, start_camera):
    probe = configured(depth_scale=10.0, warn_fps=500.0)
    probe.listen('depth/image_rect', Image)
    start_camera(probe.domain)

    assert probe.diagnosis('below warn_fps').level == b'\x01'
    assert probe.set_parameters(error_fps=499.0) == []
    assert probe.diagnosis('below error_fps').level == b'\x02'
    assert 'must be below warn_fps' in probe.set_parameters(error_fps=501.0)[0]
    assert probe.set_parameters(error_fps=0.0) == [] and probe.set_parameters(warn_fps=0.0) == []
    status = probe.diagnosis('running: ')

    values = {pair.key: pair.value for pair in status.values}
    assert status.level == b'\x00' and {'fps', 'age_p99_ms', 'recent_drops'} <= set(values)
