"""Read image files, with errors that name the file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read an image file as (H, W, 3) uint8 RGB; gray becomes three equal channels.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds no image that OpenCV can read, e.g. because it is cut short.
    """
    if not path.is_file():
        raise FileNotFoundError(f"Image '{path}' does not exist.")
    data = np.fromfile(path, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if image is None:
        raise ValueError(
            f"Image '{path}' ({path.stat().st_size} bytes) cannot be decoded: the file is empty, "
            'cut short or no image. Copy it again, or drop its line from the split.'
        )
    return np.ascontiguousarray(image[..., ::-1], dtype=np.uint8)
