"""Evaluation on bags of a robot in the street, whose true depth is known."""

import cv2
import numpy as np
import pytest
import yaml
from bags import write_ros1_bag
from moving_bags import write_image
from rosbags.convert import convert
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from street_bags import (
    CAMERA,
    DEPTH,
    DEPTH_INFO,
    INFO,
    LIDAR,
    OPTICAL,
    OPTICAL_FROM_LIDAR,
    PERIOD,
    POSES,
    START,
    KnownDepth,
    encode_depth,
    frames,
    write_street_bag,
)

from mono_depth_ros.bags.writer import BagWriter
from mono_depth_ros.evaluation.robot.from_bag import BagSource, evaluate_bag
from mono_depth_ros.evaluation.robot.options import EvaluationOptions
from mono_depth_ros.inference.estimator import ScaledDepth
from mono_depth_ros.inference.units import DepthScaling

SOURCE = BagSource(image_topic=CAMERA)


@pytest.fixture(scope='module')
def drive():
    return frames(26)


@pytest.fixture(scope='module')
def bag(tmp_path_factory, drive):
    return write_street_bag(tmp_path_factory.mktemp('street') / 'bag', drive)


def evaluate(bag, drive, reference, source=SOURCE, factor=1.0, **options):
    return evaluate_bag(
        bag, KnownDepth(drive, factor), EvaluationOptions(reference, **options), source
    )


@pytest.mark.slow
@pytest.mark.parametrize('reference', [LIDAR, DEPTH])
def test_a_perfect_predictor_has_no_error_and_the_clocks_agree(bag, drive, reference):
    result = evaluate(bag, drive, reference, ego_motion=POSES)

    figures = result.metrics()
    assert result.counts.compared == 26 and result.counts.skipped == {}
    assert figures['abs_rel'] < 1e-6 and figures['a1'] == 1
    assert figures['flicker'] < 0.01
    assert result.shift.state == 'aligned'


def test_three_times_the_depth_is_an_error_in_metres_only(bag, drive):
    ways = evaluate(bag, drive, LIDAR, factor=3.0, max_depth=20.0).by_scaling

    assert ways['median_scaled'].errors.abs_rel < 1e-6
    # A prediction is clamped to max_depth: what is nearer than a third of it is off by 2.
    assert ways['unscaled'].ranges[0].errors.abs_rel == pytest.approx(2, abs=0.5)


def test_wrong_stamps_of_the_lidar_are_named_and_time_offset_cures_them(tmp_path, drive):
    shifted = write_street_bag(tmp_path / 'bag', drive, lidar_shift=2 * PERIOD)

    wrong = evaluate(shifted, drive, LIDAR)
    cured = evaluate(shifted, drive, LIDAR, time_offset=-0.2)

    assert wrong.shift.state == 'shifted'
    assert wrong.shift.seconds == pytest.approx(0.2, abs=0.02)
    assert 'about 0.20 s later than' in wrong.table()
    assert cured.shift.state == 'aligned' and cured.metrics()['abs_rel'] < 1e-6


@pytest.mark.parametrize('kind', ['sqlite3', 'ros1'])
def test_every_kind_of_bag_gives_the_same_figures(tmp_path, bag, drive, kind):
    path = tmp_path / 'other.bag'
    if kind == 'ros1':
        types = get_typestore(Stores.ROS1_NOETIC)
        types.register(
            get_types_from_msg(
                'geometry_msgs/TransformStamped[] transforms', 'tf2_msgs/msg/TFMessage'
            )
        )
        convert([bag], path, 'mcap', 8, None, 'file', None, types, (), (), (), ())
    else:
        path = write_street_bag(tmp_path / 'other', drive, storage=kind)

    assert evaluate(path, drive, LIDAR).metrics() == pytest.approx(
        evaluate(bag, drive, LIDAR).metrics(), nan_ok=True
    )


def test_missing_sweeps_are_counted(tmp_path, drive):
    path = write_street_bag(tmp_path / 'bag', drive[:6], without_sweep=(1, 4))

    result = evaluate(path, drive, LIDAR)

    assert (result.counts.compared, result.counts.skipped) == (4, {'no_reference': 2})
    assert '2 skipped: no reference (none within 0.05 s)' in result.table()


