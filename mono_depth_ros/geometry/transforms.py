"""Frames and the transforms between them, fixed or over time, as TF messages state them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mono_depth_ros.geometry.rotations import inverse_rigid, matrix_from_quaternion, rigid
from mono_depth_ros.stamps import NANOSECONDS, stamp_ns
from mono_depth_ros.suggest import did_you_mean
from mono_depth_ros.types import Matrix

# Where a moving frame is silent for longer, nobody knows where it was.
MAX_GAP = 500_000_000  # [ns]
# What moved less is fixed: the noise of floating point.
_STILL = 1e-6


class TransformUnknownError(ValueError):
    """There is no transform between two frames, or not at that time."""


def transform_matrix(translation: ArrayLike, rotation: ArrayLike) -> Matrix:
    """Return the (4, 4) transform of a translation (3,) [m] and a quaternion (x, y, z, w).

    Raises:
        ValueError: the numbers are not finite, or the quaternion is not of unit length.
    """
    metres = np.asarray(translation, float)
    if not np.isfinite(metres).all():
        raise ValueError(f'Translation {metres.tolist()} is not finite. Check who publishes it.')
    return rigid(matrix_from_quaternion(rotation), metres)


def locate(stamps: Sequence[int] | NDArray[np.int64], stamp: int) -> tuple[int, float] | None:
    """Return where a stamp lies among increasing ones: an index, and the share to the next.

    The share is 0 where the stamp is known itself. None outside the stamps, and where they are
    more than `MAX_GAP` apart.
    """
    after = bisect_left(stamps, stamp)
    if after < len(stamps) and stamps[after] == stamp:
        return after, 0.0
    if not 0 < after < len(stamps):
        return None
    start, end = stamps[after - 1], stamps[after]
    if end - start > MAX_GAP:
        return None
    return after - 1, (stamp - start) / (end - start)


class Trajectory:
    """Where one frame is in another over time; between two poses it moves steadily.

    Positions are interpolated linearly, rotations along the shortest arc (slerp). Outside the
    known times, and where they are more than `MAX_GAP` apart, the pose is unknown.
    """

    def __init__(self) -> None:
        self._is_constant = True
        self._stamps: list[int] = []
        self._poses: list[tuple[Matrix, Matrix]] = []

    def __len__(self) -> int:
        """Return the number of poses."""
        return len(self._stamps)

    def add(self, stamp: int, translation: Sequence[float], rotation: Sequence[float]) -> None:
        """Add a pose: translation (3,) [m] and quaternion (x, y, z, w); a known stamp is kept.

        Raises:
            ValueError: see transform_matrix.
        """
        transform_matrix(translation, rotation)
        place = bisect_left(self._stamps, stamp)
        if place < len(self._stamps) and self._stamps[place] == stamp:
            return
        self._stamps.insert(place, stamp)
        pose = np.array(translation, float), np.array(rotation, float)
        self._poses.insert(place, pose)
        self._is_constant = self._is_constant and all(
            np.allclose(now, then, atol=_STILL) for now, then in zip(pose, self._poses[0])
        )

    def forget(self, before: int) -> None:
        """Drop the poses before a stamp, but the last of them."""
        first = max(0, bisect_left(self._stamps, before) - 1)
        del self._stamps[:first], self._poses[:first]

    @property
    def constant(self) -> Matrix | None:
        """The pose (4, 4) if it never changed, else None."""
        return transform_matrix(*self._poses[0]) if self._is_constant and self._poses else None

    def at(self, stamp: int) -> Matrix | None:
        """Return the pose (4, 4) at a stamp [ns], None where it is unknown."""
        found = locate(self._stamps, stamp)
        if found is None:
            return None
        index, share = found
        if share == 0:
            return transform_matrix(*self._poses[index])
        (place, turn), (next_place, next_turn) = self._poses[index : index + 2]
        return transform_matrix(
            (1 - share) * place + share * next_place, _slerp(turn, next_turn, share)
        )


class TransformTree:
    """The frames of a robot: fixed transforms, and such that change over time."""

    def __init__(self) -> None:
        self._parents: dict[str, tuple[str, Matrix | Trajectory]] = {}
        self._given: set[str] = set()

    @property
    def frames(self) -> list[str]:
        """The names of all frames, sorted."""
        return sorted({*self._parents, *(parent for parent, _ in self._parents.values())})

    def add_fixed(
        self, parent: str, child: str, parent_from_child: Matrix, by_hand: bool = False
    ) -> None:
        """Add a transform (4, 4) that never changes.

        A later one of the same child replaces it, but never one that was given by hand.
        """
        parent, child = _plain(parent), _plain(child)
        if by_hand:
            self._given.add(child)
        if by_hand or child not in self._given:
            self._parents[child] = parent, parent_from_child

    def add(
        self,
        parent: str,
        child: str,
        stamp: int,
        translation: Sequence[float],
        rotation: Sequence[float],
    ) -> None:
        """Add where a child was at one time; a fixed transform of the same child wins."""
        parent, child = _plain(parent), _plain(child)
        known = self._parents.get(child)
        if known is not None and isinstance(known[1], np.ndarray):
            return
        if known is None or known[0] != parent:
            known = self._parents[child] = parent, Trajectory()
        trajectory = known[1]
        assert isinstance(trajectory, Trajectory)
        trajectory.add(stamp, translation, rotation)

    def add_message(self, message: Any, is_static: bool) -> None:
        """Add the transforms of a TFMessage, of rclpy's or of a bag's.

        Raises:
            ValueError: some of them are none, and were left out; the text names their frames.
        """
        faults = []
        for stamped in message.transforms:
            parent, child = stamped.header.frame_id, stamped.child_frame_id
            move, turn = stamped.transform.translation, stamped.transform.rotation
            translation, rotation = (move.x, move.y, move.z), (turn.x, turn.y, turn.z, turn.w)
            stamp = stamped.header.stamp
            try:
                if is_static:
                    self.add_fixed(parent, child, transform_matrix(translation, rotation))
                else:
                    time = stamp_ns(stamp)
                    self.add(parent, child, time, translation, rotation)
            except ValueError as error:
                faults.append(f"Transform from '{parent}' to '{child}': {error}")
        if faults:
            raise ValueError('; '.join(faults))

    def forget(self, before: int) -> None:
        """Drop what was before a stamp [ns], so that a long run needs no more memory."""
        for _, link in self._parents.values():
            if isinstance(link, Trajectory):
                link.forget(before)

    def lookup(self, target: str, source: str, stamp: int | None = None) -> Matrix:
        """Return target_from_source (4, 4), which moves points of source into target.

        Args:
            target: a frame.
            source: another one.
            stamp: when [ns]; None: at any time, so that nothing between the two may move.

        Raises:
            TransformUnknownError: a frame is unknown, the two are not connected, or a moving
                frame between them is not known at this stamp.
        """
        common = self.common_ancestor(target, source)
        common_from_target = self._climb(_plain(target), common, stamp)
        return inverse_rigid(common_from_target) @ self._climb(_plain(source), common, stamp)

    def common_ancestor(self, target: str, source: str) -> str:
        """Return the nearest frame that two frames hang below, at whatever time.

        Raises:
            TransformUnknownError: a frame is unknown, or the two are not connected.
        """
        target, source = _plain(target), _plain(source)
        if target == source:
            return target
        for frame in (target, source):
            self._check_known(frame)
        to_target, to_source = self._ancestors(target), self._ancestors(source)
        common = next((frame for frame in to_source if frame in to_target), None)
        if common is None:
            raise TransformUnknownError(
                f"Frames '{target}' and '{source}' are not connected: their trees end in "
                f"'{to_target[-1]}' and '{to_source[-1]}'. Record /tf and /tf_static from the "
                'start, or give the transform in an extrinsics file.'
            )
        return common

    def _climb(self, frame: str, ancestor: str, stamp: int | None) -> Matrix:
        """Return ancestor_from_frame (4, 4)."""
        matrix = np.eye(4)
        while frame != ancestor:
            parent, link = self._parents[frame]
            step = _pose(link, stamp)
            if step is None and stamp is None:
                raise TransformUnknownError(
                    f"'{frame}' moves in '{parent}'; a transform that is "
                    'the same at all times is needed.'
                )
            if step is None:
                raise TransformUnknownError(
                    f"Where '{frame}' is in '{parent}' is not known at "
                    f'{(stamp or 0) / NANOSECONDS:.3f} s: /tf has nothing close enough around '
                    'it.'
                )
            matrix = step @ matrix
            frame = parent
        return matrix

    def _ancestors(self, frame: str) -> list[str]:
        line = [frame]
        while line[-1] in self._parents:
            parent = self._parents[line[-1]][0]
            if parent in line:
                raise TransformUnknownError(
                    f'Frames {" → ".join([*line, parent])} form a loop. Check who publishes /tf.'
                )
            line.append(parent)
        return line

    def _check_known(self, frame: str) -> None:
        known = self.frames
        if frame in known:
            return
        if not known:
            raise TransformUnknownError(
                f"Frame '{frame}' is not known: there is no /tf_static. "
                'Record it, or give the transform in an extrinsics file.'
            )
        hint = did_you_mean(frame, known)
        raise TransformUnknownError(
            f"Frame '{frame}' is not known.{hint} Known: {', '.join(known)}. Record "
            '/tf_static, or give the transform in an extrinsics file.'
        )


def _pose(link: Matrix | Trajectory, stamp: int | None) -> Matrix | None:
    """Return parent_from_child (4, 4); many recordings of ROS 1 have what is fixed on /tf."""
    if not isinstance(link, Trajectory):
        return link
    pose = None if stamp is None else link.at(stamp)
    return link.constant if pose is None else pose


def _plain(frame: str) -> str:
    """Return a frame's name without the slash that ROS 1 allowed in front."""
    return frame.lstrip('/')


def _slerp(first: Matrix, second: Matrix, share: float) -> Matrix:
    """Return the quaternion at a share (0 to 1) of the shortest arc between two."""
    first, second = first / np.linalg.norm(first), second / np.linalg.norm(second)
    cosine = float(first @ second)
    if cosine < 0:
        second, cosine = -second, -cosine
    angle = float(np.arccos(min(1.0, cosine)))
    if angle < 1e-6:
        return first
    return np.asarray(
        (np.sin((1 - share) * angle) * first + np.sin(share * angle) * second) / np.sin(angle)
    )
