from types import SimpleNamespace as Message

import numpy as np
import pytest

from mono_depth_ros.geometry.rotations import matrix_from_euler, rigid
from mono_depth_ros.geometry.transforms import (
    Trajectory,
    TransformTree,
    TransformUnknownError,
    transform_matrix,
)

HALF = np.sqrt(0.5)
SECOND = 10**9


def test_quarter_turn_about_z_moves_x_to_y():
    matrix = transform_matrix((1, 2, 3), (0, 0, HALF, HALF))

    assert np.allclose(matrix @ [1, 0, 0, 1], [1, 3, 3, 1])


def test_pose_between_two_is_half_the_way_and_half_the_turn():
    track = Trajectory()
    track.add(0, (0, 0, 0), (0, 0, 0, 1))
    track.add(SECOND // 4, (2, 0, 0), (0, 0, -HALF, -HALF))  # the same turn, other sign

    pose = track.at(SECOND // 8)

    assert np.allclose(pose, rigid(matrix_from_euler(0, 0, np.pi / 4), (1, 0, 0)))


@pytest.mark.parametrize('stamp', [-1, SECOND + 1, SECOND // 2])
def test_pose_outside_the_known_times_and_in_a_gap_is_unknown(stamp):
    track = Trajectory()
    for known in (0, SECOND):
        track.add(known, (0, 0, 0), (0, 0, 0, 1))

    assert track.at(stamp) is None
    assert track.at(0) is not None and track.at(SECOND) is not None


def test_forgetting_keeps_the_pose_before_the_stamp():
    track = Trajectory()
    for index in range(5):
        track.add(index * SECOND // 10, (index, 0, 0), (0, 0, 0, 1))

    track.forget(before=SECOND // 4)

    assert len(track) == 3 and track.at(SECOND // 4)[0, 3] == pytest.approx(2.5)


def robot():
    """A base with camera and lidar, and an odometry frame that moves 1 m a second."""
    tree = TransformTree()
    tree.add_fixed('base', 'camera', rigid(np.eye(3), (1, 0, 0)))
    tree.add_fixed('base', '/lidar', rigid(np.eye(3), (0, 0, 2)))
    for tenth in range(11):
        tree.add('odom', 'base', tenth * SECOND // 10, (tenth / 10, 0, 0), (0, 0, 0, 1))
    return tree


def test_transform_climbs_to_the_common_ancestor_and_down():
    points = robot().lookup('camera', 'lidar', 0) @ [0, 0, 0, 1]

    assert np.allclose(points, [-1, 0, 2, 1])


def test_moving_frame_is_where_it_was_at_the_stamp():
    assert robot().lookup('odom', 'camera', SECOND * 55 // 100)[0, 3] == pytest.approx(1.55)


def test_frame_that_never_moves_on_tf_is_fixed():
    tree = TransformTree()
    for second in (0, 10):
        tree.add('base', 'lidar', second * SECOND, (0, 0, 2), (0, 0, 0, 1))

    assert tree.lookup('base', 'lidar', 99 * SECOND)[2, 3] == 2
    tree.add('base', 'lidar', 20 * SECOND, (0, 0, 3), (0, 0, 0, 1))
    with pytest.raises(TransformUnknownError, match=r'not known at 99\.000 s'):
        tree.lookup('base', 'lidar', 99 * SECOND)


@pytest.mark.parametrize(
    ('target', 'source', 'stamp', 'error'),
    [
        (
            'camera',
            'lidr',
            0,
            r"Frame 'lidr' is not known\. Did you mean 'lidar'\? Known: base, cam",
        ),
        ('camera', 'odom', 5 * SECOND, r"Where 'base' is in 'odom' is not known at 5\.000 s"),
        (
            'odom',
            'camera',
            None,
            "'base' moves in 'odom'; a transform that is the same at all times",
        ),
        ('camera', 'map', 0, "'camera' and 'map' are not connected: .*'odom' and 'earth'"),
    ],
)
def test_what_cannot_be_known_is_named(target, source, stamp, error):
    tree = robot()
    tree.add_fixed('earth', 'map', np.eye(4))

    with pytest.raises(TransformUnknownError, match=error):
        tree.lookup(target, source, stamp)


def test_loop_is_named():
    tree = TransformTree()
    tree.add_fixed('a', 'b', np.eye(4))
    tree.add_fixed('b', 'a', np.eye(4))
    tree.add_fixed('c', 'd', np.eye(4))

    with pytest.raises(TransformUnknownError, match='a → b → a form a loop'):
        tree.lookup('a', 'd', 0)


def message(rotation):
    x, y, z, w = rotation
    return Message(
        transforms=[
            Message(
                header=Message(frame_id='/base', stamp=Message(sec=1, nanosec=5)),
                child_frame_id='arm',
                transform=Message(
                    translation=Message(x=1, y=2, z=3), rotation=Message(x=x, y=y, z=z, w=w)
                ),
            )
        ]
    )


def test_message_fills_the_tree_and_a_fixed_transform_wins():
    tree = TransformTree()
    tree.add_message(message((0, 0, 0, 1)), is_static=False)
    assert np.allclose(tree.lookup('base', 'arm', SECOND + 5)[:3, 3], [1, 2, 3])

    tree.add_message(message((0, 0, HALF, HALF)), is_static=True)
    tree.add_message(message((0, 0, 0, 1)), is_static=False)
    assert np.allclose(tree.lookup('base', 'arm', 7)[:2, 0], [0, 1])


def test_transform_that_was_given_by_hand_stays():
    tree = TransformTree()
    tree.add_fixed('base', 'arm', rigid(np.eye(3), (9, 9, 9)), by_hand=True)

    for is_static in (True, False):
        tree.add_message(message((0, 0, 0, 1)), is_static)

    assert tree.lookup('base', 'arm')[0, 3] == 9


def test_message_without_rotation_names_its_frames():
    with pytest.raises(ValueError, match=r"from '/base' to 'arm': Quaternion .* length 0"):
        TransformTree().add_message(message((0, 0, 0, 0)), is_static=True)
