"""Go on when the device's memory runs out: smaller batches, and back to whole ones later."""

import re
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

Given = TypeVar('Given')
Result = TypeVar('Result')

GROW_AFTER_S = 60.0
# PyTorch has a class for its own allocator only; libraries and other engines have these words.
_WORDS = re.compile(r"out of memory|ALLOC_FAILED|(can't|failed to) allocate", re.IGNORECASE)


class MemoryExhaustedError(RuntimeError):
    """The memory does not suffice for a single image."""


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error of whatever engine says that no memory is left."""
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    return not isinstance(error, ValueError) and bool(_WORDS.search(str(error)))


class BatchLimit:
    """Run batches in parts that fit into memory.

    When memory runs out, caches are emptied, the part is halved and run again. After `grow_after`
    without trouble the parts double until batches are whole again: whoever took the memory may
    have gone.

    Args:
        grow_after: time without trouble after which larger parts are tried [s].
        clock: steady time [s].
    """

    def __init__(
        self, grow_after: float = GROW_AFTER_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limit: int | None = None
        self._grow_after = grow_after
        self._clock = clock
        self._changed = 0.0

    def run(
        self, work: Callable[[Sequence[Given]], list[Result]], batch: Sequence[Given]
    ) -> list[Result]:
        """Return what `work` makes of a batch, in order, run in parts if need be.

        Raises:
            MemoryExhaustedError: not even one image fits, caches emptied.
        """
        self._grow(len(batch))
        results: list[Result] = []
        while len(results) < len(batch):
            part = batch[len(results) : len(results) + (self.limit or len(batch))]
            done = _attempt(work, part)
            if done is None and len(part) == 1:
                done = _attempt(work, part)  # with the caches empty
            if done is None:
                self._shrink(len(part))
            results += done or []
        return results

    def _shrink(self, failed: int) -> None:
        self.limit, self._changed = max(1, failed // 2), self._clock()
        if failed == 1:
            raise MemoryExhaustedError(
                'memory ran out for a single image: end what else uses the device, or take a '
                'smaller model'
            )

    def _grow(self, wanted: int) -> None:
        if self.limit is None or self._clock() - self._changed < self._grow_after:
            return
        doubled = self.limit * 2
        self.limit, self._changed = doubled if doubled < wanted else None, self._clock()


def _attempt(
    work: Callable[[Sequence[Given]], list[Result]], part: Sequence[Given]
) -> list[Result] | None:
    """Run a part; None when memory ran out, with all given back that the attempt held."""
    try:
        return work(part)
    except Exception as error:  # ONNX Runtime's are no RuntimeErrors
        if not is_out_of_memory(error):
            raise
    # Out here, as the error's traceback keeps the tensors of the attempt alive.
    torch.cuda.empty_cache()
    return None
