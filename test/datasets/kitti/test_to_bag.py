"""KITTI raw → bag → KITTI raw, on a drive of two hand-sized frames with everything in it."""

import shutil

import cv2
import numpy as np
import pytest
from kitti_folder import DAY, DRIVE, write_day, write_image, write_scan
from shared_data import shared_data

from mono_depth_ros.bags.index import index_bag
from mono_depth_ros.bags.reader import open_bag, rgb_from_bag_message
from mono_depth_ros.bags.transforms import transform_takers
from mono_depth_ros.datasets.bag.data import RosbagData
from mono_depth_ros.datasets.bag.options import BagOptions
from mono_depth_ros.datasets.image_files import read_image
from mono_depth_ros.datasets.kitti.calibration import read_camera, read_numbers
from mono_depth_ros.datasets.kitti.drive import read_points, read_stamps
from mono_depth_ros.datasets.kitti.from_bag import write_kitti
from mono_depth_ros.datasets.kitti.options import KittiBagOptions, KittiLayoutOptions
from mono_depth_ros.datasets.kitti.to_bag import write_drive
from mono_depth_ros.geometry.transforms import TransformTree
from mono_depth_ros.stamps import stamp_of

SIZE = (40, 60)
# Every sensor has its own clock; 2011-09-26 13:02:25 UTC is 1317042145 s.
STAMPS = {
    'image_02': ['2011-09-26 13:02:25.964389445', '2011-09-26 13:02:26.067787553'],
    'image_03': ['2011-09-26 13:02:25.964389440', '2011-09-26 13:02:26.067787550'],
    'velodyne_points': ['2011-09-26 13:02:25.951199337', '2011-09-26 13:02:26.054379567'],
    'oxts': ['2011-09-26 13:02:25.964389445', '2011-09-26 13:02:26.064364175'],
}
FIRST = 1_317_042_145_964_389_445
POINTS = [(8.0, 0.5, -0.25), (np.float32(20.1), -3.0, 1.0)]


def write_oxts(drive, index, latitude=49.0, longitude=8.4, yaw=0.0, north=0.0, east=0.0):
    values = np.zeros(30)
    values[[0, 1, 2, 5, 6, 7, 13, 23]] = latitude, longitude, 110, yaw, north, east, 9.81, 0.05
    path = drive / 'oxts' / 'data' / f'{index:010}.txt'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(' '.join(repr(value) for value in values.tolist()))


@pytest.fixture
def drive(tmp_path):
    root = tmp_path / 'kitti'
    day = write_day(root, SIZE)
    (day / 'calib_imu_to_velo.txt').write_text('R: 1 0 0 0 1 0 0 0 1\nT: -0.8 0.3 -0.8\n')
    rng = np.random.default_rng(0)
    for index in (0, 1):
        for side in 'lr':
            write_image(root, index, rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8), side)
        write_scan(root, index, POINTS[: index + 1])
    drive = root / DRIVE
    # Facing north, and 10 m further north in the second frame, at 5 m/s.
    write_oxts(drive, 0, yaw=np.pi / 2, north=5.0)
    write_oxts(drive, 1, latitude=49 + np.degrees(10 / 6378137), yaw=np.pi / 2, north=5.0)
    for sensor, lines in STAMPS.items():
        (drive / sensor / 'timestamps.txt').write_text('\n'.join(lines) + '\n')
    return drive


def messages_of(path):
    """Return {topic: [(log time, message), …]}."""
    found = {}
    with open_bag(path) as reader:
        for connection, log_time, data in reader.messages():
            message = reader.deserialize(data, connection.msgtype)
            found.setdefault(connection.topic, []).append((log_time, message))
    return found


def test_every_sensor_of_a_drive_arrives_with_its_own_stamps(tmp_path, drive):
    report = write_drive(drive, tmp_path / 'bag', KittiBagOptions())

    found = messages_of(tmp_path / 'bag')
    assert {topic: len(messages) for topic, messages in found.items()} == report.messages
    assert set(found) == {
        '/camera_color_left/image_rect',
        '/camera_color_left/camera_info',
        '/camera_color_right/image_rect',
        '/camera_color_right/camera_info',
        '/velodyne_points',
        '/tf',
        '/tf_static',
        '/imu/data',
        '/gps/fix',
        '/odom',
    }
    [(log_time, image), _] = found['/camera_color_left/image_rect']
    assert (log_time, stamp_of(image)) == (FIRST, FIRST)
    [(_, cloud), _] = found['/velodyne_points']
    assert stamp_of(cloud) == 1_317_042_145_951_199_337
    assert not report.notes