def test_millimetres_are_metres(tmp_path, drive):
    path = write_street_bag(tmp_path / 'bag', drive[:3], depth_encoding='16UC1')

    assert evaluate(path, drive, DEPTH).metrics()['abs_rel'] < 1e-3


def test_compressed_depth_is_read_with_the_camera_info_of_its_image(tmp_path, drive):
    def compressed(writer, index, stamp):
        millimetres = encode_depth(drive[index].depth, '16UC1')
        png = cv2.imencode('.png', millimetres)[1].tobytes()
        writer.write_compressed(
            f'{DEPTH}/compressedDepth',
            stamp,
            OPTICAL,
            '16UC1; compressedDepth png',
            bytes(12) + png,
        )

    path = write_street_bag(tmp_path / 'bag', drive[:3], more=compressed)

    result = evaluate(path, drive, f'{DEPTH}/compressedDepth')
    assert result.counts.compared == 3 and result.metrics()['abs_rel'] < 1e-3


def test_a_file_of_transforms_stands_in_for_tf(tmp_path, drive):
    path = write_street_bag(tmp_path / 'bag', drive[:3], tf=False)
    file = tmp_path / 'extrinsics.yaml'
    file.write_text(
        yaml.safe_dump(
            {
                'transforms': [
                    {
                        'parent': OPTICAL,
                        'child': 'lidar',
                        'matrix': OPTICAL_FROM_LIDAR.ravel().tolist(),
                    }
                ]
            }
        )
    )

    with pytest.raises(ValueError, match=r"'camera_optical' is not known.*extrinsics file"):
        evaluate(path, drive, LIDAR)
    found = evaluate(path, drive, LIDAR, BagSource(image_topic=CAMERA, extrinsics=file))
    assert found.metrics()['abs_rel'] < 1e-6


def test_only_the_chosen_time_is_evaluated(bag, drive):
    source = BagSource(image_topic=CAMERA, start=0.5, duration=1.0)

    assert evaluate(bag, drive, LIDAR, source).counts.frames == 10


