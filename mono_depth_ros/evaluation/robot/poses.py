"""How the camera moved: not at all, as a pose topic says, or as the frames of /tf say."""

from __future__ import annotations

from typing import Any

import numpy as np

from mono_depth_ros.geometry.rotations import inverse_rigid
from mono_depth_ros.geometry.transforms import Trajectory, TransformTree, TransformUnknownError
from mono_depth_ros.stamps import stamp_ns
from mono_depth_ros.types import Matrix

STILL, TF = 'still', 'tf'
POSE_TYPES = (
    'nav_msgs/msg/Odometry',
    'geometry_msgs/msg/PoseStamped',
    'geometry_msgs/msg/PoseWithCovarianceStamped',
)


class RobotMotion:
    """The camera's pose over time.

    Args:
        source: 'still', 'tf:FRAME' for poses in a fixed frame of the tree, a topic of poses, or
            '' where nobody knows.
        tree: where the camera is on the robot.
        body_frame: what the poses of a topic are about; '' takes the child_frame_id of Odometry,
            and for poses, which name none, the camera itself.

    Raises:
        ValueError: the source is none of these.
    """

    def __init__(self, source: str, tree: TransformTree, body_frame: str = '') -> None:
        kind, _, self._fixed = source.partition(':')
        is_known = source in ('', STILL) or source.startswith('/') or (kind == TF and self._fixed)
        if not is_known:
            raise ValueError(
                f"ego_motion is '{source}'; expected still, a topic such as /odom, "
                'or tf:FRAME such as tf:odom.'
            )
        self.source = source
        self._tree = tree
        self._body = body_frame
        self._track = Trajectory()

    @property
    def topic(self) -> str:
        """The topic that poses come from, or ''."""
        return self.source if self.source.startswith('/') else ''

    def add_message(self, message: Any) -> None:
        """Take in an Odometry, PoseStamped or PoseWithCovarianceStamped, of rclpy or of a bag.

        Raises:
            ValueError: its pose is none.
        """
        pose = message.pose.pose if hasattr(message.pose, 'pose') else message.pose
        self._body = self._body or getattr(message, 'child_frame_id', '')
        stamp, place, turn = message.header.stamp, pose.position, pose.orientation
        self._track.add(
            stamp_ns(stamp), (place.x, place.y, place.z), (turn.x, turn.y, turn.z, turn.w)
        )

    def between(self, camera_frame: str, first: int, second: int) -> Matrix | None:
        """Return second_from_first (4, 4) of the camera at two stamps; None where not known.

        Raises:
            TransformUnknownError: the camera is not connected to what the poses are about.
        """
        if self.source == STILL or (first == second and self.source):
            return np.eye(4)
        poses = [self._pose(camera_frame, stamp) for stamp in (first, second)]
        if poses[0] is None or poses[1] is None:
            return None
        return inverse_rigid(poses[1]) @ poses[0]

    def forget(self, before: int) -> None:
        """Drop what was before a stamp [ns]."""
        self._track.forget(before)

    def _pose(self, camera_frame: str, stamp: int) -> Matrix | None:
        """Return fixed_from_camera (4, 4)."""
        if self._fixed:
            try:
                return self._tree.lookup(self._fixed, camera_frame, stamp)
            except TransformUnknownError:
                if {self._fixed, camera_frame.lstrip('/')} <= set(self._tree.frames):
                    return None
                raise
        pose = self._track.at(stamp)
        if pose is None or not self._body:
            return pose
        return np.asarray(pose @ self._tree.lookup(self._body, camera_frame, stamp))
