"""DDAD's frames as an evaluation runs over them: true depth from the lidar of DGP scenes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mono_depth_ros.datasets.ddad import lidar_frames, read_dgp_image, read_points
from mono_depth_ros.evaluation.frame_metrics import RANGES
from mono_depth_ros.evaluation.lidar import project_points
from mono_depth_ros.evaluation.protocol.samples import Frame, Rules
from mono_depth_ros.geometry.rotations import inverse_rigid
from mono_depth_ros.types import Image

# DGP's own tools cut pixel coordinates off where others round them.
_PIXEL_MIDDLE = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])

LIMITS = (1e-3, 200.0)  # [m]
RULES = Rules('lidar_z', LIMITS, (*RANGES, (80.0, 200.0)))


class DdadFrames:
    """The frames of a split of DDAD, or of one scene of TRI's DGP format.

    As in PackNet-SfM (Guizilini et al. 2020): depth up to 200 m along the optical axis, at the
    image's own size, without any crop. Points reach the camera by the poses of both moments.

    Args:
        path: a dataset JSON (ddad.json), or one scene JSON.
        cameras: which cameras; their frames count the same.
        split: 'train', 'val', 'test' or 'train_overfit' of a dataset JSON.

    Raises:
        FileNotFoundError, ValueError: a file, a camera or the lidar is missing or wrong.
    """

    rules = RULES

    def __init__(
        self, path: str | Path, cameras: Sequence[str] = ('CAMERA_01',), split: str = 'val'
    ) -> None:
        self._frames = lidar_frames(path, cameras, split)
        self.names = [frame.name for frame, _ in self._frames]

    def read(self, index: int) -> Frame:
        """Read a frame.

        Raises:
            FileNotFoundError, ValueError: image or points are missing or broken, or no point is
                in the image.
        """
        frame, scan = self._frames[index]
        camera_from_scanner = inverse_rigid(frame.world_from_sensor) @ scan.world_from_sensor
        depth = project_points(
            read_points(scan.path), camera_from_scanner, frame.K - _PIXEL_MIDDLE, frame.size
        )
        mask = (depth > LIMITS[0]) & (depth < LIMITS[1])
        if not mask.any():
            raise ValueError(
                f"Frame '{frame.name}' has no point of '{scan.path}' in view within "
                f'{LIMITS[1]:g} m: check the poses of the scene.'
            )
        return Frame(frame.name, read_dgp_image(frame), frame.K, depth, mask)

    def read_image(self, index: int) -> Image:
        """Read a frame's image."""
        return read_dgp_image(self._frames[index][0])
