"""Find a camera's motion from its images alone, in metres by its height above the road."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.types import Image, Matrix

Mask = NDArray[np.bool_]
Points = NDArray[np.floating[Any]]

# Corners of the whole image, and of the road, whose own are weak beside those of trees and cars.
_CORNERS, _QUALITY, _APART = 3000, 0.003, 6
_ROAD_CORNERS, _ROAD_QUALITY = 600, 0.01
# A track is one if it leads back to where it began, to so many pixels.
_RETURNS = 0.3
_FEWEST_TRACKS = 40
# A point may lie so far off the line where the motion wants it [px].
_OFF_LINE = 0.5
# A camera whose tracks' median is shorter than this stands still [px of an image's width].
_STANDS = 4e-4
# The road is looked for up to so many camera heights left and right of the camera's way; what
# moves less than this between two images is too far to be measured [px of an image's width].
_ROAD_REACH, _ROAD_FLOW = 1.2, 2.4e-3
_FEWEST_ROAD = 12
# Speed changes slowly: lengths are medians over so many steps to both sides, then their means.
_MEDIAN_REACH, _MEAN_REACH = 5, 3


class Step(NamedTuple):
    """The motion between two images.

    Attributes:
        second_from_first: (4, 4), its translation of length 1; the identity of a camera at rest.
        height: of the camera above the road, in lengths of the translation; NaN where the road
            does not show it, and at rest.
    """

    second_from_first: Matrix
    height: float

    @property
    def is_at_rest(self) -> bool:
        """Say whether the camera stood still."""
        return not self.second_from_first[:3, 3].any()


@dataclass(frozen=True)
class FoundPoses:
    """What images say of a camera's motion.

    Attributes:
        name: of the drive or bag.
        poses: (N, 3, 4) world_from_camera, the world being its first place [m].
    """

    name: str
    poses: Matrix

    def __str__(self) -> str:
        steps = np.linalg.norm(np.diff(self.poses[:, :, 3], axis=0), axis=1)
        return (
            f'{self.name}: {len(self.poses)} images, {steps.sum():.1f} m in {len(steps)} '
            f'steps of {np.median(steps):.2f} m (median), {(steps == 0).sum()} at rest'
        )


def find_poses(images: Iterable[Image], K: Matrix, camera_height: float) -> Matrix:
    """Find where a camera was when it took each of its images, by what it shows of the road.

    Args:
        images: (H, W) uint8, gray, in the order of time, a few frames per second or more.
        K: (3, 3) intrinsics of a rectified image [px].
        camera_height: above the road [m].

    Returns:
        (N, 3, 4) world_from_camera, the world being the first camera's [m].

    Raises:
        ValueError: less than two images, images that have too little in common, no road.
    """
    steps = [_named_step(index, *pair, K) for index, pair in enumerate(pairwise(images))]
    if not steps:
        raise ValueError('Motion is found between images: expected two or more.')
    pose, poses = np.eye(4), [np.eye(4)]
    for step, length in zip(steps, _lengths(steps, camera_height)):
        motion = step.second_from_first.copy()
        motion[:3, 3] *= length
        pose = pose @ np.linalg.inv(motion)
        poses.append(pose)
    return np.stack(poses)[:, :3]


def _named_step(index: int, first: Image, second: Image, K: Matrix) -> Step:
    try:
        return find_step(first, second, K)
    except ValueError as error:
        raise ValueError(f'Images {index} and {index + 1} of the sequence: {error}') from error


def find_step(first: Image, second: Image, K: Matrix) -> Step:
    """Find the motion between two gray images (H, W), up to its length.

    Corners are tracked (Lucas and Kanade, pyramids), an essential matrix is fitted (Nister 2004,
    RANSAC); what is tracked on the road is triangulated.

    Raises:
        ValueError: sizes differ, or too few corners of the first image are found in the second.
    """
    if first.shape != second.shape:
        raise ValueError(f'their sizes differ, {first.shape} and {second.shape} (height, width).')
    height, width = first.shape
    road = _is_road(np.arange(float(width)), np.arange(float(height))[:, None], height, K)
    before, after = _tracks(first, second, road)
    if len(before) < _FEWEST_TRACKS:
        raise ValueError(
            f'only {len(before)} of their points can be tracked, expected {_FEWEST_TRACKS} or '
            'more. Take images closer in time, and leave out what is black or blurred.'
        )
    flow = np.linalg.norm(after - before, axis=1)
    if np.median(flow) < _STANDS * width:
        return Step(np.eye(4), np.nan)
    essential, _ = cv2.findEssentialMat(
        before, after, K, method=cv2.RANSAC, prob=0.9999, threshold=_OFF_LINE
    )
    if essential is None or essential.shape != (3, 3):
        raise ValueError(f'no motion of a camera explains how {len(before)} of their points move.')
    motion = np.eye(4)
    _, motion[:3, :3], direction, fits = cv2.recoverPose(essential, before, after, K)
    motion[:3, 3] = direction[:, 0]
    on_road = _is_road(before[:, 0], before[:, 1], height, K)
    on_road &= (fits[:, 0] > 0) & (flow > _ROAD_FLOW * width)
    if on_road.sum() < _FEWEST_ROAD:
        return Step(motion, np.nan)
    return Step(motion, _height(before[on_road], after[on_road], motion, K))


def _tracks(first: Image, second: Image, road: Mask) -> tuple[Points, Points]:
    """Track corners from one image to the other and back: (N, 2) and (N, 2) [px]."""
    corners = [
        cv2.goodFeaturesToTrack(first, _CORNERS, _QUALITY, _APART),
        cv2.goodFeaturesToTrack(
            first, _ROAD_CORNERS, _ROAD_QUALITY, _APART, mask=road.astype(np.uint8)
        ),
    ]
    found = [some.reshape(-1, 1, 2) for some in corners if some is not None]
    if not found:
        return np.empty((0, 2)), np.empty((0, 2))
    before = np.concatenate(found).astype(np.float32)
    after, there = _followed(first, second, before)
    back, here = _followed(second, first, after)
    kept = there & here & (np.linalg.norm(back - before, axis=2)[:, 0] < _RETURNS)
    return before[kept, 0].astype(np.float64), after[kept, 0].astype(np.float64)


def _followed(first: Image, second: Image, points: Points) -> tuple[Points, Mask]:
    """Return where points (N, 1, 2) of one image are in the other, and which were found."""
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        first, second, points, np.empty_like(points), winSize=(21, 21), maxLevel=4
    )
    return np.asarray(moved, np.float32), np.asarray(found)[:, 0] == 1


def _is_road(columns: Points, rows: Points, image_height: int, K: Matrix) -> Mask:
    """Say which pixels would show a road below a level camera, near its way ahead."""
    down = (rows - K[1, 2]) / K[1, 1]
    across = np.abs(columns - K[0, 2]) / K[0, 0]
    return np.asarray((rows - K[1, 2] > image_height / 8) & (across < _ROAD_REACH * down))


def _height(before: Points, after: Points, motion: Matrix, K: Matrix) -> float:
    """Return how far points of the road are below the camera, in lengths of the motion.

    A car moves along its road: what counts is the distance across its direction of motion, so
    that a camera that looks up or down a little does no harm.
    """
    points = cv2.triangulatePoints(K @ np.eye(3, 4), K @ motion[:3], before.T, after.T)
    points = points[:3] / points[3]
    ahead = motion[:3, :3].T @ motion[:3, 3]  # the way, seen from the first image
    down = np.array([0.0, 1.0, 0.0]) - ahead[1] * ahead
    return float(np.median(down @ points / np.linalg.norm(down)))


def _lengths(steps: list[Step], camera_height: float) -> Matrix:
    """Return the length of every step [m]."""
    at_rest = np.array([step.is_at_rest for step in steps])
    found = camera_height / np.array([step.height for step in steps])
    found[~(found > 0)] = np.nan
    if np.isnan(found[~at_rest]).all() and not at_rest.all():
        raise ValueError(
            f'None of {len(steps)} steps shows enough road below the camera to say how long it '
            'is. Expected a camera that looks along its way, not far above it.'
        )
    return np.where(at_rest, 0.0, _smoothed(found))


def _smoothed(values: Matrix) -> Matrix:
    """Return running medians, then their running means; what is unknown lies between others."""
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return np.zeros_like(values)
    indices = np.arange(len(values))
    medians = np.array(
        [np.median(values[known[np.abs(known - index) <= _MEDIAN_REACH]]) for index in known]
    )
    filled = np.pad(np.interp(indices, known, medians), _MEAN_REACH, mode='edge')
    return np.convolve(filled, np.full(2 * _MEAN_REACH + 1, 1 / (2 * _MEAN_REACH + 1)), 'valid')
