"""The core of evaluation on a robot: depth and references come in, metrics come out.

Offline (`evaluate_bag`) and live (`replay_evaluator`) feed the same `BagEvaluation`, so that the
same messages give the same metrics. It knows neither bags nor ROS.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.evaluation.frame_metrics import RunningMean, compare_depth
from mono_depth_ros.evaluation.robot.clock_shift import TimeShift
from mono_depth_ros.evaluation.robot.flicker import flicker
from mono_depth_ros.evaluation.robot.options import EvaluationOptions, parse_reference
from mono_depth_ros.evaluation.robot.poses import STILL, RobotMotion
from mono_depth_ros.evaluation.robot.reference import Reference, project_reference
from mono_depth_ros.evaluation.robot.result import BagResult, Counts, FrameRecord
from mono_depth_ros.evaluation.robot.stamp_matching import (
    NO_REFERENCE,
    OUT_OF_ORDER,
    SHARED,
    Decision,
    StampMatcher,
)
from mono_depth_ros.geometry.transforms import TransformTree, TransformUnknownError
from mono_depth_ros.stamps import NANOSECONDS
from mono_depth_ros.types import Depth, DepthKind, Matrix

# Two frames further apart are not consecutive: what changes between them is no flicker.
MAX_STEP = 500_000_000  # [ns]
_WHY = {
    NO_REFERENCE: 'none within {:g} s',
    SHARED: '',
    OUT_OF_ORDER: 'stamps ran back; a replay that loops counts once',
}


@dataclass(frozen=True, eq=False)
class DepthFrame:
    """One predicted depth image.

    Attributes:
        stamp: of the image it was made from [ns].
        frame_id: its optical frame.
        depth: (H, W) along the optical axis [m unless relative]; not finite where there is none.
        K: (3, 3) its intrinsics [px].
        kind: of depth.
    """

    stamp: int
    frame_id: str
    depth: Depth
    K: Matrix
    kind: DepthKind


@dataclass
class _Streams:
    """First and last stamps, to tell two clocks from a gap."""

    first: int | None = None
    last: int | None = None
    count: int = 0

    def add(self, stamp: int) -> None:
        self.first = stamp if self.first is None else min(self.first, stamp)
        self.last = stamp if self.last is None else max(self.last, stamp)
        self.count += 1


@dataclass
class _Sums:
    """What is kept of all frames."""

    by_scaling: dict[str, RunningMean] = field(default_factory=dict)
    scales: list[float] = field(default_factory=list)
    coverages: list[float] = field(default_factory=list)
    time_offsets: list[float] = field(default_factory=list)

    def add(self, record: FrameRecord) -> None:
        for name, frame in record.by_scaling.items():
            self.by_scaling.setdefault(name, RunningMean()).add(frame)
        self.scales.append(record.comparison.scale)
        self.coverages.append(record.comparison.coverage)
        self.time_offsets.append(record.time_offset)


class BagEvaluation:
    """Compare depth images with references as both arrive.

    Args:
        options: what to compare with, and how.
        tree: where the sensors are; may still be filled while messages come in.
        on_frame: gets every compared frame.
        window: how many of the last frames `recent` is about.
    """

    def __init__(
        self,
        options: EvaluationOptions,
        tree: TransformTree,
        on_frame: Callable[[FrameRecord], None] | None = None,
        window: int = 100,
    ) -> None:
        self.options = options
        self.motion = RobotMotion(options.effective_ego_motion, tree, options.body_frame)
        reference = parse_reference(options.reference)
        self._wall = reference if isinstance(reference, float) else None
        self._tree = tree
        self._on_frame = on_frame
        self._association: StampMatcher[DepthFrame, Reference] = StampMatcher(
            round(options.tolerance * NANOSECONDS)
        )
        self._recent: deque[FrameRecord] = deque(maxlen=window)
        self._shift = TimeShift()
        self._sums = _Sums()
        self._flickers: list[float] = []
        self._recent_flickers: deque[float] = deque(maxlen=window)
        self._frames, self._references = _Streams(), _Streams()
        self._skipped: Counter[str] = Counter()
        self._reasons: dict[str, str] = {}
        self._previous: DepthFrame | None = None
        self._kind: DepthKind | None = None

    def add_depth(self, frame: DepthFrame) -> None:
        """Take in a depth image.

        Raises:
            ValueError: its unit is another one than before.
        """
        if self._kind and (frame.kind == DepthKind.RELATIVE) != (self._kind == DepthKind.RELATIVE):
            raise ValueError(
                f'Depth was {self._kind} and is {frame.kind} now: metrics over both '
                'mean nothing. Keep model and depth_scale during an evaluation.'
            )
        self._kind = frame.kind
        self._frames.add(frame.stamp)
        if self._wall is not None:
            wall = np.full(frame.depth.shape, self._wall, np.float32)
            self._take(frame, wall, 0, self._follow(frame))
            return
        for decision in self._association.add_frame(frame.stamp, frame):
            self._settle(decision)

    def add_reference(self, reference: Reference) -> None:
        """Take in a point cloud or a depth image."""
        stamp = reference.stamp + round(self.options.time_offset * NANOSECONDS)
        self._references.add(stamp)
        for decision in self._association.add_reference(stamp, reference):
            self._settle(decision)

    def skip(self, cause: str, reason: str = '') -> None:
        """Count a message that could not be used, and keep the reason."""
        self._skipped[cause] += 1
        self._reasons[cause] = reason

    def finish(self) -> None:
        """Decide what waits for messages that will not come any more."""
        for decision in self._association.finish():
            self._settle(decision)

    def result(self) -> BagResult:
        """Return the metrics over all frames so far."""
        return self._summary(self._sums, self._flickers)

    def recent(self) -> BagResult:
        """Return the metrics over the last frames; counts and clocks are those of all."""
        sums = _Sums()
        for record in self._recent:
            sums.add(record)
        return self._summary(sums, list(self._recent_flickers))

    def _summary(self, sums: _Sums, flickers: list[float]) -> BagResult:
        counts = Counts(
            self._frames.count,
            self._references.count,
            len(sums.scales),
            dict(self._skipped),
            {k: v for k, v in self._reasons.items() if v},
        )
        return BagResult(
            reference=self.options.reference,
            depth_kind=self._kind,
            counts=counts,
            by_scaling={name: mean.mean() for name, mean in sums.by_scaling.items()},
            scales=tuple(sums.scales),
            coverages=tuple(sums.coverages),
            time_offsets=tuple(sums.time_offsets),
            flickers=tuple(flickers),
            no_flicker='' if flickers else self._why_no_flicker(),
            shift=self._shift.estimate(),
        )

    def _why_no_flicker(self) -> str:
        if not self.motion.source:
            return 'how the camera moved is not known: set ego_motion'
        if self._kind == DepthKind.RELATIVE and self.motion.source != STILL:
            return 'depth is relative, so metres of motion do not explain it: set depth_scale'
        return 'no two consecutive frames whose motion is known'

    def why_nothing(self) -> str:
        """Say why no frame could be compared; '' if one could."""
        if self._sums.scales:
            return ''
        frames, references = self._frames, self._references
        if not frames.count:
            return f'no depth image came{self._skipped_text()}'
        if self._wall is None and not references.count:
            return (
                f"nothing usable came on '{self.options.reference}'; "
                f'was the sensor on?{self._skipped_text()}'
            )
        gap = self._gap()
        if gap > self.options.tolerance:
            return (
                f"the stamps of '{self.options.reference}' and those of the camera do not "
                f'overlap, {gap:.3f} s are between them: two clocks. Synchronise them, set '
                'time_offset, or take the times of recording (stamps log)'
            )
        return f'no frame could be compared{self._skipped_text()}'

    def _gap(self) -> float:
        """Return how far the two streams miss each other in time [s]; 0 where they overlap."""
        a, b = self._frames, self._references
        if a.first is None or a.last is None or b.first is None or b.last is None:
            return 0.0
        return max(0, b.first - a.last, a.first - b.last) / NANOSECONDS

    def _skipped_text(self) -> str:
        counts = (
            f'{count} {cause.replace("_", " ")}'
            f'{": " + self._reasons[cause] if self._reasons.get(cause) else ""}'
            for cause, count in self._skipped.most_common()
        )
        listed = '; '.join(counts)
        return f' ({listed})' if listed else ''

    def _settle(self, decision: Decision[DepthFrame, Reference]) -> None:
        frame, reference = decision.frame, decision.reference
        if decision.cause in ('', NO_REFERENCE, SHARED):
            flicker = self._follow(frame)
        if reference is None:
            self.skip(decision.cause, _WHY[decision.cause].format(self.options.tolerance))
            return
        try:
            self._compare(frame, reference, flicker)
        except TransformUnknownError as error:
            self.skip('no_transform', str(error))

    def _compare(self, frame: DepthFrame, reference: Reference, flicker: float) -> None:
        stamp = reference.stamp + round(self.options.time_offset * NANOSECONDS)
        frames = (
            self.options.camera_frame or frame.frame_id,
            self.options.reference_frame or reference.frame_id,
        )
        size = (frame.depth.shape[0], frame.depth.shape[1])
        camera_from_reference = self._tree.lookup(*frames, frame.stamp)
        plain = project_reference(reference, camera_from_reference, frame.K, size)
        true = plain
        if self.motion.source and stamp != frame.stamp:
            moved = self.motion.between(frames[0], stamp, frame.stamp)
            if moved is None:
                self.skip(
                    'no_ego_motion',
                    f"'{self.motion.source}' does not say how the camera "
                    'moved between the frame and its reference',
                )
                return
            if not np.array_equal(moved, np.eye(4)):
                then = self._tree.lookup(*frames, stamp)
                true = project_reference(reference, moved @ then, frame.K, size)
        if np.isfinite(plain).any():
            self._shift.add(frame.stamp, frame.depth, stamp, plain)
        self._take(frame, true, frame.stamp - stamp, flicker)

    def _take(self, frame: DepthFrame, true: Depth, time_offset: int, flicker: float) -> None:
        limits = self.options.min_depth, self.options.max_depth
        mask = self._mask(true)
        known = int(np.count_nonzero(mask))
        if known < self.options.min_pixels:
            self.skip(
                'too_few_points',
                f'{known} pixels of the image have true depth between '
                f'{limits[0]:g} and {limits[1]:g} m, fewer than min_pixels '
                f'({self.options.min_pixels}): do extrinsics, frames and units fit?',
            )
            return
        try:
            comparison = compare_depth(frame.depth, true, mask, limits=limits)
        except ValueError as error:
            self.skip('nothing_predicted', str(error))
            return
        record = FrameRecord(
            frame.stamp, time_offset / NANOSECONDS, frame.kind, flicker, comparison
        )
        self._recent.append(record)
        self._sums.add(record)
        if self._on_frame is not None:
            self._on_frame(record)

    def _mask(self, true: Depth) -> NDArray[np.bool_]:
        """Return where to compare (H, W): known depth between the limits, within the region."""
        left, top, right, bottom = self.options.region
        height, width = true.shape
        mask = np.zeros(true.shape, bool)
        window = np.s_[
            round(top * height) : round(bottom * height),
            round(left * width) : round(right * width),
        ]
        mask[window] = (true[window] >= self.options.min_depth) & (
            true[window] <= self.options.max_depth
        )
        return mask

    def _follow(self, frame: DepthFrame) -> float:
        """Note how far depth changed since the last frame without reason; NaN if not known."""
        previous, self._previous = self._previous, frame
        if (
            previous is None
            or previous.depth.shape != frame.depth.shape
            or not 0 < frame.stamp - previous.stamp <= MAX_STEP
        ):
            return float('nan')
        # Metres of motion and a depth without metres cannot explain each other.
        if frame.kind == DepthKind.RELATIVE and self.motion.source != STILL:
            return float('nan')
        camera = self.options.camera_frame or frame.frame_id
        try:
            motion = self.motion.between(camera, previous.stamp, frame.stamp)
        except TransformUnknownError as error:
            self.skip('no_ego_motion', str(error))
            return float('nan')
        if motion is None:
            return float('nan')
        found = flicker(previous.depth, frame.depth, frame.K, motion)
        if np.isfinite(found):
            self._flickers.append(found)
            self._recent_flickers.append(found)
        return found