def test_the_right_camera_info_holds_the_baseline_as_ros_has_it(tmp_path, drive):
    write_drive(drive, tmp_path / 'bag', KittiBagOptions())

    [(_, info), _] = messages_of(tmp_path / 'bag')['/camera_color_right/camera_info']
    # P_rect_03 of the fixture: fx 50, -25 in the last column.
    assert info.p.reshape(3, 4)[:, 3].tolist() == [-25, 0, 0]
    assert info.k.reshape(3, 3).tolist() == [[50, 0, 30], [0, 50, 20], [0, 0, 1]]
    assert not info.d.any() and (info.height, info.width) == SIZE


def test_frames_are_those_of_rep_103_and_rep_105(tmp_path, drive):
    write_drive(drive, tmp_path / 'bag', KittiBagOptions())

    found = messages_of(tmp_path / 'bag')
    [(_, image), _] = found['/camera_color_left/image_rect']
    assert image.header.frame_id == 'camera_color_left_optical'
    with open_bag(tmp_path / 'bag') as reader:
        index_bag(reader, [], [], takers=transform_takers(reader, tree := TransformTree()))
    # Ahead of the base is the camera's z, left its -x, up its -y; the base is below and behind.
    camera = tree.lookup('camera_color_left_optical', 'base_link')
    assert np.allclose(camera[:3, :3], [[0, -1, 0], [0, 0, -1], [1, 0, 0]])
    assert np.allclose(tree.lookup('base_link', 'velodyne')[:3, 3], [-0.605, 0.02, 1.73])
    transforms = [
        t for _, message in found['/tf'] + found['/tf_static'] for t in message.transforms
    ]
    for q in (t.transform.rotation for t in transforms):
        assert np.linalg.norm([q.x, q.y, q.z, q.w]) == pytest.approx(1)
    assert {(t.header.frame_id, t.child_frame_id) for t in transforms} == {
        ('odom', 'base_link'),
        ('base_link', 'imu_link'),
        ('imu_link', 'velodyne'),
        ('velodyne', 'camera_color_left_optical'),
        ('velodyne', 'camera_color_right_optical'),
    }


def test_odometry_starts_at_the_origin_and_counts_in_east_north_up(tmp_path, drive):
    write_drive(drive, tmp_path / 'bag', KittiBagOptions())

    found = messages_of(tmp_path / 'bag')
    [start, later] = [message for _, message in found['/odom']]
    places = [[getattr(m.pose.pose.position, axis) for axis in 'xyz'] for m in (start, later)]
    assert np.allclose(places, [[0, 0, 0], [0, 10, 0]], atol=1e-3)
    facing = start.pose.pose.orientation
    assert np.allclose([facing.z, facing.w], np.sqrt(0.5))  # 90 degrees to the left of east
    assert np.allclose([later.twist.twist.linear.x, later.twist.twist.linear.y], [5, 0])
    [(_, imu), _] = found['/imu/data']
    assert imu.linear_acceleration.z == 9.81 and imu.header.frame_id == 'imu_link'
    [(_, fix), _] = found['/gps/fix']
    assert (fix.latitude, fix.longitude, fix.altitude) == (49.0, 8.4, 110.0)
    assert fix.position_covariance[0] == pytest.approx(0.05**2)


@pytest.mark.parametrize('images', ['raw', 'png'])
def test_a_drive_comes_back_from_its_bag_exactly(tmp_path, drive, images):
    write_drive(drive, tmp_path / 'bag', KittiBagOptions(images=images))

    report = write_kitti(tmp_path / 'bag', tmp_path / 'back', KittiLayoutOptions())

    assert report.drive == tmp_path / 'back' / DRIVE
    assert report.files == {'image_02': 2, 'image_03': 2, 'velodyne_points': 2}
    for sensor in ('image_02', 'image_03', 'velodyne_points'):
        assert np.array_equal(
            read_stamps(report.drive / sensor / 'timestamps.txt'),
            read_stamps(drive / sensor / 'timestamps.txt'),
        )
        for file in (drive / sensor / 'data').iterdir():
            read = read_points if file.suffix == '.bin' else read_image
            assert np.array_equal(read(report.drive / sensor / 'data' / file.name), read(file))
    before, after = (
        root / DAY / 'calib_cam_to_cam.txt' for root in (tmp_path / 'kitti', tmp_path / 'back')
    )
    for camera in (2, 3):
        assert np.array_equal(read_camera(after, camera).K, read_camera(before, camera).K)
        assert read_camera(after, camera).x == pytest.approx(read_camera(before, camera).x)
    for name in ('calib_velo_to_cam.txt', 'calib_imu_to_velo.txt'):
        assert np.allclose(
            *(read_numbers(file.parent / name, 'T', 3) for file in (before, after)), atol=1e-9
        )


