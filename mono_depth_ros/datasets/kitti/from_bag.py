"""Write a bag in the layout of KITTI raw, for trainers that read nothing else."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader

from mono_depth_ros.bags.index import find_camera_info, index_bag
from mono_depth_ros.bags.reader import (
    COMPRESSED_TYPE,
    image_topics,
    open_bag,
    read_objects,
    rgb_from_bag_message,
    select_connections,
)
from mono_depth_ros.bags.timing import NONE, nearest_in_time
from mono_depth_ros.bags.transforms import transform_takers
from mono_depth_ros.datasets.kitti.drive import (
    CAMERAS,
    SCANNER,
    STAMP_FILE,
    camera_folder,
    date_of,
    write_stamps,
)
from mono_depth_ros.datasets.kitti.frames import IMU as DEFAULT_IMU
from mono_depth_ros.datasets.kitti.layout import PlacedCamera, write_day
from mono_depth_ros.datasets.kitti.options import KittiLayoutOptions
from mono_depth_ros.datasets.kitti.to_bag import image_topic
from mono_depth_ros.geometry.rotations import inverse_rigid, rigid
from mono_depth_ros.geometry.transforms import TransformTree
from mono_depth_ros.messages.calibration_file import geometry_of
from mono_depth_ros.messages.camera_info import CameraModel, ImageGeometry, rectify_image
from mono_depth_ros.messages.point_cloud import read_cloud
from mono_depth_ros.stamps import NANOSECONDS, stamp_of
from mono_depth_ros.types import Matrix

Stamps = NDArray[np.int64]
Progress = Callable[[int, int], None]

CLOUD_TYPE, IMU_TYPE = 'sensor_msgs/msg/PointCloud2', 'sensor_msgs/msg/Imu'
NO_LIDAR = 'none'
_GRAY = ('mono8', 'mono16')
_JPEG_QUALITY = 95


@dataclass
class KittiLayoutReport:
    """What was written.

    Attributes:
        drive: the folder of the drive.
        files: how many, by sensor folder.
        skipped: how many messages were left out, by reason.
        notes: what the user should know.
    """

    drive: Path
    files: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _Camera:
    """How the images of a camera are read, and how they are turned when they are rectified."""

    model: CameraModel
    geometry: ImageGeometry
    rotation: Matrix


@dataclass(frozen=True, eq=False)
class _Sensor:
    """One topic on its way into a folder; `frames` says which stamp becomes which number."""

    folder: str
    topic: str
    frame_id: str
    stamps: Stamps
    camera: _Camera | None = None
    frames: dict[int, int] = field(default_factory=dict)


def write_kitti(
    bag: Path,
    root: Path,
    options: KittiLayoutOptions,
    on_message: Progress = lambda done, total: None,
) -> KittiLayoutReport:
    """Write the cameras and the lidar of a bag as root/<date>/<date>_drive_<number>_sync.

    The first camera counts the frames; of the other sensors the message nearest in time becomes
    part of a frame. Images are rectified where the calibration says that they are not.

    Args:
        bag: any bag.
        root: gets the folder of the day, named by the first stamp (UTC).
        options: what to write, and how.
        on_message: called with the number of messages done, and of all.

    Raises:
        FileExistsError: there is such a drive already.
        FileNotFoundError, ValueError: the bag lacks something, or cannot be said in that layout.
    """
    with open_bag(bag) as reader:
        tree = TransformTree()
        cameras = _find_cameras(reader, options, tree)
        lidar = _find_lidar(reader, options)
        sensors = [*cameras.values(), *([lidar] if lidar else [])]
        date = date_of(int(sensors[0].stamps[0]))
        drive = root / date / f'{date}_drive_{options.drive:04}_sync'
        report = KittiLayoutReport(drive)
        _assign_frames(sensors, options.tolerance, report)
        placed = _placed(cameras, tree)
        scanner, unit = _scanner_and_unit(reader, tree, sensors[0], lidar)
        with _new_folder(drive):
            write_day(drive.parent, placed, date, scanner, unit)
            _write_files(reader, sensors, options, report, on_message)
            _write_stamps(drive, sensors)
    return report


def _find_cameras(
    reader: AnyReader, options: KittiLayoutOptions, tree: TransformTree
) -> dict[int, _Sensor]:
    """Return the cameras by number; the same pass fills the tree of transforms."""
    topics = dict(sorted((options.cameras or _usual_cameras(reader)).items()))
    infos = {
        camera: find_camera_info(reader, topic, options.infos.get(camera))
        for camera, topic in topics.items()
    }
    index = index_bag(
        reader,
        list(topics.values()),
        list(infos.values()),
        stamps=options.stamps,
        takers=transform_takers(reader, tree),
    )
    cameras = {}
    for number, topic in topics.items():
        model = index.cameras[infos[number]]
        geometry = geometry_of(model, options.input, f"camera_info on '{infos[number]}'")
        is_turned = geometry.maps is not None or options.input == 'rectified'
        camera = _Camera(model, geometry, model.R if is_turned else np.eye(3))
        cameras[number] = _Sensor(
            camera_folder(number),
            topic,
            _frame_of(reader, topic),
            index.images[topic].stamps,
            camera,
        )
    return cameras


def _find_lidar(reader: AnyReader, options: KittiLayoutOptions) -> _Sensor | None:
    topic = _usual_lidar(reader) if options.lidar is None else options.lidar
    if not topic or topic == NO_LIDAR:
        return None
    stamps = _cloud_stamps(reader, topic, options.stamps)
    return _Sensor(SCANNER, topic, _frame_of(reader, topic), stamps)


def _frame_of(reader: AnyReader, topic: str) -> str:
    """Return the frame of the first message of a topic that is not empty."""
    connections = select_connections(reader, [topic])
    _, _, message = next(read_objects(reader, connections))
    return str(message.header.frame_id).lstrip('/')


def _usual_cameras(reader: AnyReader) -> dict[int, str]:
    counts = image_topics(reader)
    usual = {
        camera: topic
        for camera in CAMERAS
        for form in ('raw', 'png')
        if (topic := image_topic(camera, form)) in counts
    }
    if usual:
        return usual
    if len(counts) == 1:
        return {2: next(iter(counts))}
    raise ValueError(
        f'The bag holds {len(counts)} image topics: {", ".join(sorted(counts))}. Say '
        'which is which camera: --camera 2=/left/image_rect 3=/right/image_rect.'
    )


def _usual_lidar(reader: AnyReader) -> str | None:
    topics = sorted(topic for topic, info in reader.topics.items() if info.msgtype == CLOUD_TYPE)
    if len(topics) > 1:
        raise ValueError(
            f'The bag holds {len(topics)} point clouds: {", ".join(topics)}. Choose '
            "the lidar's with --lidar, or --lidar none."
        )
    return topics[0] if topics else None


def _cloud_stamps(reader: AnyReader, topic: str, stamps: str) -> Stamps:
    connections = select_connections(reader, [topic])
    if connections[0].msgtype != CLOUD_TYPE:
        raise ValueError(f"'{topic}' carries {connections[0].msgtype}, expected {CLOUD_TYPE}.")
    found = [
        log_time if stamps == 'log' else stamp_of(message)
        for _, log_time, message in read_objects(reader, connections)
    ]
    if not found:
        raise ValueError(f"Topic '{topic}' has no clouds. Leave it out with --lidar none.")
    return np.unique(np.array(found, np.int64))


def _assign_frames(
    sensors: list[_Sensor], tolerance: float | None, report: KittiLayoutReport
) -> None:
    """Number the frames by the first sensor, and give every other one its nearest messages."""
    master = sensors[0].stamps
    if tolerance is None:
        period = int(np.median(np.diff(master))) if len(master) > 1 else 0
        limit = period // 2
    else:
        limit = round(tolerance * NANOSECONDS)
    for sensor in sensors:
        nearest = nearest_in_time(sensor.stamps, master, limit)
        for frame, index in enumerate(nearest):
            if index != NONE:
                sensor.frames.setdefault(int(sensor.stamps[index]), frame)
        left_out = len(sensor.stamps) - len(sensor.frames)
        if left_out:
            report.skipped[f'{sensor.topic}: no image of {sensors[0].topic} at that time'] = (
                left_out
            )
        if not sensor.frames:
            raise ValueError(
                f"No message on '{sensor.topic}' is within {limit / NANOSECONDS:.3f} s of an "
                f"image on '{sensors[0].topic}': their stamps come from two clocks. Try "
                '--stamps log, or a larger --tolerance.'
            )


def _write_files(
    reader: AnyReader,
    sensors: list[_Sensor],
    options: KittiLayoutOptions,
    report: KittiLayoutReport,
    on_message: Progress,
) -> None:
    by_topic = {sensor.topic: sensor for sensor in sensors}
    total = sum(reader.topics[topic].msgcount for topic in by_topic)
    for sensor in sensors:
        (report.drive / sensor.folder / 'data').mkdir(parents=True)
    messages = read_objects(reader, select_connections(reader, list(by_topic)))
    for done, (connection, log_time, message) in enumerate(messages, start=1):
        sensor = by_topic[connection.topic]
        stamp = log_time if options.stamps == 'log' else stamp_of(message)
        frame = sensor.frames.get(stamp)
        if frame is not None:
            stem = report.drive / sensor.folder / 'data' / f'{frame:010}'
            try:
                _write_one(sensor, message, stem, options.images, report)
                report.files[sensor.folder] += 1
            except ValueError as error:
                report.skipped[f'{sensor.topic}: {error}'] += 1
        on_message(done, total)


def _write_one(
    sensor: _Sensor, message: Any, stem: Path, form: str, report: KittiLayoutReport
) -> None:
    if sensor.camera is not None:
        _write_image(message, stem, form, sensor.camera.model, sensor.camera.geometry)
        return
    points, intensity = read_cloud(message)
    if intensity is None:
        note = f"'{sensor.topic}' has no intensity: the scans' reflectance is 0"
        report.notes += [note] if note not in report.notes else []
        intensity = np.zeros(len(points), np.float32)
    scan = np.column_stack([points, intensity]).astype('<f4')
    stem.with_suffix('.bin').write_bytes(scan[np.isfinite(scan).all(axis=1)].tobytes())


def _write_image(
    message: Any, stem: Path, form: str, model: CameraModel, geometry: ImageGeometry
) -> None:
    pixels = rgb_from_bag_message(message)
    if pixels.shape[:2] != model.size:
        raise ValueError(
            f'an image is {pixels.shape[1]}x{pixels.shape[0]}, its camera_info is '
            f'for {model.size[1]}x{model.size[0]}'
        )
    is_compressed = message.__msgtype__ == COMPRESSED_TYPE
    if is_compressed and geometry.maps is None:
        data = bytes(message.data)
        own = 'jpg' if data.startswith(b'\xff\xd8') else 'png'
        if form in ('keep', own):
            stem.with_suffix(f'.{own}').write_bytes(data)
            return
    pixels = rectify_image(pixels, geometry)
    is_gray = not is_compressed and message.encoding in _GRAY
    ending = '.jpg' if form == 'jpg' else '.png'
    quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if form == 'jpg' else []
    done, encoded = cv2.imencode(ending, pixels[..., 0] if is_gray else pixels[..., ::-1], quality)
    assert done
    stem.with_suffix(ending).write_bytes(bytes(encoded))


def _write_stamps(drive: Path, sensors: list[_Sensor]) -> None:
    """Write one line per frame; where a sensor has none, the first one's stamp holds the line."""
    for sensor in sensors:
        stamps = sensors[0].stamps.copy()
        for stamp, frame in sensor.frames.items():
            stamps[frame] = stamp
        write_stamps(drive / sensor.folder / STAMP_FILE, stamps.tolist())


