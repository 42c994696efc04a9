"""Bags in which a textured wall moves past the camera, 3 px per image."""

import cv2
import numpy as np
from rosbags.typesys import Stores, get_typestore

from mono_depth_ros.bags.writer import BagWriter

SIZE = (48, 160)
K = np.array([[90.0, 0, 79.5], [0, 90.0, 23.5], [0, 0, 1]])
START = 1_000_000_000_000_000_000
PERIOD = 100_000_000
STEP = 3
TOPIC, INFO = '/camera/image_raw', '/camera/camera_info'


def wall(place, size=SIZE):
    """Return a view (H, W, 3) of the wall, `place` pixels along it."""
    noise = np.random.default_rng(3).random((size[0] // 4, 300)) * 255
    texture = cv2.resize(noise, (1200, size[0]), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    view = texture[:, place : place + size[1]].astype(np.uint8)
    return np.repeat(view[..., None], 3, axis=2)


def write_moving_bag(path, places=None, stamps=None, storage='mcap', write=None, **info):
    """Write one image for each place on the wall; `write` adds more to the open bag."""
    places = range(0, 8 * STEP, STEP) if places is None else places
    with BagWriter(path, storage) as bag:
        for index, place in enumerate(places):
            stamp = START + (index * PERIOD if stamps is None else stamps[index])
            bag.write_image(TOPIC, stamp, 'optical', 'rgb8', wall(place))
            bag.write_camera_info(INFO, stamp, 'optical', SIZE, **{'K': K, **info})
            if write:
                write(bag, index, stamp)
    return path


def write_image(bag, stamp, log_time, image, topic=TOPIC):
    """Write a sensor_msgs Image that was recorded at another time than its header says."""
    types = get_typestore(Stores.ROS2_JAZZY)
    message = types.types['sensor_msgs/msg/Image'](
        _header(types.types, stamp),
        *image.shape[:2],
        'rgb8',
        0,
        3 * image.shape[1],
        image.reshape(-1),
    )
    bag.write_serialized(
        topic, message.__msgtype__, log_time, types.serialize_cdr(message, message.__msgtype__)
    )


def _header(kinds, stamp):
    return kinds['std_msgs/msg/Header'](
        kinds['builtin_interfaces/msg/Time'](*divmod(stamp, 10**9)), ''
    )


def write_odometry(bag, stamp, position, topic='/odom'):
    """Write a nav_msgs Odometry at a position (3,) [m]."""
    types = get_typestore(Stores.ROS2_JAZZY)
    kinds = types.types
    point = kinds['geometry_msgs/msg/Point'](*(float(value) for value in position))
    quaternion = kinds['geometry_msgs/msg/Quaternion'](0.0, 0.0, 0.0, 1.0)
    pose = kinds['geometry_msgs/msg/Pose'](point, quaternion)
    vector = kinds['geometry_msgs/msg/Vector3'](0.0, 0.0, 0.0)
    twist = kinds['geometry_msgs/msg/Twist'](vector, vector)
    message = kinds['nav_msgs/msg/Odometry'](
        _header(kinds, stamp),
        'base_link',
        kinds['geometry_msgs/msg/PoseWithCovariance'](pose, np.zeros(36)),
        kinds['geometry_msgs/msg/TwistWithCovariance'](twist, np.zeros(36)),
    )
    data = types.serialize_cdr(message, 'nav_msgs/msg/Odometry')
    bag.write_serialized(topic, 'nav_msgs/msg/Odometry', stamp, data)