def test_the_data_set_of_bags_reads_a_converted_drive(tmp_path, drive):
    write_drive(drive, tmp_path / 'bag', KittiBagOptions())

    data = RosbagData(
        tmp_path / 'bag',
        options=BagOptions(
            image_topic='/camera_color_left/image_rect',
            offsets=(),
            min_motion=0,
            stereo_topic='/camera_color_right/image_rect',
        ),
    )

    assert len(data) == 2
    assert data[0].sources[0].distance == pytest.approx(0.5)


def test_jpeg_files_keep_their_bytes_and_png_files_become_jpeg(tmp_path, drive):
    left = drive / 'image_02' / 'data'
    for file in list(left.iterdir()):
        cv2.imwrite(str(file.with_suffix('.jpg')), cv2.imread(str(file)))
        file.unlink()
    write_drive(drive, tmp_path / 'bag', KittiBagOptions(images='jpeg'))

    found = messages_of(tmp_path / 'bag')
    [(_, own), _] = found['/camera_color_left/image_rect/compressed']
    [(_, other), _] = found['/camera_color_right/image_rect/compressed']
    assert own.data.tobytes() == (left / '0000000000.jpg').read_bytes()
    assert other.format == 'jpeg' and rgb_from_bag_message(other).shape == (*SIZE, 3)


def test_a_missing_scan_leaves_a_gap_and_no_wrong_stamp(tmp_path, drive):
    (drive / 'velodyne_points/data/0000000000.bin').unlink()
    write_drive(drive, tmp_path / 'bag', KittiBagOptions())

    report = write_kitti(tmp_path / 'bag', tmp_path / 'back', KittiLayoutOptions())

    scans = report.drive / 'velodyne_points'
    assert [file.name for file in (scans / 'data').iterdir()] == ['0000000001.bin']
    assert read_stamps(scans / 'timestamps.txt')[1] == 1_317_042_146_054_379_567


def test_without_stamps_a_rate_has_to_be_stated_and_is_noted(tmp_path, drive):
    for file in drive.rglob('timestamps.txt'):
        file.unlink()

    with pytest.raises(FileNotFoundError, match=r'timestamps\.txt.*--rate 10'):
        write_drive(drive, tmp_path / 'bag', KittiBagOptions())
    report = write_drive(drive, tmp_path / 'bag', KittiBagOptions(rate=10))

    [_, (second, _)] = messages_of(tmp_path / 'bag')['/velodyne_points']
    assert second == 1_317_038_400_100_000_000  # noon and a tenth
    assert any('made up: 10 frames a second' in note for note in report.notes)


def test_a_rate_against_stamps_is_refused(tmp_path, drive):
    with pytest.raises(ValueError, match='says when the frames were taken; leave out --rate'):
        write_drive(drive, tmp_path / 'bag', KittiBagOptions(rate=10))


@pytest.mark.parametrize(
    ('file', 'text', 'message'),
    [
        ('image_02/timestamps.txt', '2011-09-26 13:02:25.9\n', r'has 1 lines.*0000000001\.png'),
        ('image_02/timestamps.txt', 'yesterday\n' * 2, "line 1: 'yesterday'.*expected such as"),
        ('image_02/timestamps.txt', '2011-09-26 13:02:25.9\n' * 2, 'line 2 is not later'),
        ('oxts/data/0000000001.txt', '1 2 3', 'has 3 numbers; expected 30'),
        ('velodyne_points/data/0000000001.bin', 'cut', 'has 3 bytes; expected 16 per point'),
        ('image_02/data/0000000001.png', 'no image', r'0000000001\.png.*cannot be decoded'),
    ],
)
def test_what_is_broken_is_named_and_no_half_bag_stays(tmp_path, drive, file, text, message):
    (drive / file).write_text(text)

    with pytest.raises(ValueError, match=message):
        write_drive(drive, tmp_path / 'bag', KittiBagOptions())
    assert not (tmp_path / 'bag').exists()


