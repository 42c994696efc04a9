"""Write a drive of KITTI raw as a bag: images, camera_info, scans, transforms, IMU and GPS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.bags.writer import STATIC_TOPIC, BagWriter, new_bag
from mono_depth_ros.datasets.file_kinds import kind_of
from mono_depth_ros.datasets.image_files import read_image
from mono_depth_ros.datasets.kitti.calibration import FILE_NAME, KittiCamera, read_camera
from mono_depth_ros.datasets.kitti.drive import (
    CAMERAS,
    INERTIAL,
    SCANNER,
    KittiTrack,
    camera_folder,
    find_sensors,
    read_points,
    read_track,
)
from mono_depth_ros.datasets.kitti.frames import (
    BASE,
    BASE_FROM_IMU,
    IMU,
    ODOM,
    VELODYNE,
    baseline,
    fixed_transforms,
    optical_frame,
)
from mono_depth_ros.datasets.kitti.options import KittiBagOptions
from mono_depth_ros.datasets.kitti.oxts import OxtsRecord, read_oxts, unit_pose
from mono_depth_ros.geometry.rotations import inverse_rigid
from mono_depth_ros.messages.transport import COMPRESSED
from mono_depth_ros.stamps import NANOSECONDS

CLOUD_TOPIC, IMU_TOPIC, FIX_TOPIC, ODOM_TOPIC = (
    '/velodyne_points',
    '/imu/data',
    '/gps/fix',
    '/odom',
)
CLOUD_FIELDS = ('x', 'y', 'z', 'intensity')
_JPEG_QUALITY = 95

Progress = Callable[[int, int], None]
_Job = tuple[int, Callable[[BagWriter, int], None]]


@dataclass
class KittiBagReport:
    """What was written.

    Attributes:
        messages: how many, by topic.
        notes: what the user should know.
    """

    messages: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def image_topic(camera: int, images: str) -> str:
    """Return the topic of a camera's images: KITTI's are rectified."""
    transport = '' if images == 'raw' else COMPRESSED
    return f'/{CAMERAS[camera]}/image_rect{transport}'


def info_topic(camera: int) -> str:
    """Return the topic of a camera's calibration."""
    return f'/{CAMERAS[camera]}/camera_info'


def write_drive(
    drive: Path,
    path: Path,
    options: KittiBagOptions,
    on_frame: Progress = lambda done, total: None,
) -> KittiBagReport:
    """Write one drive (…/2011_09_26/2011_09_26_drive_0052_sync) as a new bag.

    Args:
        drive: its folder; the calib_*.txt files are in the folder of the day, above it.
        path: of the bag.
        options: what to write, and how.
        on_frame: called with the number of frames done, and of all.

    Raises:
        FileExistsError: there is something at the path.
        FileNotFoundError, ValueError: something of the drive is missing or broken.
    """
    sensors = find_sensors(drive)
    if options.cameras_only:
        sensors = [sensor for sensor in sensors if sensor not in (SCANNER, INERTIAL)]
    cameras = _chosen_cameras(drive, sensors, options.cameras)
    report = KittiBagReport()
    kinds: list[tuple[str, Any]] = [
        (camera_folder(camera), partial(_image_jobs, drive, camera, options, report))
        for camera in cameras
    ]
    kinds += [(SCANNER, partial(_scan_jobs, report))] if SCANNER in sensors else []
    kinds += [(INERTIAL, partial(_inertial_jobs, report))] if INERTIAL in sensors else []
    tracks = {sensor: read_track(drive, sensor, options.rate) for sensor, _ in kinds}
    jobs = [job for sensor, make in kinds for job in make(tracks[sensor])]
    jobs.sort(key=lambda job: job[0])
    transforms, notes = fixed_transforms(drive.parent, cameras, INERTIAL in sensors)
    report.notes += [*notes, *_notes(drive, sensors, options), *_notes_on_stamps(tracks)]
    with new_bag(path, options.storage) as bag:
        if transforms:
            bag.write_transforms(STATIC_TOPIC, jobs[0][0], transforms)
            report.messages[STATIC_TOPIC] += 1
        for done, (stamp, write) in enumerate(jobs, start=1):
            write(bag, stamp)
            on_frame(done, len(jobs))
    return report