def test_broken_messages_are_counted_and_the_rest_is_right(tmp_path, drive):
    def break_some(writer, index, stamp):
        if index == 2:
            header = writer.header(stamp + PERIOD // 2, OPTICAL)
            cut = np.zeros(10, np.uint8)
            writer.write_message(
                CAMERA,
                'sensor_msgs/msg/Image',
                stamp + 1,
                header=header,
                height=48,
                width=144,
                encoding='rgb8',
                is_bigendian=0,
                step=432,
                data=cut,
            )
            writer.write_serialized(CAMERA, 'sensor_msgs/msg/Image', stamp + 2, b'\x00\x01\x00')
            writer.write_message(
                LIDAR,
                'sensor_msgs/msg/PointCloud2',
                stamp + 3,
                header=header,
                height=1,
                width=5,
                fields=[],
                is_bigendian=False,
                point_step=12,
                row_step=60,
                data=cut,
                is_dense=True,
            )
            writer.write_image(CAMERA, stamp + 4, OPTICAL, 'rgb8', np.zeros((4, 6, 3), np.uint8))

    path = write_street_bag(tmp_path / 'bag', drive[:5], more=break_some)

    result = evaluate(path, drive, LIDAR)

    assert result.counts.skipped == {
        'corrupt_image': 2,
        'corrupt_reference': 1,
        'size_mismatch': 1,
    }
    assert result.counts.compared == 5 and result.metrics()['abs_rel'] < 1e-6


@pytest.mark.parametrize(
    ('reference', 'source', 'error'),
    [
        (
            '/lidar/point',
            SOURCE,
            r"'/lidar/point' is not in the bag\. Did you mean '/lidar/points'\?",
        ),
        (
            LIDAR,
            BagSource(image_topic='/camera/image'),
            r"Did you mean '/camera/image_raw'\? It holds",
        ),
        (
            LIDAR,
            BagSource(image_topic=CAMERA, camera_info_topic='/info'),
            "'/info' is not a camera_info topic",
        ),
        (INFO, SOURCE, 'carries sensor_msgs/msg/CameraInfo; a reference is'),
        (
            DEPTH,
            BagSource(image_topic=CAMERA, reference_info_topic='/info'),
            r'Depth on .*reference_info',
        ),
        (CAMERA, SOURCE, 'is both the image and the reference'),
        (
            LIDAR,
            BagSource(image_topic=DEPTH),
            r"'/stereo/depth': Image encoding '32FC1' is not supported",
        ),
        (
            LIDAR,
            BagSource(image_topic=CAMERA, start=60),
            r'start is 60 s, but the bag is 2\.5 s long',
        ),
    ],
)
def test_a_topic_that_does_not_fit_is_named(bag, drive, reference, source, error):
    with pytest.raises(ValueError, match=f'{bag}.*{error}'):
        evaluate(bag, drive, reference, source)


def test_a_reference_without_depth_is_refused(tmp_path, drive):
    def color(writer, index, stamp):
        writer.write_image('/rear/image_raw', stamp, OPTICAL, 'rgb8', drive[0].image)

    path = write_street_bag(tmp_path / 'bag', drive[:2], more=color)

    with pytest.raises(ValueError, match=r"Depth encoding 'rgb8' is not supported.*32FC1"):
        evaluate(
            path,
            drive,
            '/rear/image_raw',
            BagSource(image_topic=CAMERA, reference_info_topic=DEPTH_INFO),
        )


def test_ego_motion_of_another_kind_is_refused(bag, drive):
    with pytest.raises(ValueError, match=f"'{LIDAR}' carries .*PointCloud2, expected one of: nav"):
        evaluate(bag, drive, LIDAR, ego_motion=LIDAR)


def test_an_empty_bag_and_one_without_stamps_are_refused(tmp_path, drive):
    with BagWriter(tmp_path / 'empty'):
        pass
    with BagWriter(tmp_path / 'unstamped') as writer:
        writer.write_camera_info(INFO, START, OPTICAL, drive[0].depth.shape, drive[0].K)
        write_image(writer, 0, START, drive[0].image, CAMERA)

    with pytest.raises(ValueError, match='holds no messages'):
        evaluate(tmp_path / 'empty', drive, LIDAR)
    with pytest.raises(ValueError, match='have no stamp'):
        evaluate(tmp_path / 'unstamped', drive, 'wall:3')
    by_log = evaluate(
        tmp_path / 'unstamped', drive, 'wall:3', BagSource(image_topic=CAMERA, stamps='log')
    )
    assert by_log.counts.frames == 1


def test_a_truncated_bag_is_named_once_with_the_cure(tmp_path, drive):
    file = next(write_street_bag(tmp_path / 'bag', drive[:4]).glob('*.mcap'))
    file.write_bytes(file.read_bytes()[:150_000])

    with pytest.raises(ValueError, match=r"^Bag '\S+' cannot be read.*mcap recover"):
        evaluate(file, drive, LIDAR)


def test_a_ros1_camera_before_a_wall(tmp_path):
    path = write_ros1_bag(tmp_path / 'a.bag', count=4, size=(8, 12))
    calibration = tmp_path / 'camera.yaml'
    calibration.write_text(
        'image_width: 12\nimage_height: 8\ncamera_matrix: {rows: 3, cols: 3, '
        'data: [9, 0, 5.5, 0, 9, 3.5, 0, 0, 1]}\n'
    )

    result = evaluate_bag(
        path,
        lambda image, geometry: ScaledDepth(
            np.full((8, 12), 2.5, np.float32), DepthScaling(1.0, 'scaled', None)
        ),
        EvaluationOptions('wall:2'),
        BagSource(intrinsics=calibration),
    )

    assert result.counts.compared == 4
    assert result.metrics()['abs_rel'] == pytest.approx(0.25)
    assert result.metrics()['flicker'] == pytest.approx(0, abs=1e-6)
