"""The clock: monotonic nanoseconds, real or set by hand."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


_read_ns: Callable[[], int] = time.monotonic_ns


def now_ns() -> int:
    """Nanoseconds of the monotonic clock (CLOCK_MONOTONIC on Linux), the only time on the path of a note."""
    return _read_ns()


@contextmanager
def clock_read_by(read_ns: Callable[[], int]) -> Iterator[None]:
    """Within this context, ``now_ns`` of the whole process calls ``read_ns``: for simulators."""
    global _read_ns
    before, _read_ns = _read_ns, read_ns
    try:
        yield
    finally:
        _read_ns = before


class ManualClock:
    """A clock that moves only when told: for ``livegen render``, simulators and tests."""

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        """The moment that it was last moved to."""
        return self._now_ns

    def move_to(self, at_ns: int) -> None:
        """Move forward to ``at_ns``; a moment in the past is refused with ValueError."""
        if at_ns < self._now_ns:
            raise ValueError(f"time cannot go back from {self._now_ns} to {at_ns} ns")
        self._now_ns = at_ns
