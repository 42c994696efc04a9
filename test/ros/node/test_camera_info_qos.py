"""camera_info arrives however its driver offers it, and a driver is never made to warn."""

import numpy as np
import pytest
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from ros_harness import camera_info
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

SIZE = (64, 128)
LATCHED = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
PLAIN = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)


class Driver:
    """Publish camera_info and count the complaints about subscribers who ask for too much."""

    def __init__(self, probe, qos, topic='camera_info'):
        self.complaints = 0
        events = PublisherEventCallbacks(incompatible_qos=self._complain)
        self.publisher = probe.node.create_publisher(
            CameraInfo, topic, qos, event_callbacks=events
        )

    def _complain(self, event):
        self.complaints += 1

    def send(self, f=64.0):
        info = camera_info(SIZE)
        info.k[0] = info.k[4] = info.p[0] = info.p[5] = f
        self.publisher.publish(info)


@pytest.fixture
def images(start_node):
    """Start the node; return its probe and a function that publishes an image without info."""

    def start(*arguments, topic='image'):
        probe, process = start_node('-p', 'depth_scale:=10.0', *arguments)
        both = probe.replay(SIZE, topic='elsewhere/image')
        publisher = probe.advertise(topic, Image)
        sent = probe.listen('elsewhere/image', Image)

        def publish():
            both()
            if sent:
                publisher.publish(sent[-1])

        return probe, process, publish

    return start


def focal(infos):
    return infos[-1].k[0] if infos else None


def test_a_latched_camera_info_sent_once_before_the_node_is_received(images, start_node):
    probe, _, publish = images('-p', 'autostart:=false')
    driver = Driver(probe, LATCHED)
    driver.send(50.0)
    infos = probe.listen('depth/camera_info', CameraInfo)
    assert probe.transition('configure')
    assert probe.transition('activate')

    probe.spin_until(lambda: infos, 'depth of a latched calibration', each=publish)

    assert focal(infos) == 50.0
    assert driver.complaints == 0


def test_an_image_waits_for_the_first_camera_info(images):
    """Sent before the image, camera_info may still be handled after it."""
    probe, _, publish = images()
    depths = probe.listen('depth/image_rect', Image)
    probe.diagnosis('image without camera_info', each=publish)
    driver = Driver(probe, PLAIN)
    probe.spin_until(lambda: driver.publisher.get_subscription_count(), 'the node')

    probe.spin_until(lambda: depths, 'depth of an image sent before', each=driver.send)


def test_a_volatile_driver_is_not_made_to_complain(images):
    probe, _, publish = images()
    driver = Driver(probe, PLAIN)
    infos = probe.listen('depth/camera_info', CameraInfo)

    def send():
        driver.send()
        publish()

    probe.spin_until(lambda: len(infos) > 5, 'depth', each=send)

    assert driver.complaints == 0


def test_a_latched_driver_that_replaces_a_volatile_one_is_received(images):
    probe, _, publish = images()
    infos = probe.listen('depth/camera_info', CameraInfo)
    first = Driver(probe, PLAIN)

    def send():
        first.send(50.0)
        publish()

    probe.spin_until(lambda: focal(infos) == 50.0, 'depth of the first driver', each=send)
    probe.node.destroy_publisher(first.publisher)
    second = Driver(probe, LATCHED)
    second.send(60.0)

    probe.spin_until(lambda: focal(infos) == 60.0, 'depth of the second driver', each=publish)


def test_mixed_publishers_are_both_received(images):
    probe, _, publish = images()
    infos = probe.listen('depth/camera_info', CameraInfo)
    latched, plain = Driver(probe, LATCHED), Driver(probe, PLAIN)
    latched.send(50.0)
    probe.spin_until(lambda: focal(infos) == 50.0, 'the latched one', each=publish)

    def send():
        plain.send(60.0)
        publish()

    probe.spin_until(lambda: focal(infos) == 60.0, 'the volatile one', each=send)

    assert latched.complaints == 0
    assert (
        probe.parameter('qos_overrides./camera_info.subscription_latched.durability')
        == 'transient_local'
    )


def test_a_durability_that_a_user_sets_stays(images):
    probe, _, publish = images(
        '-p', 'qos_overrides./camera_info.subscription.durability:=transient_local'
    )
    driver = Driver(probe, PLAIN)

    def send():
        driver.send()
        publish()

    probe.listen('depth/camera_info', CameraInfo)
    probe.diagnosis('incompatible QoS on /camera_info', each=send)


def test_an_override_of_no_topic_of_ours_is_named_with_the_nearest(images):
    probe, process, publish = images(
        '-r',
        'image:=/cam/image_raw',
        '-p',
        'qos_overrides./cam/image_rax.subscription.reliability:=reliable',
        topic='/cam/image_raw',
    )

    probe.diagnosis('nobody subscribes', each=publish)

    assert (
        'qos_overrides./cam/image_rax.subscription.reliability has no effect. Did you mean '
        "'/cam/image_raw.subscription.reliability'?"
    ) in process.log()


def test_two_drivers_that_disagree_are_named(images):
    probe, _, publish = images()
    drivers = Driver(probe, PLAIN), Driver(probe, PLAIN)

    def send():
        drivers[0].send(50.0)
        publish()
        drivers[1].send(60.0)
        publish()

    probe.listen('depth/camera_info', CameraInfo)
    probe.diagnosis('/camera_info is published by /probe, /probe; stop all but one', each=send)


def test_the_compressed_topic_may_be_named_itself(start_node):
    probe, _ = start_node(
        '-r',
        'image:=/cam/image_raw/compressed',
        '-p',
        'image_transport:=compressed',
        '-p',
        'depth_scale:=10.0',
    )
    import cv2

    depths = probe.listen('depth/image_rect', Image)
    both = probe.replay(SIZE, topic='/cam/other')
    publisher = probe.advertise('/cam/image_raw/compressed', CompressedImage)
    message = CompressedImage(format='jpeg')
    message.header.frame_id = 'camera_optical'
    message.data.frombytes(cv2.imencode('.jpg', np.zeros((*SIZE, 3), np.uint8))[1].tobytes())

    def publish():
        both()
        publisher.publish(message)

    probe.spin_until(lambda: depths, 'depth', each=publish)
