"""How many of its bits a 16-bit image uses: many cameras fill only the lower ones."""

from __future__ import annotations

from typing import Any

import numpy as np

_STRIDE = 61  # a prime: no column, colour or row of a mosaic is always the one looked at


def largest_value(data: Any, encoding: str, is_bigendian: bool) -> int | None:
    """Return about the largest value of a 16-bit image message; None for any other encoding.

    Args:
        data: the bytes of the message.
        encoding: as in sensor_msgs, such as 'mono16' or 'bayer_rggb16'.
        is_bigendian: byte order of the values.
    """
    if not encoding.endswith('16'):
        return None
    whole = np.frombuffer(data, np.uint8)
    values = whole[: whole.size // 2 * 2].view('>u2' if is_bigendian else '<u2')[::_STRIDE]
    return int(values.max()) if values.size else None


def unused_bits(largest: int) -> int:
    """Return how many of the upper bits of 16 a value as large as this leaves empty.

    An all-black image says nothing, so 0.
    """
    return 16 - largest.bit_length() if largest else 0
