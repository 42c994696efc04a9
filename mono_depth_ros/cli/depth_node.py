"""The executable `depth_node`: camera topics in, depth images and point clouds out."""

from __future__ import annotations

import os
import sys

# Waiting OpenMP threads would spin on the cores that others need; read when torch is imported.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

import rclpy
from rclpy.executors import ExternalShutdownException

from mono_depth_ros.ros.depth_node import DepthNode


def main(args: list[str] | None = None) -> None:
    """Spin the node until it is interrupted."""
    rclpy.init(args=args)
    node = None
    try:
        node = DepthNode()
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()


if __name__ == '__main__':
    main(sys.argv)
