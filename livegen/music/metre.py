"""Bars; and what was found or set of tempo, bars and key while music was made, for files and pictures of it."""

from dataclasses import dataclass

from livegen.events import TICKS_PER_QUARTER


@dataclass(frozen=True, slots=True)
class Bars:
    """The bars of a phrase, in beats. A beat of a compound metre has three parts: 6/8 has two such beats."""

    beats: int = 4
    is_compound: bool = False
    upbeat: int = 0  # ticks from tick 0 to the first bar line

    @property
    def ticks(self) -> int:
        """Ticks of a bar."""
        return self.beats * TICKS_PER_QUARTER

    def in_quarters(self) -> "Bars":
        """The same counted in quarters, three for two beats of a compound metre; of 9/8 two bars are one."""
        if not self.is_compound:
            return self
        quarters = self.beats * 3 // 2 if self.beats % 2 == 0 else self.beats * 3
        return Bars(quarters, is_compound=False, upbeat=self.upbeat * 3 // 2)

    def __str__(self) -> str:
        return f"{3 * self.beats}/8" if self.is_compound else f"{self.beats}/4"


@dataclass(frozen=True, slots=True)
class Metre:
    """Tempo and bars from a moment on: at ``at_ns`` the position is ``tick``, and a quarter lasts ``beat_ns``.

    Bar lines are at the multiples of ``beats_per_bar`` quarters. ``continues``: the ticks of the metre before go on;
    else a count of its own begins. ``is_compound``: a beat is three eighths, and three quarters are a bar of 6/8.
    """

    at_ns: int
    tick: int
    beat_ns: int
    beats_per_bar: int
    continues: bool = False
    is_compound: bool = False

    def ns_at(self, tick: int) -> int:
        """The moment of a tick."""
        return self.at_ns + (tick - self.tick) * self.beat_ns // TICKS_PER_QUARTER

    @property
    def bar(self) -> int:
        """Ticks in a bar."""
        return self.beats_per_bar * TICKS_PER_QUARTER


@dataclass(frozen=True, slots=True)
class KeyChange:
    """The key from a moment on: its tonic's pitch class, major or minor."""

    at_ns: int
    tonic: int
    is_minor: bool


Mark = Metre | KeyChange
