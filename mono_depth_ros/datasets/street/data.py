"""Training samples of the rendered street: neighbours, stereo partner, exact poses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mono_depth_ros.datasets.sample import Source, TrainingSample
from mono_depth_ros.datasets.stereo_hints import stereo_hint
from mono_depth_ros.datasets.street.raycast import Street, render_frame, street_pose
from mono_depth_ros.types import Matrix

BASELINE = 0.54  # [m], KITTI's


class StreetData:
    """Frames of a drive through the street.

    Args:
        size: (height, width) of the frames.
        offsets: neighbours in time.
        stereo: add a partner BASELINE to the right.
        frames: how many targets.
        seed: which street.
        spacing: frames between targets.
        first: the first target.
        known_poses: give the neighbours' exact poses, as a tracking system would.
        keep: keep rendered frames in memory.
        hints: match stereo pairs for depth hints, as is done with images of real cameras.
    """

    def __init__(
        self,
        size: tuple[int, int],
        offsets: Sequence[int] = (-1, 1),
        stereo: bool = False,
        frames: int = 60,
        seed: int = 0,
        spacing: int = 1,
        first: int = 1,
        known_poses: bool = False,
        keep: bool = True,
        hints: bool = False,
    ) -> None:
        self.size, self.offsets, self.stereo = size, tuple(offsets), stereo
        self.frames, self.street = frames, Street(seed)
        self.spacing, self.first, self.known_poses = spacing, first, known_poses
        self.hints = hints
        self._kept: dict[int, TrainingSample] | None = {} if keep else None

    def __len__(self) -> int:
        """Return the number of targets."""
        return self.frames

    def __getitem__(self, index: int) -> TrainingSample:
        """Render a target and its sources.

        Raises:
            IndexError: there are not that many targets.
        """
        if not 0 <= index < self.frames:
            raise IndexError(f'The street has targets 0 to {self.frames - 1}, not {index}.')
        if self._kept is not None and index in self._kept:
            return self._kept[index]
        number = self.first + index * self.spacing
        pose = street_pose(number)
        target = render_frame(self.street, pose, self.size)
        sources = [self._neighbour(number, offset) for offset in self.offsets]
        hint = None
        if self.stereo:
            partner_from_target = np.eye(4)
            partner_from_target[0, 3] = -BASELINE
            view = pose @ np.linalg.inv(partner_from_target)
            image = render_frame(self.street, view, self.size).image
            sources.append(Source(image, 0, partner_from_target, BASELINE))
            if self.hints:
                hint = stereo_hint(target.image, image, float(target.K[0, 0]), -BASELINE)
        sample = TrainingSample(
            target.image,
            tuple(sources),
            target.K,
            f'street {self.street.seed} frame {number}',
            hint,
        )
        if self._kept is not None:
            self._kept[index] = sample
        return sample

    def _neighbour(self, number: int, offset: int) -> Source:
        frame = render_frame(self.street, street_pose(number + offset), self.size)
        source_from_target = self.motion(number, offset)
        return Source(
            frame.image,
            offset,
            source_from_target if self.known_poses else None,
            float(np.linalg.norm(source_from_target[:3, 3])),
        )

    def motion(self, number: int, offset: int) -> Matrix:
        """Return the exact source_from_target (4, 4) of a frame's neighbour."""
        return np.asarray(np.linalg.inv(street_pose(number + offset)) @ street_pose(number))
