"""A robot's bags, which know nothing of KITTI, in KITTI's layout."""

import numpy as np
import pytest

from mono_depth_ros.bags.writer import BagWriter
from mono_depth_ros.datasets.image_files import read_image
from mono_depth_ros.datasets.kitti.calibration import read_camera, read_numbers
from mono_depth_ros.datasets.kitti.drive import read_points, read_stamps
from mono_depth_ros.datasets.kitti.from_bag import write_kitti
from mono_depth_ros.datasets.kitti.options import KittiLayoutOptions
from mono_depth_ros.geometry.rotations import matrix_from_euler, rigid

SIZE = (40, 60)
K = np.array([[50, 0, 29.5], [0, 50, 19.5], [0, 0, 1.0]])
START, PERIOD = 10**18, 100_000_000
PAIR = KittiLayoutOptions(cameras={2: '/left/image', 3: '/right/image'})


def write_camera(bag, name, stamp, place=0.0, size=SIZE, **info):
    P = np.hstack([K, [[-50 * place], [0], [0]]])
    frame = f'{name}_optical'
    bag.write_camera_info(f'/{name}/camera_info', stamp, frame, SIZE, K, P=P, **info)
    bag.write_image(f'/{name}/image', stamp, frame, 'bgr8', np.full((*size, 3), 200, np.uint8))


def write_lidar(bag, topic, stamp, frame='lidar'):
    points = np.array([[1, 2, 3], [np.nan, 0, 0]], np.float32)
    bag.write_cloud(topic, stamp, frame, points, ('x', 'y', 'z'))


def robot_bag(path, clouds=('/lidar',), lidar_frame='lidar', **info):
    with BagWriter(path) as bag:
        for stamp in (START, START + PERIOD):
            write_camera(bag, 'cam', stamp, **info)
            for topic in clouds:
                write_lidar(bag, topic, stamp, lidar_frame)
    return path


def stereo_bag(path, places=(0.0, 0.25), transforms=(), delay=0):
    with BagWriter(path) as bag:
        if transforms:
            bag.write_transforms('/tf_static', START, transforms)
        for stamp in (START, START + PERIOD):
            write_camera(bag, 'left', stamp, places[0])
            write_camera(bag, 'right', stamp + delay, places[1])
    return path


def test_a_distorted_camera_is_written_rectified(tmp_path):
    bag = robot_bag(tmp_path / 'bag', D=[0.5, 0, 0, 0])

    report = write_kitti(bag, tmp_path / 'back', KittiLayoutOptions(lidar='none', drive=7))

    assert report.drive.name == '2001_09_09_drive_0007_sync'
    image = read_image(report.drive / 'image_02/data/0000000000.png')
    assert not image[0, 0].any() and image[20, 30].tolist() == [200] * 3  # no source, and one
    assert np.array_equal(read_camera(report.drive.parent / 'calib_cam_to_cam.txt', 2).K, K)
    assert not (report.drive / 'velodyne_points').exists()


def test_the_rotation_of_rectified_images_becomes_that_of_kitti(tmp_path):
    turned = matrix_from_euler(0, 0.1, 0)
    bag = robot_bag(tmp_path / 'bag', R=turned, lidar_frame='cam_optical')

    report = write_kitti(bag, tmp_path / 'back', KittiLayoutOptions(input='rectified'))

    day = report.drive.parent
    rotation = read_numbers(day / 'calib_cam_to_cam.txt', 'R_rect_00', 9).reshape(3, 3)
    assert np.array_equal(rotation, turned)
    moved = read_numbers(day / 'calib_velo_to_cam.txt', 'R', 9).reshape(3, 3)
    assert np.array_equal(moved, np.eye(3))


def test_points_without_intensity_and_holes_are_told_of(tmp_path):
    bag = robot_bag(tmp_path / 'bag', lidar_frame='cam_optical')

    report = write_kitti(bag, tmp_path / 'back', KittiLayoutOptions())

    scan = read_points(report.drive / 'velodyne_points/data/0000000000.bin')
    assert scan.tolist() == [[1, 2, 3, 0]]
    assert report.notes == ["'/lidar' has no intensity: the scans' reflectance is 0"]


def test_a_stereo_pair_without_transforms_is_placed_by_its_projections(tmp_path):
    report = write_kitti(stereo_bag(tmp_path / 'bag'), tmp_path / 'back', PAIR)

    file = report.drive.parent / 'calib_cam_to_cam.txt'
    assert [read_camera(file, camera).x for camera in (2, 3)] == [0, 0.25]


