"""The player's part for one output: what is still to be played there, when, on which channels, and what sounds."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from livegen.events import Event, NoteOff, NoteOn, Timed
from livegen.midi_out.ledger import blank_ledger
from livegen.midi_out.scheduler import Scheduler
from livegen.midi_out.sender import Output, Wire
from livegen.routing import OutputRoute, Voices


class Lane:
    """Without an output its music goes on unheard. Owner: the player's lock."""

    def __init__(self, output: Output | None, route: OutputRoute) -> None:
        self._output = output
        self._route = route
        self._offset_ns = route.offset_ns
        self._scheduler = Scheduler()
        self._voices = Voices(route)
        self._sounding = blank_ledger()  # as written

    def add(self, events: Sequence[Timed]) -> None:
        """Take events over, in any order."""
        if len(self._route.channels) > 1:
            events = sorted(events, key=_highest_first)
        self._scheduler.add(self._moved(events))

    @property
    def waiting(self) -> int:
        """How many events wait for their moment."""
        return len(self._scheduler)

    def next_ns(self) -> int | None:
        """The moment at which the next event leaves; None when nothing is waiting."""
        return self._scheduler.next_ns()

    def due(self, now_ns: int) -> list[Timed]:
        """Take out all events that are to leave by now, each with the moment of its leaving."""
        return self._scheduler.due(now_ns)

    def clear(self) -> None:
        """Forget everything but the clock."""
        self._scheduler.clear()

    def retract(self, after_ns: int, now_ns: int, kept: Collection[int] = ()) -> None:
        """Forget what is due after that moment, and end what would then hang, but for these pitches."""
        endings: list[Event] = [*self._sounding.sounding(), *self._sounding.pedals()]
        self._scheduler.retract(after_ns + self._offset_ns, now_ns, endings, kept)

    def endings(self) -> tuple[Event, ...]:
        """All it takes to be silent, as written."""
        return self._sounding.endings()

    def send(self, event: Event, wire: Wire) -> None:
        """Send an event, as written, to this lane's output now."""
        is_stray = isinstance(event, NoteOff) and not self._sounding.has(event)  # its note-on was left out
        self._sounding.leaves(event)
        if self._output is not None:
            wire.send(self._output, self._voices.sent(event), is_stray=is_stray)
        self._sounding.has_left(event)

    def as_written(self, timed: Timed) -> Timed:
        """An event that was due, with its moment as written."""
        return replace(timed, at_ns=timed.at_ns - self._offset_ns) if self._offset_ns else timed

    def _moved(self, events: Sequence[Timed]) -> Iterable[Timed]:
        if not self._offset_ns:
            return events
        return (replace(timed, at_ns=timed.at_ns + self._offset_ns) for timed in events)


def _highest_first(timed: Timed) -> tuple[int, int]:
    return timed.at_ns, -timed.event.pitch if isinstance(timed.event, NoteOn) else 0
