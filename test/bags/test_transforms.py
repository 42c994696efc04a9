import textwrap

import numpy as np
import pytest
from street_bags import OPTICAL, OPTICAL_FROM_LIDAR, START

from mono_depth_ros.bags import transforms
from mono_depth_ros.bags.index import index_bag
from mono_depth_ros.bags.reader import open_bag
from mono_depth_ros.bags.transforms import read_extrinsics, transform_takers
from mono_depth_ros.bags.writer import BagWriter
from mono_depth_ros.geometry.rotations import rigid
from mono_depth_ros.geometry.transforms import TransformTree


def test_fixed_and_moving_transforms_of_a_bag_are_read(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write_transforms('/tf_static', START, [(OPTICAL, 'lidar', OPTICAL_FROM_LIDAR)])
        for tenth in range(2):
            bag.write_transforms(
                '/tf', START + tenth * 10**8, [('odom', OPTICAL, rigid(np.eye(3), (tenth, 0, 0)))]
            )

    with open_bag(tmp_path / 'bag') as reader:
        index_bag(reader, [], [], takers=transform_takers(reader, tree := TransformTree()))

    assert np.allclose(tree.lookup(OPTICAL, 'lidar', 0), OPTICAL_FROM_LIDAR)
    assert tree.lookup('odom', OPTICAL, START + 10**8 // 2)[0, 3] == pytest.approx(0.5)


def write(path, text):
    path.write_text(text, encoding='utf-8')
    return path


def test_file_adds_transforms_in_both_notations(tmp_path):
    tree = TransformTree()

    read_extrinsics(
        write(
            tmp_path / 'e.yaml',
            """
transforms:
- {parent: a, child: b, translation: [1, 2, 3], rotation: [0, 0, 0, 1]}
- {parent: b, child: c, matrix: [0, -1, 0, 4,  1, 0, 0, 5,  0, 0, 1, 6,  0, 0, 0, 1]}
""",
        ),
        tree,
    )

    assert np.allclose(tree.lookup('a', 'c', 0) @ [1, 0, 0, 1], [5, 8, 9, 1])


@pytest.mark.parametrize(
    ('text', 'error'),
    [
        ('[1, 2]', 'cannot be read: .* Expected a YAML file with transforms'),
        ('transforms: [{parent: a, child: b}]', "'translation' is missing"),
        ('transforms: [{parent: a, child: b, matrix: [1, 2]}]', "matrix of 'b' has 2 numbers"),
        (
            'transforms: [{parent: a, child: b, matrix: [2, 0,0,0, 0,2,0,0, 0,0,2,0, 0,0,0,1]}]',
            "matrix of 'b' is no rigid transform",
        ),
        (
            'transforms: [{parent: a, child: b, translation: [1, 2, 3], rotation: [0, 0, 0, 0]}]',
            'length 0',
        ),
    ],
)
def test_file_that_is_no_list_of_transforms_is_refused(tmp_path, text, error):
    with pytest.raises(ValueError, match=error):
        read_extrinsics(write(tmp_path / 'e.yaml', text), TransformTree())


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'none.yaml. do not exist. Expected a YAML'):
        read_extrinsics(tmp_path / 'none.yaml', TransformTree())


def test_the_documented_example_has_the_axes_of_rep_103(tmp_path):
    """A lidar looks along its x axis, a camera along its z axis, both ahead on the robot."""
    text = textwrap.dedent(transforms.__doc__.split('\n\n')[1])
    tree = TransformTree()

    read_extrinsics(write(tmp_path / 'e.yaml', text), tree)

    ahead, left = [1, 0, 0], [0, 1, 0]
    assert np.allclose(tree.lookup('camera_optical_frame', 'velodyne')[:3, :3] @ ahead, [0, 0, 1])
    assert np.allclose(tree.lookup('base_link', 'velodyne')[:3, :3] @ left, left)
