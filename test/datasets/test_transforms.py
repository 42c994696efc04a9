import numpy as np
import pytest

from mono_depth_ros.datasets.bag_source import open_bag
from mono_depth_ros.datasets.bag_writer import CameraBagWriter
from mono_depth_ros.datasets.transforms import TransformTree, read_transforms
from mono_depth_ros.geometry.quaternion import matrix_from_euler, rigid

LEFT = matrix_from_euler(0, 0, np.pi / 2)


def moved(*place):
    return rigid(np.eye(3), place)


def test_a_point_goes_up_to_the_common_frame_and_down_again():
    tree = TransformTree()
    tree.add('base', 'mast', moved(0, 0, 1))
    tree.add('mast', 'camera', rigid(LEFT, (0.5, 0, 0)))
    tree.add('base', 'lidar', moved(0, 0, 2))

    camera_from_lidar = tree.lookup('/camera', 'lidar')

    # 1 m ahead of the lidar: 0.5 m ahead of the camera, which looks left, and 1 m above it.
    assert np.allclose(camera_from_lidar @ [1, 0, 0, 1], [0, -0.5, 1, 1])
    assert np.array_equal(tree.lookup('lidar', 'lidar'), np.eye(4))


def test_what_is_not_connected_is_named_with_its_neighbour():
    tree = TransformTree()
    tree.add('base_link', 'camera_optical', np.eye(4))

    with pytest.raises(ValueError, match=r"'lidar' with.*did you mean 'base_link'.*Known frames"):
        tree.lookup('base_lnk', 'lidar')
    with pytest.raises(ValueError, match='holds no /tf_static'):
        TransformTree().lookup('a', 'b')


def test_a_loop_is_refused():
    tree = TransformTree()
    tree.add('a', 'b', np.eye(4))
    tree.add('b', 'a', np.eye(4))

    with pytest.raises(ValueError, match='form a loop'):
        tree.lookup('a', 'c')


def test_of_the_moving_topic_only_what_stands_still_is_taken(tmp_path):
    with CameraBagWriter(tmp_path / 'bag') as bag:
        bag.write_transforms('/tf_static', 10**18, [('base', 'lidar', moved(1, 0, 0))])
        for index in (0, 1):
            bag.write_transforms('/tf', 10**18 + index, [
                ('odom', 'base', moved(index, 0, 0)), ('base', 'camera', rigid(LEFT, (0, 2, 0)))])

    with open_bag(tmp_path / 'bag') as reader:
        tree = read_transforms(reader)

    assert tree.frames == ['base', 'camera', 'lidar']
    assert np.allclose(tree.lookup('base', 'camera'), rigid(LEFT, (0, 2, 0)))


def test_a_rotation_that_is_none_is_named_with_its_frames(tmp_path):
    with CameraBagWriter(tmp_path / 'bag') as bag:
        vector = bag.xyz('Vector3', (0, 0, 0))
        rotation = bag.make('geometry_msgs/msg/Quaternion', x=0.0, y=0.0, z=0.0, w=0.0)
        transform = bag.make('geometry_msgs/msg/Transform', translation=vector, rotation=rotation)
        stamped = bag.make('geometry_msgs/msg/TransformStamped', header=bag.header(0, 'base'),
                           child_frame_id='camera', transform=transform)
        bag.write_message('/tf_static', 'tf2_msgs/msg/TFMessage', 1, transforms=[stamped])

    with (open_bag(tmp_path / 'bag') as reader,
          pytest.raises(ValueError, match=r"'base' to 'camera': .*length 0, expected 1")):
        read_transforms(reader)
