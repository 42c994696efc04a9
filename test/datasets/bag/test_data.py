"""Training samples from bags: neighbours by time, what is left out, distances, stereo."""

import pickle
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path

import cv2
import numpy as np
import pytest
from bags import START as START_1
from bags import K as K_SMALL
from bags import write_camera_bag, write_ros1_bag
from moving_bags import (
    INFO,
    PERIOD,
    SIZE,
    START,
    STEP,
    K,
    wall,
    write_moving_bag,
    write_odometry,
)

from mono_depth_ros.bags.writer import BagWriter
from mono_depth_ros.datasets.bag.data import RosbagData
from mono_depth_ros.datasets.bag.options import BagOptions
from mono_depth_ros.datasets.splits import SplitEntry, write_split
from mono_depth_ros.datasets.street.raycast import Street, render_frame

EVERY_FRAME = BagOptions(min_motion=0)
RIGHT = '/right/image_raw'


def targets_of(data):
    return [(entry.index - START) // PERIOD for entry in data.targets()]


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3', 'ros1'])
def test_a_sample_is_an_image_with_those_before_and_after(tmp_path, storage):
    if storage == 'ros1':
        path = write_ros1_bag(tmp_path / 'a.bag')
    else:
        path = write_camera_bag(tmp_path / 'bag', storage=storage)

    data = RosbagData(path, options=EVERY_FRAME)

    assert len(data) == 6
    sample = data[2]
    assert (sample.target == 3).all() and sample.target.shape == (4, 6, 3)
    assert [(source.offset, source.image[0, 0, 0]) for source in sample.sources] == [
        (-1, 2),
        (1, 4),
    ]
    assert np.array_equal(sample.K, K_SMALL)
    assert sample.name == f'{path.name} {START_1 + 3 * 50_000_000} l'


def test_compressed_images_are_read_like_raw_ones(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        for index in range(4):
            png = cv2.imencode('.png', wall(STEP * index))[1].tobytes()
            bag.write_compressed(
                '/camera/image_raw/compressed', START + index * PERIOD, '', 'png', png
            )
            bag.write_camera_info(INFO, START + index * PERIOD, '', SIZE, K)

    sample = RosbagData(tmp_path / 'bag')[0]

    assert np.array_equal(sample.target, wall(STEP))


def test_a_lost_image_costs_the_samples_that_need_it(tmp_path):
    stamps = [index * PERIOD for index in (0, 1, 2, 3, 5, 6, 7)]
    path = write_moving_bag(tmp_path / 'bag', [3 * stamp // PERIOD for stamp in stamps], stamps)

    assert targets_of(RosbagData(path)) == [1, 2, 6]


def test_a_wanted_interval_takes_every_other_image(tmp_path):
    data = RosbagData(write_moving_bag(tmp_path / 'bag'), options=BagOptions(frame_interval=0.2))

    assert targets_of(data) == [2, 3, 4, 5]
    assert np.array_equal(data[0].sources[0].image, wall(0))


def test_samples_of_a_standing_camera_are_dropped_and_counted(tmp_path):
    data = RosbagData(write_moving_bag(tmp_path / 'bag', [0, 3, 6, 9, 9, 9, 12, 15]))

    assert targets_of(data) == [1, 2, 6] and data.static == 3
    assert '6 with neighbours at 0.100 ± 0.025 s; 3 dropped' in data.summary


def test_to_a_teacher_every_image_is_a_target(tmp_path):
    options = BagOptions(offsets=())

    data = RosbagData(write_moving_bag(tmp_path / 'bag', [0, 3, 3]), options=options)

    assert targets_of(data) == [0, 1, 2] and data[1].sources == ()


def test_a_camera_that_never_moves_gives_no_samples_and_says_why(tmp_path):
    path = write_moving_bag(tmp_path / 'bag', [5] * 5)

    with pytest.raises(ValueError, match=r'3 dropped because the camera stands still.*min_motion'):
        RosbagData(path)


def test_an_interval_that_the_camera_does_not_have_is_named(tmp_path):
    path = write_moving_bag(tmp_path / 'bag')

    with pytest.raises(ValueError, match=r'one per 0\.100 s; 0 with .* 0\.150 ± 0\.020'):
        RosbagData(path, options=BagOptions(frame_interval=0.15, tolerance=0.02))


def test_a_distorted_camera_is_rectified_and_k_is_that_of_the_result(tmp_path):
    P = np.array([[80.0, 0, 80, 0], [0, 80, 24, 0], [0, 0, 1, 0]])
    path = write_moving_bag(tmp_path / 'bag', D=[-0.3, 0.1, 0, 0, 0], P=P)

    raw = RosbagData(path, options=BagOptions(input='raw'))[0]
    rectified = RosbagData(path, options=BagOptions(input='rectified'))[0]

    assert np.array_equal(raw.K, P[:, :3]) and np.array_equal(rectified.K, P[:, :3])
    assert np.array_equal(rectified.target, wall(STEP))
    assert not np.array_equal(raw.target, wall(STEP))


def test_distance_is_interpolated_from_odometry(tmp_path):
    def write(bag, index, stamp):
        write_odometry(bag, stamp + PERIOD // 2, (0.0, 0.4 * index**2, 0.0))

    data = RosbagData(
        write_moving_bag(tmp_path / 'bag', write=write), options=BagOptions(odometry_topic='/odom')
    )

    # Positions half an interval after the images: 0, 0.4, 1.6, 3.6; the first image has none.
    assert [source.distance for source in data[0].sources] == [None, pytest.approx(0.8)]
    assert [source.distance for source in data[1].sources] == pytest.approx([0.8, 1.6])


def test_distance_is_speed_times_time(tmp_path):
    data = RosbagData(write_moving_bag(tmp_path / 'bag'), options=BagOptions(speed=5.0))

    assert [source.distance for source in data[0].sources] == pytest.approx([0.5, 0.5])


def write_partner(bag, index, stamp, shift=0, x=-18.0, fx=90.0):
    bag.write_image(RIGHT, stamp + shift, '', 'rgb8', wall(3 * index + 7))
    P = np.array([[fx, 0, 79.5, x], [0, fx, 23.5, 0], [0, 0, 1, 0]])
    bag.write_camera_info('/right/camera_info', stamp, '', SIZE, P[:, :3], P=P)


STEREO = BagOptions(image_topic='/camera/image_raw', stereo_topic=RIGHT)


def test_the_stereo_partner_has_a_known_pose(tmp_path):
    path = write_moving_bag(tmp_path / 'bag', write=write_partner)

    sample = RosbagData(path, options=STEREO)[0]

    partner = sample.sources[-1]
    assert partner.offset == 0 and np.array_equal(partner.image, wall(STEP + 7))
    assert partner.source_from_target[:3, 3].tolist() == [-0.2, 0, 0]
    assert np.array_equal(partner.source_from_target[:3, :3], np.eye(3))
    assert partner.distance == pytest.approx(0.2)


@pytest.mark.parametrize(
    ('partner', 'error'),
    [
        ({'x': 0.0}, 'both cameras are at one place.*Calibrate them together'),
        ({'fx': 95.0}, r'or by 5\.0 px in their rectified intrinsics'),
        ({'shift': 30_000_000}, '8 images.*; 0 with neighbours'),
    ],
)
def test_what_is_no_stereo_pair_is_refused(tmp_path, partner, error):
    path = write_moving_bag(
        tmp_path / 'bag',
        write=lambda bag, index, stamp: write_partner(bag, index, stamp, **partner),
    )

    with pytest.raises(ValueError, match=error):
        RosbagData(path, options=STEREO)


def test_a_split_names_the_targets_of_several_bags(tmp_path):
    for name in ('a', 'b'):
        write_moving_bag(tmp_path / name)
    entries = [
        SplitEntry('b', START + 2 * PERIOD, 'l'),
        SplitEntry('a', START + PERIOD, 'l'),
        SplitEntry('a', START + 4 * PERIOD, 'l'),
    ]
    write_split(tmp_path / 'split.txt', entries)

    data = RosbagData(tmp_path, tmp_path / 'split.txt')

    assert [sample.name for sample in data] == [str(entry) for entry in entries]
    assert np.array_equal(data[-1].target, wall(4 * STEP))
    with pytest.raises(IndexError):
        data[3]


@pytest.mark.parametrize(
    ('stamp', 'reason'),
    [
        (START + 1, 'no image of that stamp'),
        (START, r'neighbours are missing at 0\.100 ± 0\.025'),
    ],
)
def test_a_split_line_that_gives_no_sample_is_named(tmp_path, stamp, reason):
    write_moving_bag(tmp_path / 'a')
    write_split(tmp_path / 'split.txt', [SplitEntry('a', stamp, 'l')])

    with pytest.raises(ValueError, match=f"line 'a {stamp} l'.*{reason}.*prepare_split"):
        RosbagData(tmp_path, tmp_path / 'split.txt')


def bytes_read():
    return int(Path('/proc/self/io').read_text().split()[1])


@pytest.mark.skipif(not Path('/proc/self/io').exists(), reason='the kernel does not count reads')
@pytest.mark.parametrize('storage', ['mcap', 'sqlite3', 'ros1'])
def test_reading_a_sample_reads_a_small_part_of_the_bag(tmp_path, storage):
    if storage == 'ros1':
        path = write_ros1_bag(tmp_path / 'a.bag', count=600, size=(48, 160))
        size = path.stat().st_size
    else:
        path = write_moving_bag(tmp_path / 'bag', [0] * 600, storage=storage)
        size = sum(file.stat().st_size for file in path.iterdir())
    data = RosbagData(path, options=EVERY_FRAME)
    data[300]
    before = bytes_read()

    data[100]

    assert bytes_read() - before < size / 4


def test_the_data_travels_to_another_process_with_its_file_closed(tmp_path):
    data = RosbagData(write_moving_bag(tmp_path / 'bag'))
    first = data[0]

    again = pickle.loads(pickle.dumps(data))

    assert np.array_equal(again[0].target, first.target) and len(again) == len(data)


def count_right(data, answers):
    right = sum(
        np.array_equal(data[index].target, wall(STEP * (index + 1))) for index in range(len(data))
    )
    answers.put(right)


@pytest.mark.slow
@pytest.mark.skipif('fork' not in get_all_start_methods(), reason='processes cannot fork here')
def test_forked_readers_do_not_share_a_position_in_the_file(tmp_path):
    data = RosbagData(write_moving_bag(tmp_path / 'bag', range(0, 300, STEP)))
    data[0]  # opened before the fork
    fork = get_context('fork')
    answers = fork.Queue()

    readers = [fork.Process(target=count_right, args=(data, answers)) for _ in range(3)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()

    assert [reader.exitcode for reader in readers] == [0, 0, 0]
    assert [answers.get(timeout=5) for _ in readers] == [len(data)] * 3


def test_the_demos_street_is_a_drive(tmp_path):
    with BagWriter(tmp_path / 'street') as bag:
        for index in range(4):
            frame = render_frame(Street(), index, (96, 320))
            bag.write_image('/camera/image_raw', START + index * PERIOD, '', 'rgb8', frame.image)
            bag.write_camera_info(INFO, START + index * PERIOD, '', (96, 320), frame.K)

    data = RosbagData(tmp_path / 'street')

    assert (len(data), data.static) == (2, 0)
