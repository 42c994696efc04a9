"""Colour what the rays hit: procedural textures, box-filtered over each pixel's footprint."""

from functools import lru_cache
from typing import Any

import numpy as np
from cv2 import INTER_LINEAR, remap
from numpy.typing import NDArray

from mono_depth_ros.datasets.street.scene import (
    BALL,
    BAY,
    FACADE,
    FOLIAGE,
    GRASS,
    PAVEMENT,
    PLAIN,
    ROAD,
    ROAD_HALF_WIDTH,
    SHADOW,
    STOREY,
    Surfaces,
)

Array = NDArray[np.floating[Any]]

# TEXTURE_PERIOD must be a multiple of lattice size * wavelength.
_WAVELENGTHS = (4.0, 1.0, 0.5, 0.25, 0.125, 0.0625)  # [m]
_LATTICE = 256
_NOISE_AMPLITUDE = {
    ROAD: 0.16,
    PAVEMENT: 0.16,
    GRASS: 0.3,
    FACADE: 0.13,
    PLAIN: 0.06,
    FOLIAGE: 0.5,
    SHADOW: 0.1,
}
# The sun stands high behind the camera's right shoulder.
_LIGHT = {(0, -1): 0.98, (0, 1): 0.7, (1, -1): 1.08, (1, 1): 0.5, (2, -1): 0.84, (2, 1): 0.74}
_ZENITH, _HORIZON, _CLOUD = (92, 142, 206), (206, 218, 228), (244, 244, 242)
_HAZE_DISTANCE = 260.0  # [m]
_WINDOW_PANES = np.array(
    [(58, 74, 92), (82, 98, 112), (44, 54, 64), (150, 140, 116)], np.float32
).T.copy()


def shade(
    surfaces: Surfaces,
    hit: NDArray[np.int32],
    depth: Array,
    rays: Array,
    steps: NDArray[np.float64],
    origin: NDArray[np.float64],
) -> NDArray[np.uint8]:
    """Colour every pixel.

    Args:
        surfaces: (N,) array of `SURFACE`.
        hit: (H, W) index into surfaces, -1 for the sky.
        depth: (H, W) distance along the optical axis [m].
        rays: (3, H, W) ray of each pixel in world axes, of length 1 along the optical axis.
        steps: (3, 2) change of a ray from one pixel to the next column and row.
        origin: (3,) camera position [m].

    Returns:
        (H, W, 3) uint8 RGB.
    """
    planes = np.empty((3, hit.size), np.float32)
    directions, index = rays.reshape(3, -1), hit.ravel()
    sky, solid = np.flatnonzero(index < 0), np.flatnonzero(index >= 0)
    planes[:, sky] = _sky(directions.take(sky, axis=1))
    planes[:, solid] = _solid(
        surfaces,
        index.take(solid),
        depth.ravel().take(solid),
        directions.take(solid, axis=1),
        steps,
        origin,
    )
    np.clip(planes, 0, 255, out=planes)
    planes += 0.5
    return np.ascontiguousarray(planes.astype(np.uint8).T).reshape(*hit.shape, 3)


def _solid(
    surfaces: Surfaces,
    index: NDArray[np.int32],
    distance: Array,
    rays: Array,
    steps: NDArray[np.float64],
    origin: NDArray[np.float64],
) -> Array:
    """Return the colours (3, N) where rays (3, N) meet surfaces at a distance (N,)."""
    u, v, blur_u, blur_v = _texture_coordinates(surfaces, index, distance, rays, steps, origin)
    shift = surfaces['shift'].take(index)
    noise = _fractal_noise(u + shift, v + shift, np.maximum(blur_u, blur_v))
    color = np.ascontiguousarray(surfaces['color'].T).take(index, axis=1)
    material = surfaces['material'].take(index)
    painters = ((ROAD, _paint_road), (PAVEMENT, _paint_slabs), (FACADE, _paint_windows))
    for paint, painter in painters:
        part = np.flatnonzero(material == paint)
        places = (coordinate.take(part) for coordinate in (u, v, blur_u, blur_v))
        color[:, part] = painter(color.take(part, axis=1), *places)
    color *= _light(surfaces, index, v) * (1 + _amplitudes(surfaces).take(index) * noise)
    haze = np.exp(distance * np.float32(-1 / _HAZE_DISTANCE))
    return _blend(color, 1 - haze, _HORIZON)


