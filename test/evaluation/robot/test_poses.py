from types import SimpleNamespace as Message

import numpy as np
import pytest

from mono_depth_ros.evaluation.robot.poses import RobotMotion
from mono_depth_ros.geometry.rotations import rigid
from mono_depth_ros.geometry.transforms import TransformTree, TransformUnknownError

TENTH = 10**8


def pose(tenth, x):
    return Message(
        header=Message(stamp=Message(sec=0, nanosec=tenth * TENTH)),
        pose=Message(position=Message(x=x, y=0, z=0), orientation=Message(x=0, y=0, z=0, w=1)),
    )


def odometry(tenth, x):
    plain = pose(tenth, x)
    return Message(header=plain.header, child_frame_id='base', pose=plain)


def robot():
    """A camera that looks along the robot's x axis."""
    tree = TransformTree()
    tree.add_fixed('base', 'optical', rigid([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], (0.5, 0, 1)))
    return tree


def test_poses_without_a_body_are_the_cameras_own():
    motion = RobotMotion('/pose', TransformTree())
    motion.add_message(pose(0, 0.0))
    motion.add_message(pose(1, 0.2))

    moved = motion.between('optical', 0, TENTH // 2)

    assert np.allclose(moved, rigid(np.eye(3), (-0.1, 0, 0)))


def test_odometry_moves_the_camera_that_sits_on_the_robot():
    motion = RobotMotion('/odom', robot())
    motion.add_message(odometry(0, 0.0))
    motion.add_message(odometry(1, 0.2))

    moved = motion.between('optical', 0, TENTH)

    assert np.allclose(moved, rigid(np.eye(3), (0, 0, -0.2)))  # what was ahead has come nearer


def test_frames_of_tf_do_the_same():
    tree = robot()
    for tenth in (0, 1):
        tree.add('odom', 'base', tenth * TENTH, (0.2 * tenth, 0, 0), (0, 0, 0, 1))

    assert np.allclose(
        RobotMotion('tf:odom', tree).between('optical', 0, TENTH), rigid(np.eye(3), (0, 0, -0.2))
    )
    assert RobotMotion('tf:odom', tree).between('optical', 0, 9 * TENTH) is None
    with pytest.raises(TransformUnknownError, match="'map' is not known"):
        RobotMotion('tf:map', tree).between('optical', 0, TENTH)


def test_still_is_no_motion_and_nothing_given_is_unknown():
    assert np.array_equal(RobotMotion('still', TransformTree()).between('c', 0, 9), np.eye(4))
    assert RobotMotion('', TransformTree()).between('c', 0, 9) is None
    assert RobotMotion('/odom', TransformTree()).between('c', 0, 9) is None


@pytest.mark.parametrize('source', ['odom', 'tf:', 'tf', 'moving'])
def test_another_source_is_refused(source):
    with pytest.raises(ValueError, match=f"ego_motion is '{source}'; expected still"):
        RobotMotion(source, TransformTree())
