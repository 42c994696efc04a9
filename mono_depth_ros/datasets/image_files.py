"""Read image files, with errors that name the file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.messages.encoded_size import is_cut_jpeg


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read an image file as (H, W, 3) uint8 RGB; gray becomes three equal channels.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds no image that OpenCV can read, e.g. because it is cut short.
    """
    if not path.is_file():
        raise FileNotFoundError(f"Image '{path}' does not exist.")
    data = np.fromfile(path, np.uint8)
    # OpenCV 4 would fill up a JPEG that was cut off.
    is_whole = data.size > 0 and not is_cut_jpeg(data)
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if is_whole else None
    except cv2.error as error:  # more pixels than OpenCV takes
        raise ValueError(
            f"Image '{path}' cannot be decoded: {error.err}. Expected at most 2^30 pixels."
        ) from error
    if image is None:
        raise ValueError(
            f"Image '{path}' ({path.stat().st_size} bytes) cannot be decoded: the file is empty, "
            'cut short or no image of 8 or 16 bits. Copy it again, or leave it out.'
        )
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def read_label_map(path: Path) -> NDArray[np.uint8]:
    """Read a PNG of one class number per pixel, gray or with a palette, as (H, W) uint8.

    Raises:
        ImportError: Pillow, which leaves a palette's numbers alone, is not installed.
        ValueError: the file is no such image.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            mode, labels = image.mode, np.asarray(image)
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(
            f"Label map '{path}' cannot be decoded: {error}. Copy it again."
        ) from error
    if mode not in ('L', 'P'):
        raise ValueError(
            f"Label map '{path}' is an image of mode {mode}; expected one class number of 8 bits "
            'per pixel (gray, or with a palette). Colours have to be turned into numbers first.'
        )
    return labels.astype(np.uint8)
