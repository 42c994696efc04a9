"""Stand boxes on the road in front of a sample: bare sides of lorries, which few images show.

A surface without texture tells neither stereo matching nor a warp how far it is, and a network
that has seen few of them takes what rises above the horizon for something far away. Here depth is
known: a box stands on the road, which hints show, or else a level camera's height.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.training.data.augmentation import AugmentedSample, Mask, hint_of
from mono_depth_ros.types import Image, Matrix

Array = NDArray[np.floating[Any]]
Vector = tuple[float, float, float]
ACROSS, UP, ALONG = range(3)

# How many there are at most, and how often a position is tried until enough of a box is in view.
_MAX, _TRIES = 3, 4
_MIN_IN_VIEW = 0.005
# Of the boxes, so many have the form of a vehicle along the road; the others have any.
_VEHICLES = 0.75
# So many begin beside the camera, or behind it; the others ahead of it.
_BESIDE = 0.4
# Nothing is nearer to the camera than this, nor in its way [m].
_NEAREST = 1.0
# A shadow reaches beyond its box by up to [m].
_SHADOW = 1.0
# A road is looked for up to [m] ahead; least squares take in what is so near the last one [m].
_FAR_ROAD, _REACHES = 25.0, (0.5, 0.3, 0.15)
# It is so much of what is looked at, so many points, so long [m]; and no other than expected.
_MIN_ROAD, _MIN_POINTS, _MIN_LENGTH = 0.3, 200, 3.0
_HIGHER, _STEEPER = 0.5, 0.08
# Faces are bare: of a paper's contrast they keep so much at most.
_CONTRAST = 0.4
# Rays that go less than this sideways per metre ahead never come near a plane.
_PARALLEL = 1e-6
_NAMED = ' with boxes'


class Box(NamedTuple):
    """A box that stands on the road.

    Attributes:
        x: middle of its near end, right of the camera [m].
        z: the same, ahead of the camera [m].
        width: across [m].
        height: above the road [m].
        length: along [m].
        yaw: to the right, about its near end's middle; 0 along the road [rad].
    """

    x: float
    z: float
    width: float
    height: float
    length: float
    yaw: float


class Road(NamedTuple):
    """A plane below the camera.

    Attributes:
        below: how far below the camera it is [m].
        slope: how much farther, per metre ahead.
    """

    below: float
    slope: float


class View(NamedTuple):
    """What a camera sees of a box: a window of h rows and w columns of its (H, W) image.

    Attributes:
        depth: (H, W) [m]; NaN where the box is not.
        shadow: (H, W) where it takes light from the road.
        rows: that show it.
        columns: that show it.
        side: (h, w) of which axis the face's normal is: ACROSS, UP or ALONG.
        place: (h, w) on the face from left to right or near to far, 0 to 1 on the box.
        down: (h, w) on the face from its upper to its lower edge, 0 to 1 on the box.
    """

    depth: Array
    shadow: Mask
    rows: slice
    columns: slice
    side: NDArray[np.integer[Any]]
    place: Array
    down: Array


def paste_boxes(
    sample: AugmentedSample,
    other: AugmentedSample,
    random: np.random.Generator,
    camera_height: float,
) -> AugmentedSample:
    """Stand one to three boxes on the road, papered with more or less of another sample.

    They are shown where they are nearer than what is known, or nothing is known; the hint then is
    their depth. Sources do not show them. Where hints show the road, it is there.

    Args:
        sample: at network size.
        other: of the same size.
        random: the only source of chance.
        camera_height: above the road, where no hints show it [m].
    """
    K, size = sample.sample.K, sample.sample.target.shape[:2]
    road = find_road(hint_of(sample.sample), K, Road(camera_height, 0.0))
    for _ in range(int(random.integers(1, _MAX + 1))):
        for _ in range(_TRIES):
            shadow = random.uniform(0, _SHADOW)
            view = see(random_box(random), K, size, road, shadow)
            if view is not None:
                sample = _shown(sample, other, view, random)
                break
    return sample


def random_box(random: np.random.Generator) -> Box:
    """Return at random a van or lorry beside or ahead of the camera, or a box of any form."""
    beside, side = random.random() < _BESIDE, 1 if random.random() < 0.5 else -1
    z = random.uniform(-9.0, 4.0) if beside else _log_uniform(random, 3.0, 40.0)
    if random.random() < _VEHICLES:
        width, height = random.uniform(1.7, 2.6), random.uniform(1.4, 4.2)
        length, yaw = random.uniform(4.0, 14.0), random.normal(0.0, 0.06)
        in_lane = not beside and random.random() < 0.3
        x = random.uniform(-1.0, 1.0) if in_lane else side * random.uniform(2.3, 6.5)
    else:
        width, height, length = (_log_uniform(random, 0.4, 6.0) for _ in range(3))
        yaw = 0.0 if beside else random.uniform(-math.pi / 2, math.pi / 2)
        x = side * random.uniform(0.0, 10.0)
    if beside:
        x = side * max(abs(x), width / 2 + _NEAREST)
    return Box(x, z, width, height, length, yaw)


def _log_uniform(random: np.random.Generator, low: float, high: float) -> float:
    return math.exp(random.uniform(math.log(low), math.log(high)))


def find_road(depth: Array, K: Matrix, expected: Road) -> Road:
    """Find the road among depths (H, W) [m], NaN where unknown; the expected one if they do not.

    Least squares on what is near the road found so far, three times, ever nearer.
    """
    height, width = depth.shape
    rows, columns = np.nonzero(
        (depth < _FAR_ROAD)
        & (np.arange(height)[:, None] > K[1, 2] + height / 8)
        & (np.abs(np.arange(width) - K[0, 2]) < width / 4)
    )
    ahead = depth[rows, columns].astype(np.float64)
    below = (rows - K[1, 2]) / K[1, 1] * ahead
    road = expected
    for reach in _REACHES:
        near = np.abs(below - road.below - road.slope * ahead) < reach
        if near.sum() < max(_MIN_POINTS, _MIN_ROAD * near.size) or (
            np.ptp(ahead[near]) < _MIN_LENGTH
        ):
            return expected
        slope, level = np.polyfit(ahead[near], below[near], 1)
        road = Road(float(level), float(slope))
    unlikely = abs(road.below - expected.below) > _HIGHER or abs(road.slope) > _STEEPER
    return expected if unlikely else road


def see(box: Box, K: Matrix, size: Sequence[int], road: Road, shadow: float) -> View | None:
    """Find where the rays of a camera's pixels meet a box on the road, and its shadow.

    Args:
        box: what stands there.
        K: (3, 3) [px].
        size: (height, width) of the image.
        road: below the camera.
        shadow: how far it reaches beyond the box [m].

    Returns:
        What is seen; None if hardly anything is.
    """
    # Seen from the box, a ray goes across and along as its column says and down as its row does,
    # per metre ahead of the camera.
    right, below = (
        (np.arange(count) - K[axis, 2]) / K[axis, axis]
        for axis, count in ((0, size[1]), (1, size[0]))
    )
    sine, cosine = math.sin(box.yaw), math.cos(box.yaw)
    rays = (cosine * right - sine, below[:, None] - road.slope, sine * right + cosine)
    start = (sine * box.z - cosine * box.x, 0.0, -sine * box.x - cosine * box.z)
    low = (-box.width / 2, road.below - box.height, 0.0)
    high = (box.width / 2, road.below, box.length)
    across, down, along = map(_between, rays, start, low, high)
    wall = np.maximum(across[0], along[0])
    depth = np.maximum(wall, down[0])
    meets = depth < np.minimum(np.minimum(across[1], along[1]), down[1])
    meets &= depth > _NEAREST
    if meets.mean() < _MIN_IN_VIEW:
        return None
    rows, columns = _around(meets)
    seen = depth[rows, columns]
    side = np.where(across[0] < along[0], ALONG, ACROSS)[columns]
    side = np.where(seen > wall[columns], UP, side)
    windows = (rays[0][columns], rays[1][rows], rays[2][columns])
    place = [
        (ray * seen + begin - first) / (last - first)
        for ray, begin, first, last in zip(windows, start, low, high)
    ]
    return View(
        np.where(meets, depth, np.nan).astype(np.float32),
        _shadow(rays, start, low, high, shadow) & ~meets,
        rows,
        columns,
        side,
        np.where(side == ACROSS, place[2], place[0]),
        np.where(side == UP, place[2], place[1]),
    )


def _between(ray: Array, start: float, low: float, high: float) -> tuple[Array, Array]:
    """Return where rays enter and leave what is between two planes [m ahead]."""
    ray = np.where(np.abs(ray) < _PARALLEL, _PARALLEL, ray)
    first, second = (low - start) / ray, (high - start) / ray
    return np.minimum(first, second), np.maximum(first, second)


def _around(mask: Mask) -> tuple[slice, slice]:
    """Return the rows and columns that hold all of a mask."""
    (top, bottom), (left, right) = (np.flatnonzero(mask.any(axis))[[0, -1]] for axis in (1, 0))
    return slice(int(top), int(bottom) + 1), slice(int(left), int(right) + 1)


def _shadow(
    rays: Sequence[Array], start: Vector, low: Vector, high: Vector, beyond: float
) -> Mask:
    """Return where the road is below a box or no farther than so much from it."""
    down = rays[1]
    with np.errstate(divide='ignore'):
        ahead = np.where(down > 0, high[1] / down, np.inf)
    inside = down > 0
    for axis in (0, 2):
        with np.errstate(invalid='ignore'):  # no road at the horizon
            at = rays[axis] * ahead + start[axis]
        inside = inside & (at > low[axis] - beyond) & (at < high[axis] + beyond)
    return np.asarray(inside, np.bool_)


def _shown(
    sample: AugmentedSample, other: AugmentedSample, view: View, random: np.random.Generator
) -> AugmentedSample:
    first = sample.sample
    known = hint_of(first)
    shown = np.isfinite(view.depth) & ~(known < view.depth)
    window = view.rows, view.columns
    shade, paint = random.uniform(0.3, 0.9), _random_paint(view, random)

    def change(image: Image, paper: Image) -> Image:
        changed: Image = image.copy()
        changed[view.shadow] = image[view.shadow] * shade
        changed[window] = np.where(shown[window][..., None], paint(paper), changed[window])
        return changed

    invalid = shown | view.shadow
    if sample.invalid is not None:
        invalid = invalid | sample.invalid
    target = change(first.target, other.sample.target)
    hint = np.where(shown, view.depth, known)
    name = first.name.removesuffix(_NAMED) + _NAMED
    return replace(
        sample,
        sample=replace(first, target=target, depth_hint=hint, name=name),
        target_colors=change(sample.target_colors, other.target_colors),
        invalid=invalid,
    )


def _random_paint(view: View, random: np.random.Generator) -> Callable[[Image], Image]:
    """Choose what the faces look like: a colour, some of a paper, light, and dark below."""
    height, width = view.depth.shape
    share = random.uniform(0.1, 1.0)
    top, left = random.uniform(0, height * (1 - share)), random.uniform(0, width * (1 - share))
    columns = (left + view.place * (share * (width - 1))).astype(np.float32)
    rows = (top + view.down * (share * (height - 1))).astype(np.float32)
    color = random.uniform(15, 235) + random.uniform(-60, 60, 3) * (random.random() < 0.5)
    contrast = random.uniform(0, _CONTRAST)
    light = random.uniform(0.55, 1.1, 3)[view.side]
    light = light * (1 + random.uniform(-0.4, 0.4) * (view.down - 0.5))
    wheels, dark = random.uniform(0, 0.35), random.uniform(0.15, 0.5)
    light = np.where((view.side != UP) & (view.down > 1 - wheels), light * dark, light)
    factor = light.astype(np.float32)[..., None]

    def paint(paper: Image) -> Image:
        picture = cv2.remap(
            paper, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        plain = (color - contrast * paper[::4, ::4].mean()).astype(np.float32)
        painted = (plain + np.float32(contrast) * picture) * factor
        return np.asarray(np.clip(painted, 0, 255), np.uint8)

    return paint