def _chosen_cameras(drive: Path, sensors: Sequence[str], wanted: Sequence[int]) -> list[int]:
    known = [camera for camera in CAMERAS if camera_folder(camera) in sensors]
    missing = sorted(set(wanted) - set(known))
    if missing:
        raise ValueError(
            f"'{drive}' has no images of camera {', '.join(map(str, missing))}; it "
            f'has {", ".join(map(str, known))}.'
        )
    return [camera for camera in known if not wanted or camera in wanted]


def _notes(drive: Path, sensors: Sequence[str], options: KittiBagOptions) -> list[str]:
    notes = []
    if options.rate is not None:
        notes.append(
            f'stamps are made up: {options.rate:g} frames a second from noon of the day '
            'on, because the drive has no timestamps.txt'
        )
    if SCANNER not in sensors:
        notes.append(f'no scans in {SCANNER}')
    if INERTIAL not in sensors:
        notes.append(f'no readings in {INERTIAL}: no imu, gps, odom and no moving transform')
    return notes


def _notes_on_stamps(tracks: Mapping[str, KittiTrack]) -> list[str]:
    """Name sensors whose frames are not of the time of the first camera's frames.

    Their lines may be shifted, which nothing else would show.
    """
    (first, track), *others = tracks.items()
    period = float(np.median(np.diff(track.stamps))) if len(track.stamps) > 1 else np.inf
    times = dict(zip(track.numbers, track.stamps.tolist()))
    notes = []
    for sensor, other in others:
        away = [
            (abs(stamp - times[number]), number)
            for number, stamp in zip(other.numbers, other.stamps.tolist())
            if number in times
        ]
        most, number = max(away, default=(0, 0))
        if most > period / 2:
            notes.append(
                f'frame {number} of {sensor} is {most / NANOSECONDS:.3f} s from that of {first}, '
                'more than half a period: compare their timestamps.txt, line by line'
            )
    return notes


def _image_jobs(
    drive: Path, camera: int, options: KittiBagOptions, report: KittiBagReport, track: KittiTrack
) -> list[_Job]:
    calibration = read_camera(drive.parent / FILE_NAME, camera)
    place = baseline(drive.parent, camera)
    return [
        (int(stamp), partial(_write_image, camera, calibration, place, options, report, file))
        for file, stamp in zip(track.files, track.stamps)
    ]


def _write_image(
    camera: int,
    calibration: KittiCamera,
    place: float,
    options: KittiBagOptions,
    report: KittiBagReport,
    file: Path,
    bag: BagWriter,
    stamp: int,
) -> None:
    pixels = read_image(file)
    if pixels.shape[:2] != calibration.size:
        raise ValueError(
            f"Image '{file}' is {pixels.shape[1]}x{pixels.shape[0]}, but {FILE_NAME} of its day "
            f'says {calibration.size[1]}x{calibration.size[0]}. Use the rectified (sync) images '
            'and the calibration of that day.'
        )
    frame, topic = optical_frame(camera), image_topic(camera, options.images)
    K = calibration.K
    P = np.hstack([K, [[-K[0, 0] * place], [0], [0]]])
    bag.write_camera_info(info_topic(camera), stamp, frame, calibration.size, K, D=[0.0] * 5, P=P)
    is_gray = bool((pixels == pixels[..., :1]).all())
    if options.images == 'raw':
        bag.write_image(
            topic,
            stamp,
            frame,
            'mono8' if is_gray else 'rgb8',
            pixels[..., 0] if is_gray else pixels,
        )
    else:
        data = _encoded(file, pixels, options.images)
        bag.write_compressed(topic, stamp, frame, options.images, data)
    report.messages.update([topic, info_topic(camera)])


def _encoded(file: Path, pixels: NDArray[np.uint8], form: str) -> bytes:
    """Return the file's own bytes where it has the form already, so that nothing is lost twice."""
    if kind_of(file).name == form.upper():
        return file.read_bytes()
    quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if form == 'jpeg' else []
    done, data = cv2.imencode(f'.{form}', pixels[..., ::-1], quality)
    assert done
    return bytes(data)