def _sky(rays: Array) -> Array:
    """Return the sky along rays (3, N), (3, N): a function of the direction alone."""
    x, y, z = rays
    length = np.sqrt(x * x + y * y + z * z)
    height = np.clip(-y / length, 0, 1)
    # Clouds lie in a plane overhead; they thin out where that plane would run to the horizon.
    reach = 6.0 / np.maximum(height, 0.03) / length
    cloud = _fractal_noise(x * reach, z * reach, np.full_like(x, 0.4))
    cloud = np.clip(cloud * 1.6 - 0.1, 0, 1) * np.clip(height * 6, 0, 0.8)
    clear = _blend(
        np.repeat(np.array(_HORIZON, np.float32)[:, None], x.size, axis=1),
        np.sqrt(height),
        _ZENITH,
    )
    return _blend(clear, cloud, _CLOUD)


def _texture_coordinates(
    surfaces: Surfaces,
    index: NDArray[np.int32],
    distance: Array,
    rays: Array,
    steps: NDArray[np.float64],
    origin: NDArray[np.float64],
) -> tuple[Array, Array, Array, Array]:
    """Return position on the surface and size of a pixel there, along both texture axes [m]."""
    axis = surfaces['axis'].take(index)
    sideways, flat = axis == 0, axis == 1
    offsets = (origin - surfaces['anchor']).astype(np.float32).T.copy().take(index, axis=1)
    x, y, z = rays
    slant = distance / np.where(sideways, x, np.where(flat, y, z))
    result = []
    for first, replaced in ((0, sideways), (1, flat)):
        along = np.where(replaced, z, rays[first])
        blur = np.zeros_like(along)
        for step in steps.T.astype(np.float32):
            # One pixel on, the hit moves within its plane: d(t r) with t = c / (n . r).
            step_along = np.where(replaced, step[2], step[first])
            blur += np.abs(distance * step_along - along * slant * step.take(axis))
        result.append((distance * along + np.where(replaced, offsets[2], offsets[first]), blur))
    (u, blur_u), (v, blur_v) = result
    balls = np.flatnonzero((surfaces['shape'] == BALL).take(index))
    behind = distance[balls] * z[balls] + offsets[2, balls]
    u[balls] = np.arctan2(u[balls], -behind)
    return u, v, blur_u, blur_v


@lru_cache(maxsize=1)
def _lattice() -> Array:
    """Return values in [-1, 1] that tile, with one more row and column for interpolation."""
    values = np.random.default_rng(20).random((_LATTICE, _LATTICE)).astype(np.float32) * 2 - 1
    return np.pad(values, (0, 1), mode='wrap')


def _fractal_noise(u: Array, v: Array, blur: Array) -> Array:
    """Sum value noise of every wavelength that a pixel of size `blur` [m] can still resolve."""
    total = np.zeros_like(u)
    for wavelength in _WAVELENGTHS:
        weight = np.clip(2 - blur * np.float32(2 / wavelength), 0, 1)
        visible = np.flatnonzero(weight)
        if visible.size:
            total[visible] += weight[visible] * _value_noise(u[visible], v[visible], wavelength)
    return total


