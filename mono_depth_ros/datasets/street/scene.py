"""Lay out the street: axis-aligned faces and tree crowns in world coordinates.

World axes: x right, y down, z along the street; the road lies in the plane y = 0 [m].
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SKY, ROAD, PAVEMENT, GRASS, FACADE, PLAIN, FOLIAGE, SHADOW = range(8)
RECTANGLE, DISC, BALL = range(3)

SURFACE = np.dtype(
    [
        ('shape', 'i4'),
        ('axis', 'i4'),  # of the normal: 0 x, 1 y, 2 z
        ('sign', 'f4'),  # of the outward normal along that axis
        ('low', 'f8', 3),
        ('high', 'f8', 3),
        ('anchor', 'f8', 3),  # origin of the texture [m]
        ('material', 'i4'),
        ('color', 'f4', 3),
        ('shift', 'f4'),  # moves the noise, so that no two surfaces wear the same stains [m]
    ]
)

SEGMENT_LENGTH = 14.4
BAY, STOREY = 2.4, 3.0
ROAD_HALF_WIDTH = 4.6
PAVEMENT_HEIGHT = 0.14
TEXTURE_PERIOD = 1024.0
VIEW_BEHIND, VIEW_AHEAD, GROUND_AHEAD = 20.0, 220.0, 2000.0

_WALLS = (
    (178, 96, 74),
    (214, 196, 160),
    (196, 150, 104),
    (168, 172, 176),
    (206, 168, 148),
    (150, 120, 100),
    (222, 214, 200),
    (132, 148, 160),
)
_PAINTS = (
    (168, 32, 32),
    (36, 66, 128),
    (224, 224, 224),
    (44, 46, 50),
    (128, 132, 138),
    (28, 92, 70),
    (206, 166, 46),
)
_LEAVES = ((66, 104, 44), (88, 118, 48), (58, 92, 58), (126, 122, 50))
_GLASS, _RUBBER, _STEEL = (46, 58, 70), (30, 30, 32), (86, 92, 94)
_TILES, _BINS = (116, 62, 52), ((150, 112, 70), (60, 92, 66), (96, 100, 106))

Vector = Sequence[float]
Surfaces = NDArray[np.void]


def surfaces_around(seed: int, z: float) -> Surfaces:
    """Collect what a camera at street position z [m] can see; an array of `SURFACE`."""
    first = int(np.floor((z - VIEW_BEHIND) / SEGMENT_LENGTH))
    last = int(np.floor((z + VIEW_AHEAD) / SEGMENT_LENGTH))
    segments = [_segment(seed, index) for index in range(first, last + 1)]
    return np.concatenate([_ground(z), *segments])


def _surface(
    shape: int,
    axis: int,
    sign: float,
    low: Vector,
    high: Vector,
    material: int,
    color: Vector,
    anchor: Vector | None = None,
    shift: float | None = None,
) -> Surfaces:
    anchor = low if anchor is None else anchor
    if shift is None:
        shift = (37.7 * axis + 11.3 * sign + 3.1 * low[0] + 1.7 * low[2]) % TEXTURE_PERIOD
    row = (shape, axis, sign, low, high, anchor, material, color, shift)
    return np.array([row], SURFACE)


def _box(low: Vector, high: Vector, material: int, color: Vector) -> list[Surfaces]:
    """Return the faces of a box [m]; the texture starts at its lower corner on the ground side."""
    anchor = (low[0], high[1], low[2])
    faces = []
    for axis in range(3):
        for sign, side in ((-1.0, low), (1.0, high)):
            start, end = list(low), list(high)
            start[axis] = end[axis] = side[axis]
            faces.append(_surface(RECTANGLE, axis, sign, start, end, material, color, anchor))
    return faces


def _ground(z: float) -> Surfaces:
    start, end = z - VIEW_BEHIND, z + GROUND_AHEAD
    # Every ground pattern repeats after TEXTURE_PERIOD: moving the anchor by it changes nothing.
    anchor = (0.0, 0.0, TEXTURE_PERIOD * np.floor(z / TEXTURE_PERIOD))
    edge, kerb, fence = ROAD_HALF_WIDTH, -PAVEMENT_HEIGHT, 8.2
    paving, grass, stone = (164, 158, 150), (104, 116, 66), (176, 172, 166)
    faces = []
    for left, right, y, material, color in (
        (-edge, edge, 0.0, ROAD, (92, 92, 96)),
        (edge, fence, kerb, PAVEMENT, paving),
        (-fence, -edge, kerb, PAVEMENT, paving),
        (fence, 900.0, kerb, GRASS, grass),
        (-900.0, -fence, kerb, GRASS, grass),
    ):
        low, high = (left, y, start), (right, y, end)
        faces.append(_surface(RECTANGLE, 1, -1.0, low, high, material, color, anchor, 0.0))
    for side in (-1.0, 1.0):
        low, high = (side * edge, kerb, start), (side * edge, 0.0, end)
        faces.append(_surface(RECTANGLE, 0, -side, low, high, PLAIN, stone, anchor, 0.0))
    return np.concatenate(faces)


@lru_cache(maxsize=512)
def _segment(seed: int, index: int) -> Surfaces:
    """Build both sides of one stretch of SEGMENT_LENGTH, always the same for seed and index."""
    faces: list[Surfaces] = []
    for side in (-1.0, 1.0):
        # SeedSequence takes no negative numbers.
        random = np.random.default_rng([seed, index % 2**32, int(side > 0)])
        z = index * SEGMENT_LENGTH
        faces += _house(random, side, z)
        faces += _street_furniture(random, side, z, index)
        for slot in (0.6, 7.6):
            if random.random() < 0.55:
                faces += _car(random, side, z + slot + 1.4 * random.random())
    return np.concatenate(faces)


def _pick(random: np.random.Generator, colors: Sequence[Vector]) -> tuple[float, ...]:
    base = colors[int(random.random() * len(colors))]
    tint = 0.92 + 0.16 * random.random()
    return tuple(min(255.0, channel * tint) for channel in base)


def _span(side: float, near: float, far: float) -> tuple[float, float]:
    """Order the x limits of something that reaches from near to far on one side [m]."""
    return (near, far) if side > 0 else (-far, -near)


def _house(random: np.random.Generator, side: float, z: float) -> list[Surfaces]:
    bays, storeys = 4 + int(3 * random.random()), 2 + int(3 * random.random())
    front, color = 8.3 + 1.6 * random.random(), _pick(random, _WALLS)
    if random.random() < 0.1:
        return _tree(random, side * 11.0, z + 6.0) + _tree(random, side * 14.0, z + 10.0)
    end, top = z + bays * BAY, -storeys * STOREY - PAVEMENT_HEIGHT
    left, right = _span(side, front, front + 4 * BAY)
    faces = _box((left, top, z), (right, -PAVEMENT_HEIGHT, end), FACADE, color)
    left, right = _span(side, front - 0.3, front + 4 * BAY + 0.3)
    trim = tuple(0.55 * channel for channel in color)
    faces += _box((left, top - 0.4, z - 0.2), (right, top, end + 0.2), PLAIN, trim)
    if random.random() < 0.5:
        left, right = _span(side, front + 1.0, front + 4 * BAY - 1.0)
        low, high = (left, top - 2.2, z + 0.8), (right, top - 0.4, end - 0.8)
        faces += _box(low, high, PLAIN, _TILES)
    return faces


def _street_furniture(
    random: np.random.Generator, side: float, z: float, index: int
) -> list[Surfaces]:
    faces: list[Surfaces] = []
    if (index + int(side > 0)) % 2:
        faces += _lamp(side, z + 1.0)
    elif random.random() < 0.6:
        faces += _sign(random, side, z + 1.0)
    if random.random() < 0.6:
        x = side * (6.2 + 0.5 * random.random())
        faces += _tree(random, x, z + 4.0 + 5.0 * random.random())
    for _ in range(int(3 * random.random())):
        width, height = 0.4 + 0.6 * random.random(), 0.5 + 0.8 * random.random()
        near, start = 6.8 + 0.4 * random.random(), z + 10.0 * random.random()
        left, right = _span(side, near, near + width)
        bottom = -PAVEMENT_HEIGHT
        low, high = (left, bottom - height, start), (right, bottom, start + width)
        faces += _box(low, high, PLAIN, _pick(random, _BINS))
    return faces


def _lamp(side: float, z: float) -> list[Surfaces]:
    left, right = _span(side, 4.95, 5.09)
    faces = _box((left, -6.2, z), (right, 0.0, z + 0.14), PLAIN, _STEEL)
    left, right = _span(side, 3.4, 4.95)
    faces += _box((left, -6.2, z + 0.03), (right, -6.1, z + 0.11), PLAIN, _STEEL)
    left, right = _span(side, 3.3, 3.9)
    return faces + _box((left, -6.1, z - 0.05), (right, -6.0, z + 0.19), PLAIN, (232, 226, 200))


def _sign(random: np.random.Generator, side: float, z: float) -> list[Surfaces]:
    x, color = side * 5.0, _pick(random, ((196, 34, 36), (36, 74, 158), (226, 178, 40)))
    faces = _box((x - 0.04, -2.7, z), (x + 0.04, 0.0, z + 0.08), PLAIN, _STEEL)
    for radius, paint, front in ((0.36, color, 0.02), (0.24, (228, 228, 222), 0.03)):
        low, high = (x - radius, -2.4 - radius, z - front), (x + radius, -2.4 + radius, z - front)
        faces.append(_surface(DISC, 2, -1.0, low, high, PLAIN, paint))
    return faces


def _tree(random: np.random.Generator, x: float, z: float) -> list[Surfaces]:
    faces = _box((x - 0.14, -3.0, z - 0.14), (x + 0.14, 0.0, z + 0.14), PLAIN, (96, 76, 58))
    color = _pick(random, _LEAVES)
    for _ in range(3):
        radius = 0.8 + 0.5 * random.random()
        centre = [middle + 1.3 * (random.random() - 0.5) for middle in (x, -3.6, z)]
        low, high = ([place + out for place in centre] for out in (-radius, radius))
        faces.append(_surface(BALL, 2, -1.0, low, high, FOLIAGE, color, centre))
    return faces


def _car(random: np.random.Generator, side: float, z: float) -> list[Surfaces]:
    paint, length = _pick(random, _PAINTS), 3.9 + 0.6 * random.random()
    left, right = _span(side, 2.75, 4.45)
    faces = _box((left, -0.92, z), (right, -0.28, z + length), PLAIN, paint)
    start, end = z + 0.24 * length, z + 0.82 * length
    faces += _box((left + 0.1, -1.34, start), (right - 0.1, -0.92, end), PLAIN, _GLASS)
    low, high = (left + 0.08, -1.42, start + 0.1), (right - 0.08, -1.34, end - 0.1)
    faces += _box(low, high, PLAIN, paint)
    low, high = (left - 0.1, -0.01, z), (right + 0.1, -0.01, z + length)
    faces.append(_surface(RECTANGLE, 1, -1.0, low, high, SHADOW, (38, 38, 42)))
    for lamp in (left + 0.12, right - 0.42):
        low, high = (lamp, -0.78, z - 0.01), (lamp + 0.3, -0.62, z - 0.01)
        faces.append(_surface(RECTANGLE, 2, -1.0, low, high, PLAIN, (190, 40, 36)))
    low, high = (left + 0.6, -0.55, z - 0.01), (right - 0.6, -0.44, z - 0.01)
    faces.append(_surface(RECTANGLE, 2, -1.0, low, high, PLAIN, (236, 232, 206)))
    return faces + _wheels(left, right, z, length)


def _wheels(left: float, right: float, z: float, length: float) -> list[Surfaces]:
    faces = []
    for sign, x in ((-1.0, left), (1.0, right)):
        for centre in (z + 0.2 * length, z + 0.8 * length):
            for radius, color, out in ((0.31, _RUBBER, 0.01), (0.17, (158, 160, 164), 0.02)):
                low = (x + sign * out, -0.31 - radius, centre - radius)
                high = (x + sign * out, -0.31 + radius, centre + radius)
                faces.append(_surface(DISC, 0, sign, low, high, PLAIN, color))
    return faces
