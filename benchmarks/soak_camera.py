"""The camera of soak.py: distorted street images at a steady rate, until it is interrupted."""

import argparse
import time
from contextlib import suppress

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image

from mono_depth_ros.datasets.street.raycast import street_images

PICTURES = 8


def pictures(size: tuple[int, int]) -> list[Image]:
    messages = []
    for pixels in street_images(PICTURES, size):
        message = Image(height=size[0], width=size[1], encoding='rgb8', step=size[1] * 3)
        message.header.frame_id = 'camera_optical'
        message.data.frombytes(np.ascontiguousarray(pixels).tobytes())
        messages.append(message)
    return messages


def calibration(size: tuple[int, int]) -> CameraInfo:
    """Describe a lens with some barrel distortion, so that the node has to rectify."""
    f, cx, cy = size[1] / 2.0, (size[1] - 1) / 2, (size[0] - 1) / 2
    message = CameraInfo(height=size[0], width=size[1], distortion_model='plumb_bob')
    message.header.frame_id = 'camera_optical'
    message.d = [-0.1, 0.01, 0.0, 0.0, 0.0]
    message.k = [f, 0.0, cx, 0.0, f, cy, 0.0, 0.0, 1.0]
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [f, 0.0, cx, 0.0, 0.0, f, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return message


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--size', type=int, nargs=2, required=True)
    parser.add_argument('--rate', type=float, required=True)
    chosen = parser.parse_args()
    rclpy.init()
    node = rclpy.create_node('soak_camera')
    images = node.create_publisher(Image, 'image', QoSProfile(depth=5))
    infos = node.create_publisher(CameraInfo, 'camera_info', QoSProfile(depth=5))
    messages, info = pictures(tuple(chosen.size)), calibration(tuple(chosen.size))
    sent = 0

    def publish() -> None:
        nonlocal sent
        message = messages[sent % PICTURES]
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(time.time_ns(), 10**9)
        info.header.stamp = message.header.stamp
        infos.publish(info)
        images.publish(message)
        sent += 1

    node.create_timer(1 / chosen.rate, publish)
    try:
        with suppress(KeyboardInterrupt, ExternalShutdownException):
            rclpy.spin(node)
    finally:
        print(f'sent {sent}', flush=True)


if __name__ == '__main__':
    main()
