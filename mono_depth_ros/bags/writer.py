"""Write bags without a ROS installation: a robot's sensors, or a copy of another bag."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rosbags.convert.converter import create_connections_converters
from rosbags.highlevel import AnyReader
from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import Writer
from rosbags.typesys import Stores, get_typestore

from mono_depth_ros.bags.storages import STORAGES
from mono_depth_ros.geometry.rotations import quaternion_from_matrix
from mono_depth_ros.messages.point_cloud import FLOAT32
from mono_depth_ros.stamps import NANOSECONDS

STATIC_TOPIC = '/tf_static'

_FOREVER = QosTime(2147483647, 4294967295)
_RELIABLE = Qos(
    QosHistory.KEEP_LAST,
    10,
    QosReliability.RELIABLE,
    QosDurability.VOLATILE,
    _FOREVER,
    _FOREVER,
    QosLiveliness.AUTOMATIC,
    _FOREVER,
    avoid_ros_namespace_conventions=False,
)
_LATCHED = _RELIABLE._replace(durability=QosDurability.TRANSIENT_LOCAL)

Copy = Callable[[Connection, int, bytes], None]


@contextmanager
def new_bag(path: str | Path, storage: str = 'mcap') -> Iterator[BagWriter]:
    """Write a new bag; what an error leaves half written is removed again.

    Raises:
        FileExistsError: there is something at the path.
    """
    bag = BagWriter(path, storage)
    try:
        with bag:
            yield bag
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


class BagWriter:
    """A ROS 2 bag that is being written; use it in a `with` statement.

    Args:
        path: folder of the new bag; must not exist.
        storage: 'mcap' or 'sqlite3'.
    """

    def __init__(self, path: str | Path, storage: str = 'mcap') -> None:
        if storage not in STORAGES:
            raise ValueError(
                f"Unknown bag storage '{storage}'. Expected one of: {', '.join(STORAGES)}."
            )
        if Path(path).exists():
            raise FileExistsError(
                f"Bag '{path}' exists already. Remove it or choose another name."
            )
        # Version 8 of the bag's metadata is the newest that every supported rosbag2 reads.
        self._writer = Writer(Path(path), version=8, storage_plugin=STORAGES[storage])
        self._typestore = get_typestore(Stores.ROS2_JAZZY)
        self._connections: dict[str, Connection] = {}

    def __enter__(self) -> BagWriter:
        self._writer.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._writer.__exit__(kind, error, traceback)

    def write_image(
        self,
        topic: str,
        stamp_ns: int,
        frame_id: str,
        encoding: str,
        array: NDArray[Any],
        *,
        log_time_ns: int | None = None,
    ) -> None:
        """Write a `sensor_msgs/msg/Image`.

        Args:
            topic: absolute topic name.
            stamp_ns: header stamp [ns].
            frame_id: frame of the camera's optical axis.
            encoding: name of the pixel layout, e.g. 'bgr8'.
            array: (H, W) or (H, W, C); its bytes become the data, one image row per row.
            log_time_ns: when it was recorded [ns]; the stamp when not given.
        """
        rows = np.ascontiguousarray(array)
        data = rows.view(np.uint8).reshape(-1)
        self.write_message(
            topic,
            'sensor_msgs/msg/Image',
            stamp_ns if log_time_ns is None else log_time_ns,
            header=self.header(stamp_ns, frame_id),
            height=rows.shape[0],
            width=rows.shape[1],
            encoding=encoding,
            is_bigendian=int(rows.dtype.newbyteorder('=') != rows.dtype),
            step=data.size // rows.shape[0],
            data=data,
        )

    def write_compressed(
        self, topic: str, stamp_ns: int, frame_id: str, format_: str, data: bytes
    ) -> None:
        """Write a `sensor_msgs/msg/CompressedImage`: `data` is a whole JPEG or PNG file."""
        self.write_message(
            topic,
            'sensor_msgs/msg/CompressedImage',
            stamp_ns,
            header=self.header(stamp_ns, frame_id),
            format=format_,
            data=np.frombuffer(data, np.uint8),
        )

    def write_camera_info(
        self,
        topic: str,
        stamp_ns: int,
        frame_id: str,
        size: tuple[int, int],
        K: ArrayLike,
        *,
        D: ArrayLike = (),
        R: ArrayLike | None = None,
        P: ArrayLike | None = None,
        distortion_model: str = 'plumb_bob',
        log_time_ns: int | None = None,
    ) -> None:
        """Write a `sensor_msgs/msg/CameraInfo`.

        Args:
            topic: absolute topic name.
            stamp_ns: header stamp [ns].
            frame_id: frame of the camera's optical axis.
            size: (H, W) of the camera's images.
            K: (3, 3) intrinsics [px].
            D: distortion coefficients; none for a rectified camera.
            R: (3, 3) rectification; identity when not given.
            P: (3, 4) projection of the rectified image; [K | 0] when not given.
            distortion_model: the model that `D` belongs to.
            log_time_ns: when it was recorded [ns]; the stamp when not given.
        """
        projection = np.hstack([np.asarray(K), np.zeros((3, 1))]) if P is None else P
        region = self._typestore.types['sensor_msgs/msg/RegionOfInterest']
        self.write_message(
            topic,
            'sensor_msgs/msg/CameraInfo',
            stamp_ns if log_time_ns is None else log_time_ns,
            header=self.header(stamp_ns, frame_id),
            height=size[0],
            width=size[1],
            distortion_model=distortion_model,
            d=_flat(D),
            k=_flat(K),
            r=_flat(np.eye(3) if R is None else R),
            p=_flat(projection),
            binning_x=0,
            binning_y=0,
            roi=region(x_offset=0, y_offset=0, height=0, width=0, do_rectify=False),
        )

    def write_cloud(
        self,
        topic: str,
        stamp_ns: int,
        frame_id: str,
        cloud: NDArray[np.float32],
        names: tuple[str, ...],
        *,
        log_time_ns: int | None = None,
    ) -> None:
        """Write a `sensor_msgs/msg/PointCloud2` of 4-byte floats.

        Args:
            topic: absolute topic name.
            stamp_ns: header stamp [ns].
            frame_id: the frame of the points.
            cloud: (N, F) unordered points, or (H, W, F) organised ones, NaN where there is none.
            names: of the F fields, such as x, y, z, intensity.
            log_time_ns: when it was recorded [ns]; the stamp when not given.
        """
        rows = np.ascontiguousarray(cloud[None] if cloud.ndim == 2 else cloud, '<f4')
        field = self._typestore.types['sensor_msgs/msg/PointField']
        step = 4 * len(names)
        self.write_message(
            topic,
            'sensor_msgs/msg/PointCloud2',
            stamp_ns if log_time_ns is None else log_time_ns,
            header=self.header(stamp_ns, frame_id),
            height=rows.shape[0],
            width=rows.shape[1],
            fields=[field(name, 4 * index, FLOAT32, 1) for index, name in enumerate(names)],
            is_bigendian=False,
            point_step=step,
            row_step=step * rows.shape[1],
            data=rows.view(np.uint8).reshape(-1),
            is_dense=cloud.ndim == 2,
        )

    def write_transforms(
        self, topic: str, stamp_ns: int, transforms: Sequence[tuple[str, str, NDArray[np.float64]]]
    ) -> None:
        """Write a `tf2_msgs/msg/TFMessage`; on /tf_static it is latched.

        Args:
            topic: /tf or /tf_static.
            stamp_ns: header stamp and log time [ns].
            transforms: (parent, child, parent_from_child (4, 4)) each.
        """
        stamped = [
            self.make(
                'geometry_msgs/msg/TransformStamped',
                header=self.header(stamp_ns, parent),
                child_frame_id=child,
                transform=self.make(
                    'geometry_msgs/msg/Transform',
                    translation=self.xyz('Vector3', transform[:3, 3]),
                    rotation=self.rotation(transform[:3, :3]),
                ),
            )
            for parent, child, transform in transforms
        ]
        self.write_message(topic, 'tf2_msgs/msg/TFMessage', stamp_ns, transforms=stamped)

    def make(self, message_type: str, **fields: Any) -> Any:
        """Return a message of a type, to be a part of another one."""
        return self._typestore.types[message_type](**fields)

    def header(self, stamp_ns: int, frame_id: str) -> Any:
        """Return a `std_msgs/msg/Header`."""
        seconds, nanoseconds = divmod(stamp_ns, NANOSECONDS)
        stamp = self.make('builtin_interfaces/msg/Time', sec=seconds, nanosec=nanoseconds)
        return self.make('std_msgs/msg/Header', stamp=stamp, frame_id=frame_id)

    def xyz(self, kind: str, values: ArrayLike) -> Any:
        """Return a `geometry_msgs` Vector3 or Point of three numbers."""
        x, y, z = _flat(values).tolist()
        return self.make(f'geometry_msgs/msg/{kind}', x=x, y=y, z=z)

    def rotation(self, matrix: ArrayLike) -> Any:
        """Return a `geometry_msgs/msg/Quaternion` of a rotation (3, 3)."""
        x, y, z, w = quaternion_from_matrix(matrix).tolist()
        return self.make('geometry_msgs/msg/Quaternion', x=x, y=y, z=z, w=w)

    def note(self, key: str, value: str) -> None:
        """Keep a remark in the bag's metadata (custom_data)."""
        self._writer.set_custom_data(key, value)

    def copy_from(self, reader: AnyReader, connections: Sequence[Connection]) -> Copy:
        """Declare topics of another bag here, and return what copies one message of them.

        Messages of ROS 2 keep their bytes, those of ROS 1 are written as ROS 2 has them; topics
        keep their QoS, and what was latched stays so.
        """
        typestore = None if reader.is2 else self._typestore
        with redirect_stdout(io.StringIO()):  # the library tells of every type that differs
            targets, converters = create_connections_converters(
                connections, typestore, reader, self._writer
            )

        def copy(connection: Connection, log_time_ns: int, data: bytes) -> None:
            target = targets[connection.id, connection.owner]
            self._writer.write(target, log_time_ns, converters[connection.msgtype](data))

        return copy

    def write_message(
        self, topic: str, message_type: str, log_time_ns: int, **fields: Any
    ) -> None:
        """Write a message of any type that ROS 2 comes with.

        Args:
            topic: absolute topic name.
            message_type: e.g. 'sensor_msgs/msg/Imu'.
            log_time_ns: when it was recorded [ns].
            fields: every field of the message.
        """
        message = self.make(message_type, **fields)
        data = self._typestore.serialize_cdr(message, message_type)
        self.write_serialized(topic, message_type, log_time_ns, data)

    def write_serialized(
        self, topic: str, message_type: str, stamp_ns: int, data: bytes | memoryview
    ) -> None:
        """Write a message that is serialised (CDR) already, as a subscription hands it over.

        Args:
            topic: absolute topic name.
            message_type: e.g. 'sensor_msgs/msg/Image'.
            stamp_ns: log time [ns].
            data: the message in CDR.
        """
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(
                topic,
                message_type,
                typestore=self._typestore,
                offered_qos_profiles=[_LATCHED if topic == STATIC_TOPIC else _RELIABLE],
            )
        self._writer.write(self._connections[topic], stamp_ns, data)


def _flat(values: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(values, np.float64).reshape(-1)
