"""A camera in a process of its own: python camera.py HEIGHT WIDTH RATE, until it is ended."""

import sys
import time
from contextlib import suppress

import rclpy
from rclpy.executors import ExternalShutdownException
from ros_harness import camera_info, image
from sensor_msgs.msg import CameraInfo, Image


def main() -> None:
    height, width, rate = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    rclpy.init()
    node = rclpy.create_node('camera')
    images, infos = (
        node.create_publisher(kind, topic, 5)
        for kind, topic in ((Image, 'image'), (CameraInfo, 'camera_info'))
    )
    picture, info = image((height, width)), camera_info((height, width))

    def publish() -> None:
        nanoseconds = time.time_ns()
        picture.header.stamp.sec, picture.header.stamp.nanosec = divmod(nanoseconds, 10**9)
        info.header.stamp = picture.header.stamp
        infos.publish(info)
        images.publish(picture)

    node.create_timer(1 / rate, publish)
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)


if __name__ == '__main__':
    main()
