"""Images in, depth out, on a CUDA GPU: bytes go up, depth comes down, both through pinned memory.

The same resampling as on the CPU: OpenCV's area average and its bilinear interpolation are
linear in rows and in columns, so each is a matrix on either side of the image.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from mono_depth_ros.inference.preprocessing import is_shrunk
from mono_depth_ros.types import Depth, Image, Size

InverseDepthLine = tuple[float, float]


def load(images: Sequence[Image], batch: Tensor) -> None:
    """Upload (H, W, 3) images and resize them into the first places of a batch (B, h, w, 3)."""
    for image, place in zip(images, batch):
        pinned = torch.empty(image.shape, dtype=torch.uint8, pin_memory=batch.is_cuda)
        np.copyto(pinned.numpy(), image)
        resize_into(pinned.to(batch.device, non_blocking=True), place)


def resize_into(image: Tensor, place: Tensor) -> None:
    """Resize an image (H, W, 3) uint8 to the size of its place (h, w, 3), as OpenCV does."""
    from_size, to_size = _size(image), _size(place)
    averages = is_shrunk(from_size, to_size)
    rows, columns = (
        resampling_matrix(*extents, averages, image.device) for extents in zip(from_size, to_size)
    )
    height, width = to_size
    fewer_rows = (rows @ image.flatten(1).float()).view(height, -1, 3)
    # One product for all rows and colours: (h, 3, W) by (W, w).
    resized = fewer_rows.transpose(1, 2).reshape(3 * height, -1) @ columns.T
    place.copy_(resized.view(height, 3, width).transpose(1, 2).round_().clamp_(0, 255))


@lru_cache(maxsize=64)
def resampling_matrix(extent: int, wanted: int, averages: bool, device: torch.device) -> Tensor:
    """Return the (wanted, extent) matrix that resamples one axis.

    Args:
        extent: pixels before.
        wanted: pixels after.
        averages: weigh pixels by their overlap with the new one; else interpolate between the
            two centres next to the new one's, the outermost beyond the border.
        device: where it is needed.
    """
    scale = extent / wanted
    pixels = np.arange(extent)
    new = np.arange(wanted)[:, None]
    if averages:
        upper = np.minimum((new + 1) * scale, pixels + 1)
        lower = np.maximum(new * scale, pixels)
        weights = np.maximum(upper - lower, 0) / scale
    else:
        centre = np.clip((new + 0.5) * scale - 0.5, 0, extent - 1)
        weights = np.maximum(1 - np.abs(pixels - centre), 0)
    return torch.from_numpy(weights.astype(np.float32)).to(device)


def unload(
    disparity: Tensor, sizes: Sequence[Size], lines: Sequence[InverseDepthLine]
) -> list[Depth]:
    """Turn disparity into depth at the sizes of the cameras, see cpu_io.unload."""
    pinned = []
    for each, size, (offset, slope) in zip(disparity, sizes, lines):
        inverse = F.interpolate(
            (each * slope + offset)[None, None], size, mode='bilinear', align_corners=False
        )
        pinned.append(torch.empty(size, pin_memory=disparity.is_cuda))
        pinned[-1].copy_(inverse[0, 0].reciprocal_(), non_blocking=True)
    if disparity.is_cuda:
        torch.cuda.current_stream(disparity.device).synchronize()
    # Their memory returns to PyTorch's pinned pool with the last array that shows it.
    return [depth.numpy() for depth in pinned]


def _size(image: Tensor) -> Size:
    return image.shape[0], image.shape[1]
