"""Where in a bag a camera is: what everything that reads images from bags is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mono_depth_ros.messages.calibration_file import Camera
    from mono_depth_ros.messages.camera_info import CameraModel


@dataclass(frozen=True, kw_only=True)
class CameraTopics:
    """Where in a bag the images of a camera are, and how they are to be taken.

    Attributes:
        image_topic: Image or CompressedImage; may be left out where the bag has only one.
        camera_info_topic: the camera_info beside the images by default.
        intrinsics: a YAML file of camera_calibration, for bags without camera_info.
        input: 'raw', or 'rectified' where the images were recorded rectified.
    """

    image_topic: str | None = None
    camera_info_topic: str | None = None
    intrinsics: str | Path | None = None
    input: str = 'raw'

    def camera(self, info_topic: str | None, cameras: Mapping[str, CameraModel]) -> Camera:
        """Return the camera of a camera_info topic of the bag, or of the file without one.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the calibration cannot be used; says what to do.
        """
        # OpenCV comes with it, which --help must not wait for.
        from mono_depth_ros.messages.calibration_file import checked_camera, read_camera_file

        if info_topic is None:
            return read_camera_file(self.intrinsics or '', self.input)
        where = f"camera_info on '{info_topic}'"
        return checked_camera(cameras[info_topic], self.input, where)
