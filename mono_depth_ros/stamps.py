"""Time stamps of messages in nanoseconds: as whole numbers they are exact."""

from typing import Any

NANOSECONDS = 1_000_000_000  # in a second


def stamp_ns(stamp: Any) -> int:
    """Return a builtin_interfaces/Time, of rclpy or of a bag's reader [ns]."""
    return int(stamp.sec) * NANOSECONDS + int(stamp.nanosec)


def stamp_of(message: Any) -> int:
    """Return the stamp in a message's header [ns]."""
    return stamp_ns(message.header.stamp)
