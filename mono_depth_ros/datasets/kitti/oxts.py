"""What KITTI's GPS and inertial unit recorded: one oxts/data/*.txt a frame."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.geometry.rotations import matrix_from_euler, rigid

Vector = NDArray[np.float64]

_COUNT = 30
_EARTH_RADIUS = 6_378_137.0  # [m], of the development kit's Mercator map


class OxtsRecord(NamedTuple):
    """One reading; the unit's axes are forward, left, up, the map's east, north, up.

    Attributes:
        latitude: [deg].
        longitude: [deg].
        altitude: [m].
        rotation: (3, 3) map_from_unit.
        velocity: (3,) east, north, up [m/s].
        acceleration: (3,) along the unit's axes, gravity included [m/s²].
        angular_velocity: (3,) about the unit's axes [rad/s].
        position_accuracy: standard deviation [m].
    """

    latitude: float
    longitude: float
    altitude: float
    rotation: Vector
    velocity: Vector
    acceleration: Vector
    angular_velocity: Vector
    position_accuracy: float


def read_oxts(path: Path) -> OxtsRecord:
    """Read one frame of oxts/data.

    Raises:
        ValueError: it does not hold 30 numbers.
    """
    try:
        values = np.array([float(word) for word in path.read_text(encoding='utf-8').split()])
    except (UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"'{path}' holds words that are no numbers: {error}") from error
    if values.size != _COUNT or not np.isfinite(values).all():
        raise ValueError(
            f"'{path}' has {values.size} numbers; expected {_COUNT} finite ones, as "
            'oxts/dataformat.txt lists them. Copy the file again.'
        )
    latitude, longitude, altitude, roll, pitch, yaw, north, east = values[:8].tolist()
    return OxtsRecord(
        latitude,
        longitude,
        altitude,
        matrix_from_euler(roll, pitch, yaw),
        np.array([east, north, values[10]]),
        values[11:14],
        values[17:20],
        float(values[23]),
    )


def unit_pose(record: OxtsRecord, origin: OxtsRecord) -> Vector:
    """Return map_from_unit (4, 4) in metres east, north and up of the origin's place.

    The map is the Mercator projection of KITTI's development kit, true to scale at the origin
    (Geiger et al., "Vision meets robotics", IJRR 2013).
    """
    scale = np.cos(np.radians(origin.latitude))
    return rigid(record.rotation, _mercator(record, scale) - _mercator(origin, scale))


def _mercator(record: OxtsRecord, scale: float) -> Vector:
    east = np.radians(record.longitude)
    north = np.log(np.tan(np.pi / 4 + np.radians(record.latitude) / 2))
    return np.array([*(scale * _EARTH_RADIUS * np.array([east, north])), record.altitude])
