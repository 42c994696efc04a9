"""Ray-cast a small street with exact depth, poses and intrinsics.

The street is static, endless and the same for ever for one seed. World axes are those of the
optical frame (x right, y down, z forward), with the road in the plane y = 0.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.datasets.street.scene import BALL, DISC, Surfaces, surfaces_around
from mono_depth_ros.datasets.street.shading import shade
from mono_depth_ros.types import Matrix

Rays = NDArray[np.float32]

FRAME_SPACING = 0.8  # [m], 29 km/h at 10 frames per second
_CAMERA_HEIGHT, _LANE_CENTRE = 1.65, 1.25  # [m]
_NEAR = 0.05  # [m]
_FOCAL_LENGTH_PER_WIDTH = 0.58  # KITTI's
_EDGES = np.array([(a, b) for a in range(8) for b in range(a) if (a ^ b) in (1, 2, 4)])


@dataclass(frozen=True)
class Street:
    """An endless street; the seed decides on its houses, cars and trees."""

    seed: int = 0


@dataclass(frozen=True)
class StreetFrame:
    """One rendered view.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        depth: (H, W) float32 distance along the optical axis [m], +inf in the sky.
        K: (3, 3) intrinsics [px].
        world_from_camera: (4, 4) pose of the optical frame.
    """

    image: NDArray[np.uint8]
    depth: NDArray[np.float32]
    K: Matrix
    world_from_camera: Matrix


def street_intrinsics(size: tuple[int, int]) -> Matrix:
    """Return the (3, 3) intrinsics of the street's camera for a (height, width).

    The horizontal field of view is the same at every size, pixels are square, the optical axis
    meets the centre of the image.
    """
    height, width = size
    focal = _FOCAL_LENGTH_PER_WIDTH * width
    return np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])


def street_pose(index: float) -> Matrix:
    """Return world_from_camera (4, 4) of a frame: a drive along the lane with a gentle sway."""
    z = FRAME_SPACING * index
    sway, wave = 0.35, 2 * np.pi / 60.0
    x = _LANE_CENTRE + sway * np.sin(wave * z)
    heading = np.arctan(sway * wave * np.cos(wave * z)) + 0.02 * np.sin(z / 17.0)
    pitch, roll = 0.004 * np.sin(z / 3.0), 0.005 * np.sin(z / 7.0)
    pose = np.eye(4)
    pose[:3, :3] = _rotation(1, heading) @ _rotation(0, pitch) @ _rotation(2, roll)
    pose[:3, 3] = x, -_CAMERA_HEIGHT + 0.015 * np.sin(z / 2.0), z
    return pose


def _rotation(axis: int, angle: float) -> Matrix:
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = np.cos(angle)
    matrix[second, first] = np.sin(angle)
    matrix[first, second] = -matrix[second, first]
    return matrix


def street_images(count: int, size: tuple[int, int]) -> list[NDArray[np.uint8]]:
    """Return count views (H, W, 3) uint8 RGB, far enough apart to differ."""
    return [render_frame(Street(), 7 * index, size).image for index in range(count)]


def render_frame(
    street: Street, view: int | Matrix, size: tuple[int, int] = (192, 640), K: Matrix | None = None
) -> StreetFrame:
    """Render what a camera sees.

    Args:
        street: which street.
        view: index of a frame of the drive, or world_from_camera (4, 4).
        size: (height, width) [px].
        K: (3, 3) intrinsics of an image of this size, `street_intrinsics` by default.
    """
    pose = street_pose(view) if isinstance(view, int) else np.asarray(view, np.float64)
    if pose.shape != (4, 4):
        raise ValueError(f'A view is a frame index or a 4x4 pose, not an array of {pose.shape}.')
    K = street_intrinsics(size) if K is None else np.asarray(K, np.float64)
    # Its columns: one pixel to the right, one pixel down, the ray of pixel (0, 0).
    steps = pose[:3, :3] @ np.linalg.inv(K)
    surfaces = surfaces_around(street.seed, pose[2, 3])
    with np.errstate(divide='ignore', invalid='ignore', over='ignore'):
        rays, inverse = _rays(steps, size)
        surfaces, rectangles = _visible(surfaces, pose, K, size)
        depth, hit = _cast(surfaces, rectangles, rays, inverse, pose[:3, 3])
    image = shade(surfaces, hit, depth, rays, steps[:, :2], pose[:3, 3])
    return StreetFrame(image, depth, K, pose)


def _rays(steps: Matrix, size: tuple[int, int]) -> tuple[Rays, Rays]:
    """Return rays (3, H, W) in world axes, 1 long along the optical axis, and their inverses."""
    columns, rows = np.arange(size[1]), np.arange(size[0])[:, None]
    # float64 until here: close to the horizon the sum nearly cancels.
    rays = np.stack([step[0] * columns + (step[1] * rows + step[2]) for step in steps])
    return rays.astype(np.float32), (1 / rays).astype(np.float32)


def _visible(
    surfaces: Surfaces, pose: Matrix, K: Matrix, size: tuple[int, int]
) -> tuple[Surfaces, NDArray[np.int64]]:
    """Drop faces that look away or lie outside the view.

    Returns:
        The surfaces left, and (N, 4) first row, last row, first column, last column of each.
    """
    origin = pose[:3, 3]
    number = np.arange(len(surfaces))
    position = surfaces['low'][number, surfaces['axis']]
    facing = surfaces['sign'] * (origin[surfaces['axis']] - position) > 0
    surfaces = surfaces[facing | (surfaces['shape'] == BALL)]
    pixels, in_front = _projected_corners(surfaces, pose, K)
    bounds = []
    for axis, limit in ((1, size[0]), (0, size[1])):
        first = np.where(in_front, pixels[..., axis], np.inf).min(axis=1)
        last = np.where(in_front, pixels[..., axis], -np.inf).max(axis=1)
        bounds += [
            np.clip(np.ceil(first - 0.01), 0, limit),
            np.clip(np.floor(last + 0.01), -1, limit - 1),
        ]
    rectangles = np.stack(bounds, axis=1)
    seen = (rectangles[:, 0] <= rectangles[:, 1]) & (rectangles[:, 2] <= rectangles[:, 3])
    return surfaces[seen], rectangles[seen].astype(np.int64)


def _projected_corners(
    surfaces: Surfaces, pose: Matrix, K: Matrix
) -> tuple[Matrix, NDArray[np.bool_]]:
    """Project the corners of every surface's box, and where its edges cross the near plane."""
    pick = (np.arange(8)[:, None] >> np.arange(3) & 1).astype(bool)
    corners = np.where(pick, surfaces['high'][:, None], surfaces['low'][:, None])
    corners = (corners - pose[:3, 3]) @ pose[:3, :3]
    start, end = corners[:, _EDGES[:, 0]], corners[:, _EDGES[:, 1]]
    crossing = (_NEAR - start[..., 2:]) / (end[..., 2:] - start[..., 2:])
    crossed = ((crossing >= 0) & (crossing <= 1))[..., 0]
    crossing = np.where(crossed[..., None], crossing, 0)
    points = np.concatenate([corners, start + crossing * (end - start)], axis=1)
    pixels = points @ K.T
    in_front = np.concatenate([corners[..., 2] >= _NEAR, crossed], axis=1)
    return pixels[..., :2] / pixels[..., 2:], in_front


