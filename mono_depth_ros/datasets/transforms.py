"""Where the sensors of a bag sit: its transforms that do not change."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader

from mono_depth_ros.datasets.bag_source import read_messages
from mono_depth_ros.datasets.bag_writer import STATIC_TOPIC
from mono_depth_ros.geometry.quaternion import inverse_rigid, matrix_from_quaternion, rigid

Matrix = NDArray[np.float64]

TRANSFORM_TYPES = ('tf2_msgs/msg/TFMessage', 'tf/msg/tfMessage')
# A joint that moved less is taken as fixed: the noise of floating point.
_STILL = 1e-6


class TransformTree:
    """Fixed transforms between frames, as /tf_static holds them."""

    def __init__(self) -> None:
        self._parents: dict[str, tuple[str, Matrix]] = {}

    def add(self, parent: str, child: str, parent_from_child: Matrix) -> None:
        """Hang a frame below another one by a (4, 4) transform; the last one counts."""
        self._parents[child] = parent, parent_from_child

    @property
    def frames(self) -> list[str]:
        """All frames, sorted."""
        return sorted({*self._parents, *(parent for parent, _ in self._parents.values())})

    def lookup(self, target: str, source: str) -> Matrix:
        """Return target_from_source (4, 4): it brings points of one frame into the other.

        Raises:
            ValueError: a frame is unknown, or nothing fixed connects the two.
        """
        target, source = target.lstrip('/'), source.lstrip('/')
        if target == source:
            return np.eye(4)
        chains = self._to_root(target), self._to_root(source)
        common = next((frame for frame in chains[0] if frame in chains[1]), None)
        if common is None:
            raise ValueError(f"No fixed transform connects '{source}' with '{target}'. "
                             f'{self._hint(target, source)}')
        return inverse_rigid(chains[0][common]) @ chains[1][common]

    def _to_root(self, frame: str) -> dict[str, Matrix]:
        """Return the frames above one, nearest first, with ancestor_from_frame (4, 4)."""
        chain, transform = {frame: np.eye(4)}, np.eye(4)
        while frame in self._parents:
            frame, step = self._parents[frame]
            if frame in chain:
                raise ValueError(f"The transforms form a loop through '{frame}'.")
            transform = step @ transform
            chain[frame] = transform
        return chain

    def _hint(self, *wanted: str) -> str:
        known = self.frames
        if not known:
            return 'The bag holds no /tf_static. Record it, or run where it is published.'
        missing = [frame for frame in wanted if frame not in known]
        near = [f"'{frame}' (did you mean '{match}'?)" for frame in missing
                for match in get_close_matches(frame, known, n=1)]
        return f'{", ".join(near)}{" " if near else ""}Known frames: {", ".join(known)}.'


def read_transforms(reader: AnyReader) -> TransformTree:
    """Read /tf_static of an open bag, and of other transform topics what never changes.

    ROS 1 recordings often carry fixed transforms on /tf; a frame that moves there is left out.
    """
    tree, moving = TransformTree(), set[str]()
    connections = [c for c in reader.connections if c.msgtype in TRANSFORM_TYPES]
    static = [c for c in connections if c.topic.endswith(STATIC_TOPIC)]
    others = [c for c in connections if c not in static]
    seen: dict[str, tuple[str, Matrix]] = {}
    for connection, _, data in read_messages(reader, others):
        message: Any = reader.deserialize(data, connection.msgtype)
        for parent, child, transform in transforms_of(message):
            known = seen.setdefault(child, (parent, transform))
            if known[0] != parent or np.abs(known[1] - transform).max() > _STILL:
                moving.add(child)
    for child, (parent, transform) in seen.items():
        if child not in moving:
            tree.add(parent, child, transform)
    for connection, _, data in read_messages(reader, static):
        for parent, child, transform in transforms_of(
                reader.deserialize(data, connection.msgtype)):
            tree.add(parent, child, transform)
    return tree


def transforms_of(message: Any) -> list[tuple[str, str, Matrix]]:
    """Return (parent, child, parent_from_child) of a deserialised TFMessage.

    Raises:
        ValueError: a quaternion is not of unit length.
    """
    found = []
    for stamped in message.transforms:
        q, t = stamped.transform.rotation, stamped.transform.translation
        parent, child = stamped.header.frame_id.lstrip('/'), stamped.child_frame_id.lstrip('/')
        try:
            rotation = matrix_from_quaternion((q.x, q.y, q.z, q.w))
        except ValueError as error:
            raise ValueError(f"Transform '{parent}' to '{child}': {error}") from error
        found.append((parent, child, rigid(rotation, (t.x, t.y, t.z))))
    return found
