"""Which reference belongs to which depth image: mutual nearest stamps, decided as they come."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Generic, TypeVar

F = TypeVar('F')
R = TypeVar('R')

NO_REFERENCE = 'no_reference'
SHARED = 'reference_of_another_frame'
OUT_OF_ORDER = 'out_of_order'
# Of each kind, when the other one has fallen silent.
MAX_WAITING = 60

_stamp = itemgetter(0)


@dataclass(frozen=True)
class Decision(Generic[F, R]):
    """What became of one frame.

    Attributes:
        frame: the frame.
        reference: its reference, or None.
        cause: why it has none: 'no_reference' (none within the tolerance),
            'reference_of_another_frame' (another frame is nearer to it) or 'out_of_order'.
    """

    frame: F
    reference: R | None
    cause: str = ''


class StampMatcher(Generic[F, R]):
    """Pair frames with references whose stamps are each other's nearest, within a tolerance.

    Nothing is interpolated between references: between two scans or depth images no third one
    can be made that is true at an edge. The order of arrival within each kind must be that of
    the stamps; between the two kinds it does not matter, since a frame is decided only when no
    reference nearer to it can come any more.

    Args:
        tolerance: how far the two stamps of a pair may be apart [ns].
    """

    def __init__(self, tolerance: int) -> None:
        self._tolerance = tolerance
        self._frames: list[tuple[int, F]] = []
        self._references: list[tuple[int, R]] = []
        self._decided: list[int] = []
        self._last_reference: int | None = None
        self._last_frame: int | None = None

    def add_frame(self, stamp: int, frame: F) -> list[Decision[F, R]]:
        """Take in a frame; return what could be decided."""
        if self._last_frame is not None and stamp <= self._last_frame:
            return [Decision(frame, None, OUT_OF_ORDER)]
        self._frames.append((stamp, frame))
        self._last_frame = stamp
        return list(self._decide())

    def add_reference(self, stamp: int, reference: R) -> list[Decision[F, R]]:
        """Take in a reference; return what could be decided."""
        insort(self._references, (stamp, reference), key=_stamp)
        self._last_reference = max(stamp, self._last_reference or stamp)
        del self._references[:-MAX_WAITING]
        return list(self._decide())

    def finish(self) -> list[Decision[F, R]]:
        """Decide the frames that are left: nothing more will come."""
        return list(self._decide(is_final=True))

    def _decide(self, is_final: bool = False) -> Iterator[Decision[F, R]]:
        while self._frames:
            stamp, frame = self._frames[0]
            must = is_final or len(self._frames) > MAX_WAITING
            if not must and not self._references_known(stamp):
                return
            nearest = self._nearest_reference(stamp)
            if nearest is None:
                yield self._settle(Decision(frame, None, NO_REFERENCE))
                continue
            time, reference = nearest
            if not must and self._may_lose(stamp, time):
                return
            yield self._settle(
                Decision(frame, None, SHARED)
                if self._has_nearer(stamp, time)
                else Decision(frame, reference)
            )

    def _settle(self, decision: Decision[F, R]) -> Decision[F, R]:
        stamp, _ = self._frames.pop(0)
        self._decided = [*(s for s in self._decided if s > stamp - 4 * self._tolerance), stamp]
        first = bisect_left(self._references, stamp - self._tolerance, key=_stamp)
        del self._references[:first]
        return decision

    def _references_known(self, stamp: int) -> bool:
        """Say whether every reference that a frame could have is here."""
        return self._last_reference is not None and self._last_reference >= stamp + self._tolerance

    def _nearest_reference(self, stamp: int) -> tuple[int, R] | None:
        near = [entry for entry in self._references if abs(entry[0] - stamp) <= self._tolerance]
        return min(near, key=lambda entry: (abs(entry[0] - stamp), entry[0]), default=None)

    def _may_lose(self, stamp: int, reference: int) -> bool:
        """Say whether a frame may come that is nearer to this frame's reference."""
        assert self._last_frame is not None
        return self._last_frame < reference + abs(reference - stamp)

    def _has_nearer(self, stamp: int, reference: int) -> bool:
        others = [*self._decided, *(other for other, _ in self._frames)]
        return any(
            (abs(other - reference), other) < (abs(stamp - reference), stamp) for other in others
        )