def _scan_jobs(report: KittiBagReport, track: KittiTrack) -> list[_Job]:
    def write(file: Path, bag: BagWriter, stamp: int) -> None:
        bag.write_cloud(CLOUD_TOPIC, stamp, VELODYNE, read_points(file), CLOUD_FIELDS)
        report.messages[CLOUD_TOPIC] += 1

    return [(int(stamp), partial(write, file)) for file, stamp in zip(track.files, track.stamps)]


def _inertial_jobs(report: KittiBagReport, track: KittiTrack) -> list[_Job]:
    origin = read_oxts(track.files[0])
    start = _base_pose(origin, origin)[:3, 3]

    def write(file: Path, bag: BagWriter, stamp: int) -> None:
        record = read_oxts(file)
        pose = _base_pose(record, origin)
        pose[:3, 3] -= start
        bag.write_transforms('/tf', stamp, [(ODOM, BASE, pose)])
        _write_odometry(bag, stamp, record, pose)
        _write_imu(bag, stamp, record)
        _write_fix(bag, stamp, record)
        report.messages.update(['/tf', ODOM_TOPIC, IMU_TOPIC, FIX_TOPIC])

    return [(int(stamp), partial(write, file)) for file, stamp in zip(track.files, track.stamps)]


def _base_pose(record: OxtsRecord, origin: OxtsRecord) -> NDArray[np.float64]:
    return np.asarray(unit_pose(record, origin) @ inverse_rigid(BASE_FROM_IMU))


def _write_odometry(
    bag: BagWriter, stamp: int, record: OxtsRecord, pose: NDArray[np.float64]
) -> None:
    """Write where base_link is in odom, and how it moves in its own axes."""
    lever = inverse_rigid(BASE_FROM_IMU)[:3, 3]
    velocity = record.rotation.T @ record.velocity + np.cross(record.angular_velocity, lever)
    place = bag.make(
        'geometry_msgs/msg/Pose',
        position=bag.xyz('Point', pose[:3, 3]),
        orientation=bag.rotation(pose[:3, :3]),
    )
    twist = bag.make(
        'geometry_msgs/msg/Twist',
        linear=bag.xyz('Vector3', velocity),
        angular=bag.xyz('Vector3', record.angular_velocity),
    )
    bag.write_message(
        ODOM_TOPIC,
        'nav_msgs/msg/Odometry',
        stamp,
        header=bag.header(stamp, ODOM),
        child_frame_id=BASE,
        pose=bag.make('geometry_msgs/msg/PoseWithCovariance', pose=place, covariance=_unknown(6)),
        twist=bag.make(
            'geometry_msgs/msg/TwistWithCovariance', twist=twist, covariance=_unknown(6)
        ),
    )


def _write_imu(bag: BagWriter, stamp: int, record: OxtsRecord) -> None:
    bag.write_message(
        IMU_TOPIC,
        'sensor_msgs/msg/Imu',
        stamp,
        header=bag.header(stamp, IMU),
        orientation=bag.rotation(record.rotation),
        orientation_covariance=_unknown(3),
        angular_velocity=bag.xyz('Vector3', record.angular_velocity),
        angular_velocity_covariance=_unknown(3),
        linear_acceleration=bag.xyz('Vector3', record.acceleration),
        linear_acceleration_covariance=_unknown(3),
    )


def _write_fix(bag: BagWriter, stamp: int, record: OxtsRecord) -> None:
    has_fix, gps, approximated = 0, 1, 1
    bag.write_message(
        FIX_TOPIC,
        'sensor_msgs/msg/NavSatFix',
        stamp,
        header=bag.header(stamp, IMU),
        status=bag.make('sensor_msgs/msg/NavSatStatus', status=has_fix, service=gps),
        latitude=record.latitude,
        longitude=record.longitude,
        altitude=record.altitude,
        position_covariance=np.eye(3).ravel() * record.position_accuracy**2,
        position_covariance_type=approximated,
    )


def _unknown(side: int) -> NDArray[np.float64]:
    """Return a covariance of zeros, which is how messages say that it is not known."""
    return np.zeros(side * side)