def _value_noise(u: Array, v: Array, wavelength: float) -> Array:
    size, columns = u.size, 1024
    # cv2.remap takes images, at most 32767 wide: fold the list of points into rows.
    grid = np.zeros((2, -(-size // columns), columns), np.float32)
    for plane, coordinate in zip(grid, (u, v)):
        turns = coordinate * np.float32(1 / wavelength / _LATTICE)
        plane.ravel()[:size] = (turns - np.floor(turns)) * np.float32(_LATTICE)
    return np.asarray(remap(_lattice(), grid[0], grid[1], INTER_LINEAR).ravel()[:size], np.float32)


def _pulse(x: Array, period: float, start: float, width: float, blur: Array) -> Array:
    """Average, over `blur` around x, a pulse of 1 on [start, start + width] of every period."""
    share = np.float32(width / period)
    span = np.maximum(blur, np.float32(1e-3)) / np.float32(period)
    low = (x - np.float32(start)) / np.float32(period) - span / 2

    def integral(q: Array) -> Array:
        whole = np.floor(q)
        return np.asarray(whole * share + np.minimum(q - whole, share))

    return np.asarray((integral(low + span) - integral(low)) / span)


def _band(x: Array, start: float, width: float, blur: Array) -> Array:
    """Average, over `blur` around x, a band of 1 on [start, start + width]."""
    half = np.maximum(blur, np.float32(1e-3)) / 2
    inside = np.minimum(x + half, start + width) - np.maximum(x - half, start)
    return np.asarray(np.maximum(inside, 0) / (2 * half))


def _blend(color: Array, weight: Array, paint: tuple[float, ...] | Array) -> Array:
    """Mix colours (3, N) with a paint, (3,) or (3, N), by weights (N,)."""
    paint = np.asarray(paint, np.float32).reshape(3, -1)
    return color + weight * (paint - color)


def _paint_road(color: Array, x: Array, z: Array, blur_x: Array, blur_z: Array) -> Array:
    side = np.abs(x)
    tracks = _pulse(side, 1.7, 0.25, 0.5, blur_x + np.float32(0.5))
    dashes = _band(x, -0.08, 0.16, blur_x) * _pulse(z, 8.0, 0.0, 3.0, blur_z)
    crossing = _pulse(x, 1.0, 0.25, 0.5, blur_x) * _pulse(z, 64.0, 20.0, 3.2, blur_z)
    paint = np.maximum(np.maximum(_band(side, 2.45, 0.12, blur_x), dashes), crossing)
    gutter = _band(side, ROAD_HALF_WIDTH - 0.3, 0.4, blur_x)
    color = _blend(color * (1 - 0.14 * tracks), 0.35 * gutter, (60, 58, 56))
    return _blend(color, 0.85 * paint, (228, 226, 218))


def _paint_slabs(color: Array, x: Array, z: Array, blur_x: Array, blur_z: Array) -> Array:
    joints = np.maximum(_pulse(x, 0.5, 0.0, 0.035, blur_x), _pulse(z, 1.0, 0.0, 0.035, blur_z))
    return _blend(color, 0.5 * joints, (84, 80, 76))


def _paint_windows(color: Array, along: Array, down: Array, blur_u: Array, blur_v: Array) -> Array:
    up = -down
    frame = _pulse(along, BAY, 0.5, 1.4, blur_u) * _pulse(up, STOREY, 0.8, 1.75, blur_v)
    half = _pulse(along, BAY, 0.6, 0.56, blur_u) + _pulse(along, BAY, 1.24, 0.56, blur_u)
    pane = half * _pulse(up, STOREY, 0.92, 1.52, blur_v)
    cell = np.floor(along / BAY).astype(np.int32) * 7 + np.floor(up / STOREY).astype(np.int32) * 13
    glass = _WINDOW_PANES.take((cell * cell + cell // 3) % _WINDOW_PANES.shape[1], axis=1)
    courses = np.maximum(_pulse(up, 0.25, 0.0, 0.02, blur_v), _pulse(up, STOREY, 2.9, 0.1, blur_v))
    color = _blend(color, 0.3 * courses, (70, 66, 62))
    color = _blend(color, 0.5 * _band(up, 0.0, 0.5, blur_v), (90, 86, 82))
    return _blend(_blend(color, frame, (226, 222, 212)), pane, glass)


def _amplitudes(surfaces: Surfaces) -> Array:
    table = np.zeros(max(_NOISE_AMPLITUDE) + 1, np.float32)
    table[list(_NOISE_AMPLITUDE)] = list(_NOISE_AMPLITUDE.values())
    return table.take(surfaces['material'])


def _light(surfaces: Surfaces, index: NDArray[np.int32], v: Array) -> Array:
    """Shade by the side a face looks to; tree crowns darken towards their underside."""
    keys = zip(surfaces['axis'].tolist(), surfaces['sign'].astype(int).tolist())
    light = np.array([_LIGHT[key] for key in keys], np.float32).take(index)
    radius = ((surfaces['high'] - surfaces['low'])[:, 1] / 2).astype(np.float32)
    round_ = np.flatnonzero((surfaces['shape'] == BALL).take(index))
    light[round_] = 0.86 - 0.3 * v[round_] / radius.take(index[round_])
    return light