def test_a_bag_is_never_overwritten(tmp_path, drive):
    (tmp_path / 'bag').mkdir()
    (tmp_path / 'bag' / 'mine').touch()

    with pytest.raises(FileExistsError, match='exists already'):
        write_drive(drive, tmp_path / 'bag', KittiBagOptions())
    assert (tmp_path / 'bag' / 'mine').exists()


def test_a_folder_that_is_no_drive_is_refused(tmp_path, drive):
    with pytest.raises(FileNotFoundError, match='Name the folder of one drive'):
        write_drive(drive.parent, tmp_path / 'bag', KittiBagOptions())
    with pytest.raises(ValueError, match='no images of camera 0; it has 2, 3'):
        write_drive(drive, tmp_path / 'bag', KittiBagOptions(cameras=(0,)))


def test_a_drive_that_is_not_what_it_seems_is_refused(tmp_path, drive):
    with pytest.raises(FileNotFoundError, match=r'does not exist\. Expected a folder such as'):
        write_drive(drive / 'nothing', tmp_path / 'bag', KittiBagOptions())
    renamed = drive.rename(drive.parent / 'my_drive')
    for file in renamed.rglob('timestamps.txt'):
        file.unlink()
    with pytest.raises(ValueError, match="'my_drive' is not named like a drive"):
        write_drive(renamed, tmp_path / 'bag', KittiBagOptions(rate=10))
    with pytest.raises(ValueError, match="images is 'bmp'; expected raw, jpeg, png"):
        KittiBagOptions(images='bmp')


def test_images_of_another_size_than_their_calibration_are_refused(tmp_path, drive):
    write_day(tmp_path / 'kitti', (40, 62))

    with pytest.raises(ValueError, match=r'0000000000\.png.* is 60x40, but .* says 62x40'):
        write_drive(drive, tmp_path / 'bag', KittiBagOptions())


def test_a_day_keeps_one_calibration(tmp_path, drive):
    write_drive(drive, tmp_path / 'bag', KittiBagOptions())
    write_kitti(tmp_path / 'bag', tmp_path / 'back', KittiLayoutOptions())

    with pytest.raises(FileExistsError, match='Choose another --drive'):
        write_kitti(tmp_path / 'bag', tmp_path / 'back', KittiLayoutOptions())
    with pytest.raises(ValueError, match='one for all its drives'):
        write_kitti(
            tmp_path / 'bag',
            tmp_path / 'back',
            KittiLayoutOptions(drive=2, cameras={2: '/camera_color_right/image_rect'}),
        )
    assert not (tmp_path / 'back' / DAY / f'{DAY}_drive_0002_sync').exists()


@pytest.mark.data
def test_the_real_scanner_lands_in_the_same_pixels_after_both_ways(tmp_path):
    source = shared_data('kitti/test/2011_09_26/2011_09_26_drive_0052_sync')
    day = tmp_path / 'kitti' / DAY
    for name in ('image_02', 'velodyne_points'):
        ending = 'jpg' if name == 'image_02' else 'bin'
        file = source / name / 'data' / f'0000000000.{ending}'
        (day / source.name / name / 'data').mkdir(parents=True)
        shutil.copy(file, day / source.name / name / 'data')
    for file in source.parent.glob('calib_*.txt'):
        shutil.copy(file, day)
    write_drive(day / source.name, tmp_path / 'bag', KittiBagOptions(rate=10))

    report = write_kitti(tmp_path / 'bag', tmp_path / 'back', KittiLayoutOptions())

    points = read_points(source / 'velodyne_points/data/0000000000.bin')[:, :3]
    pixels = [pixels_of(points, folder) for folder in (day, report.drive.parent)]
    assert np.abs(pixels[0] - pixels[1]).max() < 0.01  # [px]; the files have seven digits


def pixels_of(points, day):
    rotation = read_numbers(day / 'calib_velo_to_cam.txt', 'R', 9).reshape(3, 3)
    moved = points @ rotation.T + read_numbers(day / 'calib_velo_to_cam.txt', 'T', 3)
    moved = moved @ read_numbers(day / 'calib_cam_to_cam.txt', 'R_rect_00', 9).reshape(3, 3).T
    P = read_numbers(day / 'calib_cam_to_cam.txt', 'P_rect_02', 12).reshape(3, 4)
    homogeneous = moved @ P[:, :3].T + P[:, 3]
    return homogeneous[:, :2] / homogeneous[:, 2:]
