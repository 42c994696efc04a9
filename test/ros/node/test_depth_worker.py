"""The one thread that computes must outlive whatever nobody foresaw."""

import pytest
import rclpy
from domains import next_domain
from live_node import PUBLISHED, LiveNode
from ros_harness import Probe, camera_info, image, write_constant_card
from sensor_msgs.msg import Image

SIZE = (48, 96)


@pytest.fixture
def live_node(tmp_path):
    node = LiveNode(write_constant_card(tmp_path, input_size=[32, 64]), next_domain())
    probe = Probe(rclpy.get_default_context().get_domain_id())
    probe.listen('depth/image_rect', Image)
    probe.spin_until(node.listened, 'the node to see its listener')
    node.receive('/camera_info', camera_info(SIZE))
    yield node
    probe.close()
    node.close()


def test_an_error_outside_of_any_frame_is_counted_and_the_next_image_becomes_depth(
    live_node, monkeypatch
):
    def fail():
        raise RuntimeError('nobody foresaw this')

    with monkeypatch.context() as patch:
        patch.setattr(live_node.node._worker, '_config', fail)
        assert live_node.outcome('/image', image(SIZE)) == 'inference_error'
    assert 'nobody foresaw this' in live_node.streams[''].fault

    assert live_node.outcome('/image', image(SIZE)) == PUBLISHED