def _placed(cameras: Mapping[int, _Sensor], tree: TransformTree) -> dict[int, PlacedCamera]:
    reference = next(iter(cameras.values()))
    placed = {}
    for number, sensor in cameras.items():
        assert sensor.camera is not None
        placed[number] = PlacedCamera(
            sensor.camera.geometry.K_out,
            sensor.camera.model.size,
            sensor.camera.rotation,
            _optical_from_reference(sensor, reference, tree),
        )
    return placed


def _optical_from_reference(sensor: _Sensor, reference: _Sensor, tree: TransformTree) -> Matrix:
    """Return where the reference is for a camera: by the transforms, else by P as in ROS."""
    if sensor is reference:
        return np.eye(4)
    try:
        return tree.lookup(sensor.frame_id, reference.frame_id)
    except ValueError as error:
        assert sensor.camera is not None and reference.camera is not None
        x, x_reference = (
            P[0, 3] / P[0, 0] if P.any() else 0.0
            for P in (sensor.camera.model.P, reference.camera.model.P)
        )
        if x == x_reference:
            raise ValueError(
                f"Nothing says where '{sensor.topic}' is beside '{reference.topic}': P of both "
                f'camera_info are of one place, and: {error}'
            ) from error
        turned, turned_reference = (
            rigid(c.rotation, (0, 0, 0)) for c in (sensor.camera, reference.camera)
        )
        place = rigid(np.eye(3), (x - x_reference, 0, 0))
        return np.asarray(inverse_rigid(turned) @ place @ turned_reference)


def _scanner_and_unit(
    reader: AnyReader, tree: TransformTree, reference: _Sensor, lidar: _Sensor | None
) -> tuple[Matrix | None, Matrix | None]:
    """Return camera_from_lidar and lidar_from_imu (4, 4), None where there is no such sensor."""
    if lidar is None:
        return None, None
    try:
        camera_from_lidar = tree.lookup(reference.frame_id, lidar.frame_id)
    except ValueError as error:
        raise ValueError(
            f"'{lidar.topic}' cannot be placed beside '{reference.topic}': {error} "
            'Or leave the scans out with --lidar none.'
        ) from error
    units = [topic for topic, info in reader.topics.items() if info.msgtype == IMU_TYPE]
    frame = _frame_of(reader, units[0]) if units else DEFAULT_IMU
    return (
        camera_from_lidar,
        tree.lookup(lidar.frame_id, frame) if frame in tree.frames else None,
    )


@contextmanager
def _new_folder(path: Path) -> Iterator[None]:
    """Make a folder; what an error leaves half written is removed again."""
    if path.exists():
        raise FileExistsError(
            f"Drive '{path}' exists already. Choose another --drive, or remove it."
        )
    path.mkdir(parents=True)
    try:
        yield
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
