"""The executable `depth_node`: camera topics in, depth images and point clouds out."""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from mono_depth_ros.cli.ros_arguments import parse_node_arguments

# Waiting OpenMP threads would spin on the cores that others need; read when torch is imported.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
# A damaged image is counted and named; OpenCV's own line for each would fill the disk.
os.environ.setdefault('OPENCV_LOG_LEVEL', 'ERROR')

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def main(argv: Sequence[str] | None = None) -> None:
    """Spin the node until it is interrupted."""
    faulthandler.enable()  # a crash in native code says where it was
    _on_signals(lambda *_: os._exit(0))  # importing torch takes seconds and has nothing to tidy
    given = list(sys.argv[1:] if argv is None else argv)
    _check_arguments(given)
    import rclpy
    from rclpy.executors import ExternalShutdownException

    from mono_depth_ros.ros.node.depth_node import DepthNode

    gc.freeze()  # what was imported stays: no collection needs to look at it, nor the last one
    _on_signals(signal.default_int_handler)
    node = None
    try:
        rclpy.init(args=given)
        node = DepthNode()
        spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        _on_signals(signal.SIG_IGN)  # a terminal and ros2 launch both send one: tidy up once
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
        node = None
        gc.collect()  # rclpy holds the middleware, and so its shared memory, in circles


def _check_arguments(args: Sequence[str]) -> None:
    from mono_depth_ros.ros.node.parameters import described_parameters

    parse_node_arguments(
        args,
        'depth_node',
        'Turn camera images into depth images and point clouds. ROS parameters set everything: '
        'they\nare listed below with their defaults, and in config/depth.yaml; '
        'docs/topics_and_parameters.md\nsays more.',
        described_parameters(),
    )


def spin(node: Any) -> None:
    """Spin a node; what its callbacks raise is an error only while its context lives.

    A signal ends the context in a thread of rclpy's, while a callback may be publishing.
    """
    import rclpy
    from rclpy.executors import SingleThreadedExecutor

    try:
        rclpy.spin(node, SingleThreadedExecutor(context=node.context))
    except Exception:
        if node.context.ok():
            raise


def _on_signals(handler: Any) -> None:
    for number in SIGNALS:
        signal.signal(number, handler)


if __name__ == '__main__':
    main()
