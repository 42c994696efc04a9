"""Bags of a robot in the ray-cast street: camera, lidar, depth camera, poses, /tf_static."""

import numpy as np

from mono_depth_ros.bags.writer import BagWriter
from mono_depth_ros.datasets.street.raycast import Street, render_frame, street_intrinsics
from mono_depth_ros.inference.estimator import ScaledDepth
from mono_depth_ros.inference.units import DepthScaling

SIZE = (48, 144)
START = 1_000_000_000_000_000_000
PERIOD = 100_000_000
CAMERA, LIDAR, DEPTH, POSES = '/camera/image_raw', '/lidar/points', '/stereo/depth', '/pose'
INFO, DEPTH_INFO = '/camera/camera_info', '/stereo/camera_info'
OPTICAL = 'camera_optical'
K = street_intrinsics(SIZE)
# The lidar: x forward, y left, z up (REP 103), above and behind the camera.
OPTICAL_FROM_LIDAR = np.array([[0, -1, 0, 0.05], [0, 0, -1, -0.2], [1, 0, 0, -0.3], [0, 0, 0, 1]])
FARTHEST = 80.0


def frames(count, first=0, size=SIZE):
    """Render neighbouring frames of the drive."""
    return [render_frame(Street(), first + index, size) for index in range(count)]


def points_of(frame, every=3):
    """Return points (N, 3) in the lidar's frame of every n-th pixel, where a lidar reaches."""
    depth = frame.depth.astype(np.float64)
    v, u = np.mgrid[: depth.shape[0], : depth.shape[1]]
    chosen = (depth < FARTHEST) & (u % every == 0)
    rays = np.linalg.inv(frame.K) @ np.stack([u[chosen], v[chosen], np.ones(chosen.sum())])
    optical = np.vstack([rays * depth[chosen], np.ones(chosen.sum())])
    return (np.linalg.inv(OPTICAL_FROM_LIDAR) @ optical)[:3].T.astype(np.float32)


def write_pose(bag, stamp, world_from_camera, topic=POSES):
    """Write the camera's pose as a geometry_msgs PoseStamped."""
    pose = bag.make(
        'geometry_msgs/msg/Pose',
        position=bag.xyz('Point', world_from_camera[:3, 3]),
        orientation=bag.rotation(world_from_camera[:3, :3]),
    )
    bag.write_message(
        topic, 'geometry_msgs/msg/PoseStamped', stamp, header=bag.header(stamp, 'world'), pose=pose
    )


def write_street_bag(
    path,
    drive,
    *,
    storage='mcap',
    lidar_shift=0,
    without_sweep=(),
    without_image=(),
    tf=True,
    depth_encoding='32FC1',
    more=None,
):
    """Write a bag; `lidar_shift` [ns] is how wrong the lidar's stamps are, `more` adds to it."""
    with BagWriter(path, storage) as bag:
        if tf:
            bag.write_transforms('/tf_static', START, [(OPTICAL, 'lidar', OPTICAL_FROM_LIDAR)])
        for index, frame in enumerate(drive):
            stamp = START + index * PERIOD
            size = frame.depth.shape
            write_pose(bag, stamp, frame.world_from_camera)
            bag.write_camera_info(INFO, stamp, OPTICAL, size, frame.K)
            bag.write_camera_info(DEPTH_INFO, stamp, OPTICAL, size, frame.K)
            if index not in without_image:
                bag.write_image(CAMERA, stamp, OPTICAL, 'rgb8', frame.image)
            if index not in without_sweep:
                bag.write_cloud(
                    LIDAR,
                    stamp + lidar_shift,
                    'lidar',
                    points_of(frame),
                    ('x', 'y', 'z'),
                    log_time_ns=stamp,
                )
            bag.write_image(
                DEPTH, stamp, OPTICAL, depth_encoding, encode_depth(frame.depth, depth_encoding)
            )
            if more:
                more(bag, index, stamp)
    return path


def encode_depth(depth, encoding):
    """Return the pixels of a depth image; the sky is unknown in millimetres."""
    if encoding == '32FC1':
        return depth
    return np.where(depth < 65, np.rint(depth * 1000), 0).astype(np.uint16)


class KnownDepth:
    """A predictor that knows the true depth of each image, times a factor of choice."""

    def __init__(self, drive, factor=1.0, kind='metric'):
        self._depths = {frame.image.tobytes(): frame.depth for frame in drive}
        self._factor, self._kind = factor, kind

    def __call__(self, image, geometry):
        depth = self._depths[image.tobytes()] * np.float32(self._factor)
        return ScaledDepth(depth, DepthScaling(1.0, self._kind, None))
