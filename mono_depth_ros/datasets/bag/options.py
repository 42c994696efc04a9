"""How training samples are taken from bags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mono_depth_ros.bags.topics import CameraTopics
from mono_depth_ros.datasets.motion_limit import MIN_MOTION


@dataclass(frozen=True, kw_only=True)
class BagOptions(CameraTopics):
    """How to read training samples from bags; the camera's topics are those of CameraTopics.

    Attributes:
        offsets: neighbours, in intervals after the target (before it: negative); () for stereo or
            a teacher alone.
        frame_interval: time between neighbours [s]; the camera's own (median) by default.
        tolerance: how far a neighbour's stamp may be off [s]; a quarter interval by default.
        min_motion: least motion between target and source, see `motion_between`
            [px of a 160 px wide image]; 0 keeps frames of a standing camera.
        stereo_topic: images of the stereo partner, taken at the same moments.
        stereo_info_topic: its camera_info, beside those images by default.
        odometry_topic: nav_msgs Odometry, for the distance between target and source. It is the
            distance of what odometry is about, usually the robot's base, not its camera.
        speed: known constant speed [m/s], instead of odometry.
        known_poses: take the place of neighbours from the file of poses beside the bag
            (drive.mcap.poses.txt), which find_poses writes.
        stamps: 'header', or 'log' for the times of recording where headers have none.
    """

    offsets: Sequence[int] = (-1, 1)
    frame_interval: float | None = None
    tolerance: float | None = None
    min_motion: float = MIN_MOTION
    stereo_topic: str | None = None
    stereo_info_topic: str | None = None
    odometry_topic: str | None = None
    speed: float | None = None
    known_poses: bool = False
    stamps: str = 'header'

    def __post_init__(self) -> None:
        for name in ('frame_interval', 'speed'):
            value = getattr(self, name)
            if value is not None and not 0 < value < float('inf'):
                raise ValueError(f'{name} is {value}. Expected a number above 0.')
        if 0 in self.offsets:
            raise ValueError('offsets hold 0; the stereo partner is named by stereo_topic.')
        if self.speed is not None and self.odometry_topic is not None:
            raise ValueError('speed and odometry_topic both say how far the robot went; give one.')
