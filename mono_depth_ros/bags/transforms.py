"""Where the sensors of a robot are: from /tf_static and /tf in a bag, and from a file.

    transforms:
    - parent: camera_optical_frame
      child: velodyne
      translation: [0.0, -0.08, -0.27]      # of the child's origin in the parent [m]
      rotation: [0.5, -0.5, 0.5, 0.5]       # quaternion x y z w of parent_from_child
    - parent: base_link
      child: camera_optical_frame
      matrix: [0, 0, 1, 0.5, -1, 0, 0, 0, 0, -1, 0, 1.2, 0, 0, 0, 1]    # the same, row by row

The numbers are those that static_transform_publisher takes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rosbags.highlevel import AnyReader

from mono_depth_ros.bags.writer import STATIC_TOPIC
from mono_depth_ros.geometry.transforms import TransformTree, transform_matrix
from mono_depth_ros.types import Matrix

# ROS 1 had two names for it.
TF_TYPES = ('tf2_msgs/msg/TFMessage', 'tf/msg/tfMessage')

_EXPECTED = (
    'a YAML file with transforms: a list of {parent, child, translation: [x, y, z], '
    'rotation: [x, y, z, w]}, or matrix: [16 numbers] in place of the last two'
)
_ORTHONORMAL = 1e-3


def transform_takers(reader: AnyReader, tree: TransformTree) -> dict[str, Callable[[Any], None]]:
    """Return, by topic, what adds the bag's transforms to a tree, for `index_bag`."""
    topics = {c.topic for c in reader.connections if c.msgtype in TF_TYPES}
    return {
        topic: partial(tree.add_message, is_static=topic.endswith(STATIC_TOPIC))
        for topic in sorted(topics)
    }


def read_extrinsics(path: str | Path, tree: TransformTree) -> None:
    """Add the fixed transforms of a file to a tree; they win over messages about the same child.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no list of transforms; the message says where.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"Extrinsics '{path}' do not exist. Expected {_EXPECTED}.")
    try:
        entries = yaml.safe_load(path.read_text(encoding='utf-8'))['transforms']
        for entry in entries:
            tree.add_fixed(str(entry['parent']), str(entry['child']), _matrix(entry), by_hand=True)
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        reason = f'{error} is missing' if isinstance(error, KeyError) else str(error)
        raise ValueError(
            f"Extrinsics '{path}' cannot be read: {reason}. Expected {_EXPECTED}."
        ) from error


def _matrix(entry: dict[str, Any]) -> Matrix:
    if 'matrix' not in entry:
        return transform_matrix(entry['translation'], entry['rotation'])
    numbers = np.asarray(entry['matrix'], float).ravel()
    if numbers.size != 16:
        raise ValueError(f"matrix of '{entry['child']}' has {numbers.size} numbers, not 16")
    matrix = numbers.reshape(4, 4)
    rotation = matrix[:3, :3]
    is_rigid = (
        np.abs(rotation @ rotation.T - np.eye(3)).max() < _ORTHONORMAL
        and np.linalg.det(rotation) > 0
        and np.array_equal(matrix[3], (0, 0, 0, 1))
    )
    if not is_rigid:
        raise ValueError(
            f"matrix of '{entry['child']}' is no rigid transform: a rotation, metres "
            'in its last column, and 0 0 0 1 in its last row'
        )
    return matrix
