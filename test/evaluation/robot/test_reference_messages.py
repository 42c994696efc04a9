from types import SimpleNamespace as Message

import numpy as np
import pytest

from mono_depth_ros.evaluation.robot.reference import Cloud, DepthImage
from mono_depth_ros.evaluation.robot.reference_messages import (
    View,
    check_reference_type,
    reference_of,
)

HEADER = Message(frame_id='sensor')
K = np.eye(3)


def cloud(points):
    fields = [
        Message(name=name, offset=4 * place, datatype=7, count=1)
        for place, name in enumerate('xyz')
    ]
    return Message(
        header=HEADER,
        height=1,
        width=len(points),
        fields=fields,
        is_bigendian=False,
        point_step=12,
        row_step=12 * len(points),
        data=np.array(points, '<f4').tobytes(),
    )


def depth_image(encoding='32FC1'):
    return Message(
        header=HEADER,
        height=1,
        width=2,
        encoding=encoding,
        step=8,
        is_bigendian=0,
        data=np.array([1.5, np.nan], '<f4').tobytes(),
    )


def test_points_without_a_return_are_left_out_however_they_are_written():
    reference = reference_of(cloud([(1, 2, 3), (np.nan, 0, 0), (0, 0, 0), (0, 0, 1)]), 7, None)

    assert isinstance(reference, Cloud) and (reference.stamp, reference.frame_id) == (7, 'sensor')
    assert np.array_equal(reference.points, [(1, 2, 3), (0, 0, 1)])


def test_depth_image_comes_with_its_camera():
    reference = reference_of(depth_image(), 7, View(K, (1, 2)))

    assert isinstance(reference, DepthImage)
    assert np.array_equal(reference.depth, [[1.5, np.nan]], equal_nan=True)


@pytest.mark.parametrize(
    ('message', 'view', 'error'),
    [
        (depth_image(), View(K, (2, 2)), 'the depth image is 2x1, its camera_info is for 2x2'),
        (depth_image('bgr8'), View(K, (1, 2)), "Depth encoding 'bgr8' is not supported"),
    ],
)
def test_depth_that_does_not_fit_is_refused(message, view, error):
    with pytest.raises(ValueError, match=error):
        reference_of(message, 0, view)


def test_a_topic_of_other_messages_is_refused():
    with pytest.raises(ValueError, match="'/imu' carries sensor_msgs/msg/Imu; a reference is"):
        check_reference_type('/imu', 'sensor_msgs/msg/Imu')
