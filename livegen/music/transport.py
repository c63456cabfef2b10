"""The state of a clock's transport: running or stopped, position and tempo."""

from dataclasses import dataclass

from livegen.clock import NS_PER_S
from livegen.events import TICKS_PER_QUARTER
from livegen.music.tempo_map import round_div


@dataclass(frozen=True, slots=True)
class TransportState:
    """At ``at_ns`` the position is ``tick`` (960 to the quarter), and a quarter lasts ``beat_ns``.

    ``discontinuities`` counts starts, relocations and re-anchorings: when it has changed, ticks are not continuous.
    """

    is_running: bool
    tick: int
    at_ns: int
    beat_ns: int
    discontinuities: int = 0

    def ns_at(self, tick: int) -> int:
        """The moment of a tick."""
        return self.at_ns + (tick - self.tick) * self.beat_ns // TICKS_PER_QUARTER

    def tick_at(self, at_ns: int) -> int:
        """The nearest tick to a moment."""
        return self.tick + round_div((at_ns - self.at_ns) * TICKS_PER_QUARTER, self.beat_ns)

    @property
    def run(self) -> tuple[bool, int]:
        """Identifies a stretch of continuous ticks, running or stopped; it differs from the next stretch's."""
        return self.is_running, self.discontinuities

    @property
    def tempo_bpm(self) -> float:
        """Quarters per minute."""
        return 60 * NS_PER_S / self.beat_ns
