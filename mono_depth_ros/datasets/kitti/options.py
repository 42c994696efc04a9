"""How drives become bags, and bags drives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mono_depth_ros.datasets.kitti.drive import CAMERAS

IMAGE_FORMS = ('raw', 'jpeg', 'png')
FILE_FORMS = ('keep', 'png', 'jpg')


@dataclass(frozen=True)
class KittiBagOptions:
    """How to write a drive as a bag.

    Attributes:
        cameras: numbers 0 to 3; all that the drive has when empty.
        images: 'raw', or as 'jpeg' or 'png' in sensor_msgs/CompressedImage. A file that is of the
            wanted form already keeps its bytes.
        rate: frames per second of drives without timestamps.txt.
        storage: 'mcap' or 'sqlite3'.
        cameras_only: leave out scans, IMU, GPS and odometry.
    """

    cameras: Sequence[int] = ()
    images: str = 'raw'
    rate: float | None = None
    storage: str = 'mcap'
    cameras_only: bool = False

    def __post_init__(self) -> None:
        if self.images not in IMAGE_FORMS:
            raise ValueError(f"images is '{self.images}'; expected {', '.join(IMAGE_FORMS)}.")
        if self.rate is not None and not 0 < self.rate < float('inf'):
            raise ValueError(f'rate is {self.rate}; expected frames per second, above 0.')


@dataclass(frozen=True)
class KittiLayoutOptions:
    """How to write a bag in KITTI's layout.

    Attributes:
        cameras: image topics by KITTI's number of the camera (0 and 1 gray, 2 and 3 colour, left
            and right). When empty: the topics of kitti_to_bag, or the only one as camera 2.
        infos: camera_info topics by number; beside the images by default.
        lidar: PointCloud2 topic, or 'none'; when None the only one that the bag has.
        drive: number of the drive.
        input: 'raw', or 'rectified' where the images were recorded rectified.
        images: 'keep' (lossless: raw images as png, compressed ones as they are), 'png' or 'jpg'.
        tolerance: how far stamps of one frame may be apart [s]; half a frame by default.
        stamps: 'header', or 'log' for the times of recording where headers have none.
    """

    cameras: Mapping[int, str] = field(default_factory=dict)
    infos: Mapping[int, str] = field(default_factory=dict)
    lidar: str | None = None
    drive: int = 1
    input: str = 'raw'
    images: str = 'keep'
    tolerance: float | None = None
    stamps: str = 'header'

    def __post_init__(self) -> None:
        unknown = sorted({*self.cameras, *self.infos} - set(CAMERAS))
        if unknown:
            raise ValueError(f'KITTI has no camera {unknown[0]}; expected 0 to 3.')
        if self.images not in FILE_FORMS:
            raise ValueError(f"images is '{self.images}'; expected {', '.join(FILE_FORMS)}.")
        if not 0 <= self.drive <= 9999:
            raise ValueError(f'drive is {self.drive}; expected 0 to 9999.')
        if self.tolerance is not None and not self.tolerance >= 0:
            raise ValueError(f'tolerance is {self.tolerance} s; expected 0 or more.')