def _cast(
    surfaces: Surfaces, rectangles: NDArray[np.int64], rays: Rays, inverse: Rays, origin: Matrix
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Return depth [m] and index of the nearest surface, both (H, W); inf and -1 in the sky."""
    depth = np.full(rays.shape[1:], np.inf, np.float32)
    hit = np.full(rays.shape[1:], -1, np.int32)
    lows = (surfaces['low'] - origin).astype(np.float32)
    highs = (surfaces['high'] - origin).astype(np.float32)
    shapes, axes = surfaces['shape'].tolist(), surfaces['axis'].tolist()
    for index, (top, bottom, left, right) in enumerate(rectangles.tolist()):
        window = np.s_[top : bottom + 1, left : right + 1]
        part = rays[:, top : bottom + 1, left : right + 1]
        if shapes[index] == BALL:
            distance, inside = _meet_ball(part, lows[index], highs[index])
        else:
            axis = axes[index]
            distance = lows[index][axis] * inverse[axis][window]
            is_disc = shapes[index] == DISC
            inside = _inside(part, distance, axis, lows[index], highs[index], is_disc)
        inside &= (distance > _NEAR) & (distance < depth[window])
        np.copyto(depth[window], distance, where=inside)
        np.copyto(hit[window], index, where=inside)
    return depth, hit


def _inside(
    rays: Rays,
    distance: NDArray[np.float32],
    axis: int,
    low: NDArray[np.float32],
    high: NDArray[np.float32],
    is_disc: bool,
) -> NDArray[np.bool_]:
    first, second = (other for other in range(3) if other != axis)
    u, v = distance * rays[first], distance * rays[second]
    if is_disc:
        (a, b), (c, d) = (low + high)[[first, second]] / 2, (high - low)[[first, second]] / 2
        return np.asarray(((u - a) / c) ** 2 + ((v - b) / d) ** 2 <= 1)
    inside = (u >= low[first]) & (u <= high[first])
    return np.asarray(inside & (v >= low[second]) & (v <= high[second]))


def _meet_ball(
    rays: Rays, low: NDArray[np.float32], high: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    centre, radius = (low + high) / 2, (high[0] - low[0]) / 2
    squared = np.einsum('ihw,ihw->hw', rays, rays)
    along = np.einsum('ihw,i->hw', rays, centre)
    root = along * along - squared * (centre @ centre - radius * radius)
    return np.asarray((along - np.sqrt(root)) / squared), np.asarray(root >= 0)
