"""Converts ticks of musical time to nanoseconds of real time, and back."""

from dataclasses import dataclass
from typing import Protocol

from livegen.clock import NS_PER_S
from livegen.events import TICKS_PER_QUARTER


class TempoMap(Protocol):
    """Musical time from any source: a steady tempo, or the transport state of a clock."""

    @property
    def beat_ns(self) -> int:
        """The length of a quarter."""

    def ns_at(self, tick: int) -> int:
        """The moment of a tick."""

    def tick_at(self, at_ns: int) -> int:
        """The nearest tick to a moment."""


@dataclass(frozen=True, slots=True)
class SteadyTempo:
    """A steady tempo: tick 0 is a beat at ``anchor_ns``; a beat (quarter) lasts ``beat_ns``."""

    anchor_ns: int
    beat_ns: int

    def ns_at(self, tick: int) -> int:
        """The moment of a tick."""
        return self.anchor_ns + tick * self.beat_ns // TICKS_PER_QUARTER

    def tick_at(self, at_ns: int) -> int:
        """The nearest tick to a moment."""
        return round_div((at_ns - self.anchor_ns) * TICKS_PER_QUARTER, self.beat_ns)

    @property
    def tempo_bpm(self) -> float:
        """Quarters per minute."""
        return 60 * NS_PER_S / self.beat_ns


def round_div(number: int, by: int) -> int:
    """Integer division, rounded to the nearest, halves upwards."""
    return (2 * number + by) // (2 * by)


def nearest(tick: int, grid: int) -> int:
    """The multiple of ``grid`` nearest to ``tick``."""
    return round_div(tick, grid) * grid


def next_multiple(tick: int, grid: int) -> int:
    """The first multiple of ``grid`` at or after ``tick``."""
    return -(-tick // grid) * grid
