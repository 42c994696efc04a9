"""Numbers that are metres, or say that they are not; connections that match both ways."""

import numpy as np
import pytest
from rclpy.qos import QoSProfile, ReliabilityPolicy
from ros_harness import camera_info, write_constant_card
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

SIZE = (64, 128)
UNIT = 1 / (0.01 + 9.99 * 0.5)  # depth of disparity 0.5 between 0.1 and 100
BEST_EFFORT = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
RELIABLE = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)


def mean_depth(message: Image) -> float:
    return float(np.frombuffer(message.data, np.float32).mean())


def values(status) -> dict[str, str]:
    return {pair.key: pair.value for pair in status.values}


def test_relative_depth_never_reaches_a_topic_that_promises_metres(configured, shared_process):
    probe = configured()
    relative = probe.listen('depth_relative/image', Image)
    depths, clouds = probe.listen('depth/image_rect', Image), probe.listen('points', PointCloud2)

    status = probe.diagnosis('running', each=probe.replay(SIZE))

    assert values(status)['depth_kind'] == 'relative'
    assert relative and not depths and not clouds
    assert mean_depth(relative[0]) == pytest.approx(UNIT, rel=1e-5)
    assert 'set depth_scale:=' in shared_process[1].log()


def test_waiting_for_metres_from_a_relative_card_is_explained(configured):
    probe = configured()
    depths = probe.listen('depth/image_rect', Image)
    replay = probe.replay(SIZE)
    probe.diagnosis('set depth_scale:=', each=replay)

    assert probe.set_parameters(depth_scale=25.0) == []
    probe.spin_until(lambda: depths, 'scaled depth', each=replay)

    assert mean_depth(depths[0]) == pytest.approx(25 * UNIT, rel=1e-5)
    assert values(probe.diagnosis('running', each=replay))['depth_kind'] == 'scaled'


@pytest.mark.parametrize(('focal', 'kind'), [(64.0, 'metric'), (96.0, 'scaled')])
def test_metric_depth_follows_the_focal_length_and_says_so(configured, tmp_path, focal, kind):
    trained = [[64.0, 0.0, 63.5], [0.0, 64.0, 31.5], [0.0, 0.0, 1.0]]
    card = write_constant_card(tmp_path, depth_unit='metric', depth_scale=10.0, training_K=trained)
    probe = configured(model=str(card))
    depths = probe.listen('depth/image_rect', Image)
    info = camera_info(SIZE, k=[focal, 0.0, 63.5, 0.0, focal, 31.5, 0.0, 0.0, 1.0])
    info.p = [focal, 0.0, 63.5, 0.0, 0.0, focal, 31.5, 0.0, 0.0, 0.0, 1.0, 0.0]

    probe.spin_until(lambda: depths, 'depth', each=probe.replay(SIZE, info))

    assert mean_depth(depths[0]) == pytest.approx(10 * UNIT * focal / 64, rel=1e-4)
    status = probe.diagnosis('running', each=probe.replay(SIZE, info))
    assert values(status)['depth_kind'] == kind


@pytest.mark.parametrize('publisher', [BEST_EFFORT, RELIABLE], ids=['best effort', 'reliable'])
@pytest.mark.parametrize('subscriber', [BEST_EFFORT, RELIABLE], ids=['best effort', 'reliable'])
def test_every_publisher_and_every_subscriber_connects(configured, publisher, subscriber):
    probe = configured(depth_scale=10.0)
    depths = probe.listen('depth/image_rect', Image, subscriber)
    probe.advertise('image', Image, publisher)
    probe.advertise('camera_info', CameraInfo, publisher)

    probe.spin_until(lambda: depths, 'depth', each=probe.replay(SIZE))


def test_an_override_that_cannot_connect_is_named(start_node):
    probe, _ = start_node(
        '-p', 'qos_overrides./image.subscription.reliability:=reliable', '-p', 'depth_scale:=10.0'
    )
    probe.advertise('image', Image, BEST_EFFORT)
    depths = probe.listen('depth/image_rect', Image)

    probe.diagnosis('incompatible QoS on /image', each=probe.replay(SIZE))

    assert not depths


def test_a_subscriber_who_asks_for_too_much_is_named(start_node):
    probe, _ = start_node(
        '-p',
        'qos_overrides./depth/image_rect.publisher.reliability:=best_effort',
        '-p',
        'depth_scale:=10.0',
    )
    probe.listen('depth/image_rect', Image, RELIABLE)

    probe.diagnosis('a subscriber of /depth/image_rect asks for', each=probe.replay(SIZE))


def test_camera_info_is_found_beside_a_remapped_image(start_node):
    probe, _ = start_node('-r', 'image:=/cam/image_raw', '-p', 'depth_scale:=10.0')
    depths = probe.listen('depth/image_rect', Image)

    probe.spin_until(lambda: depths, 'depth', each=probe.replay(SIZE, topic='/cam/image_raw'))


def test_a_remapped_camera_info_wins(start_node):
    probe, _ = start_node(
        '-r', 'image:=/cam/image_raw', '-r', 'camera_info:=/calib/info', '-p', 'depth_scale:=10.0'
    )
    infos = probe.listen('depth/camera_info', CameraInfo)
    wrong, right = camera_info(SIZE), camera_info(SIZE)
    right.k[0] = right.p[0] = 99.0
    send = probe.replay(SIZE, wrong, topic='/cam/image_raw')
    calibration = probe.advertise('/calib/info', CameraInfo)

    def publish() -> None:
        calibration.publish(right)
        send()

    probe.spin_until(lambda: infos, 'camera_info', each=publish)

    assert infos[0].k[0] == 99.0
