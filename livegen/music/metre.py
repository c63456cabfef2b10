"""What was found or set of tempo, bars and key while music was made: for files and pictures of that music."""

from dataclasses import dataclass

from livegen.events import TICKS_PER_QUARTER


@dataclass(frozen=True, slots=True)
class Metre:
    """Tempo and bars from a moment on: at ``at_ns`` the position is ``tick``, and a quarter lasts ``beat_ns``.

    Bar lines are at the multiples of ``beats_per_bar`` quarters. ``continues``: the ticks of the metre before go on;
    else a count of its own begins.
    """

    at_ns: int
    tick: int
    beat_ns: int
    beats_per_bar: int
    continues: bool = False

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
