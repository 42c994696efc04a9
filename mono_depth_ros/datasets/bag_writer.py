"""Write camera bags (images, camera_info) without a ROS installation."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

STORAGES = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}
NANOSECONDS = 1_000_000_000

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


class CameraBagWriter:
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

    def __enter__(self) -> CameraBagWriter:
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
        self, topic: str, stamp_ns: int, frame_id: str, encoding: str, array: NDArray[Any]
    ) -> None:
        """Write a `sensor_msgs/msg/Image`.

        Args:
            topic: absolute topic name.
            stamp_ns: header stamp and log time [ns].
            frame_id: frame of the camera's optical axis.
            encoding: name of the pixel layout, e.g. 'bgr8'.
            array: (H, W) or (H, W, C); its bytes become the data, one image row per row.
        """
        rows = np.ascontiguousarray(array)
        data = rows.view(np.uint8).reshape(-1)
        self._write(
            topic,
            'sensor_msgs/msg/Image',
            stamp_ns,
            header=self._header(stamp_ns, frame_id),
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
        self._write(
            topic,
            'sensor_msgs/msg/CompressedImage',
            stamp_ns,
            header=self._header(stamp_ns, frame_id),
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
    ) -> None:
        """Write a `sensor_msgs/msg/CameraInfo`.

        Args:
            topic: absolute topic name.
            stamp_ns: header stamp and log time [ns].
            frame_id: frame of the camera's optical axis.
            size: (H, W) of the camera's images.
            K: (3, 3) intrinsics [px].
            D: distortion coefficients; none for a rectified camera.
            R: (3, 3) rectification; identity when not given.
            P: (3, 4) projection of the rectified image; [K | 0] when not given.
            distortion_model: the model that `D` belongs to.
        """
        projection = np.hstack([np.asarray(K), np.zeros((3, 1))]) if P is None else P
        region = self._typestore.types['sensor_msgs/msg/RegionOfInterest']
        self._write(
            topic,
            'sensor_msgs/msg/CameraInfo',
            stamp_ns,
            header=self._header(stamp_ns, frame_id),
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
                offered_qos_profiles=[_RELIABLE],
            )
        self._writer.write(self._connections[topic], stamp_ns, data)

    def _write(self, topic: str, message_type: str, stamp_ns: int, **fields: Any) -> None:
        message = self._typestore.types[message_type](**fields)
        data = self._typestore.serialize_cdr(message, message_type)
        self.write_serialized(topic, message_type, stamp_ns, data)

    def _header(self, stamp_ns: int, frame_id: str) -> Any:
        seconds, nanoseconds = divmod(stamp_ns, NANOSECONDS)
        stamp = self._typestore.types['builtin_interfaces/msg/Time'](
            sec=seconds, nanosec=nanoseconds
        )
        return self._typestore.types['std_msgs/msg/Header'](stamp=stamp, frame_id=frame_id)


def _flat(values: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(values, np.float64).reshape(-1)
