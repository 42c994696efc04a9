"""The process of the node: how it ends."""

import pytest
from domains import next_domain

rclpy = pytest.importorskip('rclpy')

from rclpy.context import Context  # noqa: E402
from rclpy.node import Node  # noqa: E402
from std_msgs.msg import String  # noqa: E402

from mono_depth_ros.cli.depth_node import spin  # noqa: E402

pytestmark = pytest.mark.ros


@pytest.fixture
def node():
    context = Context()
    rclpy.init(context=context, domain_id=next_domain())
    node = Node('ending', context=context)
    yield node
    node.destroy_node()
    context.try_shutdown()


def test_publishing_while_the_context_ends_is_no_error(node):
    publisher = node.create_publisher(String, 'words', 1)
    raised = []

    def end_and_publish():
        node.context.shutdown()
        try:
            publisher.publish(String(data='too late'))
        except Exception as error:
            raised.append(error)
            raise

    node.create_timer(0.01, end_and_publish)

    spin(node)

    assert raised and not node.context.ok()


def test_what_a_callback_raises_while_the_context_lives_ends_the_process(node):
    def fail():
        raise RuntimeError('a bug')

    node.create_timer(0.01, fail)

    with pytest.raises(RuntimeError, match='a bug'):
        spin(node)