def test_transforms_place_a_pair_better_than_its_projections(tmp_path):
    transforms = [
        ('rig', 'left_optical', np.eye(4)),
        ('rig', 'right_optical', rigid(np.eye(3), (0.3, 0.01, 0))),
    ]
    bag = stereo_bag(tmp_path / 'bag', transforms=transforms)

    report = write_kitti(bag, tmp_path / 'back', PAIR)

    P = read_numbers(report.drive.parent / 'calib_cam_to_cam.txt', 'P_rect_03', 12).reshape(3, 4)
    assert np.allclose(P[:, 3], [-50 * 0.3, -50 * 0.01, 0])


def test_sensors_join_the_frame_that_is_nearest(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write_transforms('/tf_static', START, [('lidar', 'cam_optical', np.eye(4))])
        for index in (0, 1, 2):
            write_camera(bag, 'cam', START + index * PERIOD)
        for offset in (30_000_000, 90_000_000, 260_000_000):
            write_lidar(bag, '/lidar', START + offset)

    report = write_kitti(tmp_path / 'bag', tmp_path / 'back', KittiLayoutOptions(tolerance=0.03))

    scans = report.drive / 'velodyne_points'
    assert sorted(file.stem[-1] for file in (scans / 'data').iterdir()) == ['0', '1']
    # The third line only fills the place of a scan that is not there.
    assert (read_stamps(scans / 'timestamps.txt') - START).tolist() == [
        30_000_000,
        90_000_000,
        200_000_000,
    ]
    assert list(report.skipped.values()) == [1]


def test_an_image_of_another_size_is_counted(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        write_camera(bag, 'cam', START)
        write_camera(bag, 'cam', START + PERIOD, size=(20, 60))

    report = write_kitti(tmp_path / 'bag', tmp_path / 'back', KittiLayoutOptions())

    assert report.files == {'image_02': 1}
    assert report.skipped == {'/cam/image: an image is 60x20, its camera_info is for 60x40': 1}


def test_a_lidar_that_nothing_places_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(ValueError, match=r"'/lidar' cannot be.*no /tf_static.*--lidar none"):
        write_kitti(robot_bag(tmp_path / 'bag'), tmp_path / 'back', KittiLayoutOptions())
    assert not (tmp_path / 'back').exists()


@pytest.mark.parametrize(
    ('bag', 'message'),
    [
        ({'places': (0.0, 0.0)}, "Nothing says where '/right/image' is beside '/left/image'"),
        (
            {
                'transforms': [
                    (
                        'left_optical',
                        'right_optical',
                        rigid(matrix_from_euler(0, 0.1, 0), (0.2, 0, 0)),
                    )
                ]
            },
            r'Camera 03: .* look 5\.7 degrees away',
        ),
        ({'delay': 60_000_000_000}, r"'/right/image' is within 0\.050 s.*two clocks"),
    ],
)
def test_cameras_that_kitti_cannot_hold_are_refused(tmp_path, bag, message):
    with pytest.raises(ValueError, match=message):
        write_kitti(stereo_bag(tmp_path / 'bag', **bag), tmp_path / 'back', PAIR)


def test_choices_that_only_the_user_can_make_are_asked_for(tmp_path):
    bag = robot_bag(tmp_path / 'bag', clouds=('/a', '/b'))
    with pytest.raises(ValueError, match='2 point clouds: /a, /b'):
        write_kitti(bag, tmp_path / 'back', KittiLayoutOptions())
    with pytest.raises(ValueError, match="'/cam/camera_info' carries sensor_msgs/msg/CameraInfo"):
        write_kitti(bag, tmp_path / 'back', KittiLayoutOptions(lidar='/cam/camera_info'))
    with pytest.raises(ValueError, match='2 image topics: /left/image, /right/image'):
        write_kitti(stereo_bag(tmp_path / 'pair'), tmp_path / 'back', KittiLayoutOptions())


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'cameras': {4: '/cam/image'}}, 'KITTI has no camera 4; expected 0 to 3'),
        ({'images': 'bmp'}, "images is 'bmp'; expected keep, png, jpg"),
        ({'drive': 10000}, 'drive is 10000; expected 0 to 9999'),
        ({'tolerance': -1.0}, r'tolerance is -1\.0 s; expected 0 or more'),
    ],
)
def test_options_that_mean_nothing_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        KittiLayoutOptions(**options)
