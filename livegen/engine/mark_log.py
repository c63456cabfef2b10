"""Which tempo, metre and key were told to the port process: each change is told once."""

from livegen.clock import NS_PER_MS
from livegen.music.metre import KeyChange, Mark, Metre
from livegen.music.transport import TransportState

_OFF_NS = NS_PER_MS  # a clock so far from the position that was told is told anew


class MarkLog:
    """Owner of the marks that are still to be told. Owned by the engine."""

    def __init__(self) -> None:
        self._begun: Metre | None = None  # of the last part that had a metre of its own
        self._metre: Metre | None = None
        self._run: tuple[bool, int] | None = None  # of the clock that the last metre is from
        self._key: tuple[int, bool] | None = None
        self._new: list[Mark] = []

    def begin(self, metre: Metre) -> None:
        """A part has this metre of its own."""
        if metre != self._begun:
            self._begun, self._run = metre, None
            self._add(metre)

    def follow(self, transport: TransportState, beats_per_bar: int) -> None:
        """A clock runs, and is there."""
        before, is_same_run = self._metre, transport.run == self._run
        metre = Metre(transport.at_ns, transport.tick, transport.beat_ns, beats_per_bar, continues=is_same_run)
        if is_same_run and before and before.beats_per_bar == beats_per_bar:
            off_ns = before.ns_at(metre.tick) - metre.at_ns
            if abs(off_ns) < _OFF_NS:
                return
        self._run = transport.run
        self._add(metre)

    def change_key(self, change: KeyChange) -> None:
        """The key of what was played is this one."""
        if self._key != (change.tonic, change.is_minor):
            self._key = (change.tonic, change.is_minor)
            self._new.append(change)

    def take(self) -> tuple[Mark, ...]:
        """The marks since the last call."""
        taken, self._new = tuple(self._new), []
        return taken

    def _add(self, metre: Metre) -> None:
        self._metre = metre
        self._new.append(metre)
