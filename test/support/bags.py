"""Small bags for tests: ROS 1 and ROS 2, a camera of 4 x 6 pixels at 20 Hz."""

import numpy as np
from rosbags.rosbag1 import Writer as Writer1
from rosbags.typesys import Stores, get_typestore

from mono_depth_ros.bags.writer import BagWriter

K = np.array([[70.0, 0.0, 2.5], [0.0, 71.0, 1.5], [0.0, 0.0, 1.0]])
START = 1_000_000_000_123_456_789
PERIOD = 50_000_000


def write_camera_bag(path, count=8, storage='mcap', start=START):
    with BagWriter(path, storage) as bag:
        for index in range(count):
            stamp = start + index * PERIOD
            image = np.full((4, 6, 3), index, np.uint8)
            bag.write_image('/camera/image_raw', stamp, 'optical', 'bgr8', image)
            bag.write_camera_info('/camera/camera_info', stamp, 'optical', (4, 6), K)
    return path


def write_ros1_bag(path, count=8, size=(4, 6)):
    height, width = size
    types = get_typestore(Stores.ROS1_NOETIC)
    header, text = types.types['std_msgs/msg/Header'], types.types['std_msgs/msg/String']
    time_type = types.types['builtin_interfaces/msg/Time']
    image, info = types.types['sensor_msgs/msg/Image'], types.types['sensor_msgs/msg/CameraInfo']
    roi = types.types['sensor_msgs/msg/RegionOfInterest']
    with Writer1(path) as bag:
        images = bag.add_connection('/camera/image_raw', image.__msgtype__, typestore=types)
        infos = bag.add_connection('/camera/camera_info', info.__msgtype__, typestore=types)
        texts = bag.add_connection('/name', text.__msgtype__, typestore=types, latching=1)
        bag.write(texts, START, types.serialize_ros1(text(data='left'), text.__msgtype__))
        for index in range(count):
            stamp = START + index * PERIOD
            head = header(seq=index, stamp=time_type(*divmod(stamp, 10**9)), frame_id='optical')
            pixels = np.full(height * width * 3, index % 256, np.uint8)
            message = image(head, height, width, 'bgr8', 0, 3 * width, pixels)
            bag.write(images, stamp, types.serialize_ros1(message, image.__msgtype__))
            message = info(
                head,
                height,
                width,
                'plumb_bob',
                np.zeros(5),
                K.ravel(),
                np.eye(3).ravel(),
                np.hstack([K, np.zeros((3, 1))]).ravel(),
                0,
                0,
                roi(0, 0, 0, 0, False),
            )
            bag.write(infos, stamp, types.serialize_ros1(message, info.__msgtype__))
    return path
