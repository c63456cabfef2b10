"""Converts ticks of musical time to nanoseconds of real time, and back."""

from dataclasses import dataclass
from typing import Protocol

from livegen.clock import NS_PER_S
from livegen.events import TICKS_PER_QUARTER

_HALF = TICKS_PER_QUARTER // 2


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
    """A steady tempo: tick 0 is a beat at ``anchor_ns``; a beat (quarter) lasts ``beat_ns``.

    ``swing``: how much longer the first half of a beat lasts than the second; each half is even in itself.
    """

    anchor_ns: int
    beat_ns: int
    swing: float = 1.0

    def ns_at(self, tick: int) -> int:
        """The moment of a tick."""
        if self.swing != 1:
            beats, part = divmod(tick, TICKS_PER_QUARTER)
            tick = beats * TICKS_PER_QUARTER + _scaled(part, _HALF, self._late)
        return self.anchor_ns + tick * self.beat_ns // TICKS_PER_QUARTER

    def tick_at(self, at_ns: int) -> int:
        """The nearest tick to a moment."""
        tick = round_div((at_ns - self.anchor_ns) * TICKS_PER_QUARTER, self.beat_ns)
        if self.swing == 1:
            return tick
        beats, part = divmod(tick, TICKS_PER_QUARTER)
        return beats * TICKS_PER_QUARTER + _scaled(part, self._late, _HALF)

    @property
    def _late(self) -> int:
        """Where in the beat its second half begins, in ticks of an even beat."""
        return round(TICKS_PER_QUARTER * self.swing / (1 + self.swing))

    @property
    def tempo_bpm(self) -> float:
        """Quarters per minute."""
        return 60 * NS_PER_S / self.beat_ns


def _scaled(part: int, before: int, after: int) -> int:
    """A place in the beat, when what was at ``before`` is at ``after``: straight lines on both sides."""
    if part <= before:
        return round_div(part * after, before)
    return after + round_div((part - before) * (TICKS_PER_QUARTER - after), TICKS_PER_QUARTER - before)


def round_div(number: int, by: int) -> int:
    """Integer division, rounded to the nearest, halves upwards."""
    return (2 * number + by) // (2 * by)


def nearest(tick: int, grid: int) -> int:
    """The multiple of ``grid`` nearest to ``tick``."""
    return round_div(tick, grid) * grid


def next_multiple(tick: int, grid: int) -> int:
    """The first multiple of ``grid`` at or after ``tick``."""
    return -(-tick // grid) * grid
