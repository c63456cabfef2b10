"""Whose turn it is, where several workers run the tests: what depends on time comes last, and alone.

Tests on JACK mostly sleep: their files come first, side by side. Then come those that compute, then those with tests
marked ``timed``. While a test of these runs, no other does.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def in_turn(items: list[pytest.Item]) -> list[pytest.Item]:
    """The files in the order above; within each file nothing changes."""

    def files(marker: str) -> set[Path]:
        return {item.path for item in items if item.get_closest_marker(marker)}

    timed, on_jack = files("timed"), files("jack")
    return sorted(items, key=lambda item: (item.path in timed, item.path not in on_jack))


@contextmanager
def turn(item: pytest.Item, path: Path) -> Iterator[None]:
    """Wait until this test may run beside those of other workers, who lock the same file; then keep its turn."""
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX if item.get_closest_marker("timed") else fcntl.LOCK_SH)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # even where a process that the test has forked still holds the file
