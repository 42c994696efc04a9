"""How a bag is played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PlayOptions:
    """How to play a bag.

    Attributes:
        topics: the recorded topics to play; all when empty.
        rate: bag seconds per second.
        clock_hz: how often bag time is published on /clock [Hz]; None: not at all.
        loop: start again at the end, until interrupted.
        start: bag time to skip at the beginning [s].
        duration: bag time to play [s]; None: to the end.
        wait_for_subscribers: longest wait until every topic has its subscribers [s].
        subscribers: how many each topic must have before playing begins.
        lockstep: a recorded topic and one that answers it, such as an image topic and
            depth/image_rect. After each message of the first, bag time stands still until a
            message with its stamp arrives on the second: a slow machine loses nothing.
    """

    topics: Sequence[str] = ()
    rate: float = 1.0
    clock_hz: float | None = None
    loop: bool = False
    start: float = 0.0
    duration: float | None = None
    wait_for_subscribers: float = 2.0
    subscribers: int = 1
    lockstep: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        positive = {'rate': self.rate, 'clock_hz': self.clock_hz, 'duration': self.duration}
        for name, value in positive.items():
            if value is not None and not 0 < value < float('inf'):
                raise ValueError(f'{name} is {value}. Expected a number above 0.')
        for name in ('start', 'wait_for_subscribers'):
            if not 0 <= getattr(self, name) < float('inf'):
                raise ValueError(f'{name} is {getattr(self, name)}. Expected 0 or more seconds.')
        if self.subscribers < 1:
            raise ValueError(f'subscribers is {self.subscribers}. Expected 1 or more.')
