"""The events that are still to be played, in order of time."""

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence

from livegen.events import (
    PEDAL,
    SUSTAIN_PEDAL,
    ControlChange,
    Event,
    NoteOff,
    NoteOn,
    PitchBend,
    ProgramChange,
    SongPosition,
    Timed,
    Transport,
    ending_of,
    is_beginning,
)


class Scheduler:
    """A heap of timed events; it is told the time. Of events at the same moment, note-offs come before note-ons.

    A note-off at the moment of its own note-on would therefore come first: a note lasts at least 1 ns.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, int, Timed]] = []
        self._added = 0

    def add(self, events: Iterable[Timed]) -> None:
        """Add events, in any order."""
        for timed in events:
            self._added += 1
            heapq.heappush(self._heap, (timed.at_ns, _rank(timed.event), self._added, timed))

    def __len__(self) -> int:
        return len(self._heap)

    def next_ns(self) -> int | None:
        """The moment of the next event; None when none waits."""
        return self._heap[0][0] if self._heap else None

    def due(self, now_ns: int) -> list[Timed]:
        """Remove and return all events that are due."""
        events = []
        while self._heap and self._heap[0][0] <= now_ns:
            events.append(heapq.heappop(self._heap)[3])
        return events

    def clear(self) -> None:
        """Forget all events except those of the clock, which others follow."""
        self._keep(lambda timed: _is_clock(timed.event))

    def retract(self, after_ns: int, now_ns: int, endings: Sequence[Event], kept_pitches: Collection[int] = ()) -> None:
        """Forget events due after ``after_ns``, and end what would hang, as soon as the remaining events allow.

        ``endings``: the events that end each note, pedal and bend that lasts now. One note of each of ``kept_pitches``
        sounds on, and the sustain pedal stays down where ``PEDAL`` is among them.
        """
        kept = self._keep(lambda timed: timed.at_ns <= after_ns or _is_clock(timed.event))
        end_ns = max(after_ns, now_ns, *(timed.at_ns + 1 for timed in kept if isinstance(timed.event, NoteOn)))
        spared = set(kept_pitches)
        for event in _unended(kept, endings):
            number = event.pitch if isinstance(event, NoteOff) else PEDAL if _is_sustain(event) else None
            if number is not None and number in spared:
                spared.remove(number)
            else:
                self.add((Timed(end_ns, event),))

    def _keep(self, is_kept: Callable[[Timed], bool]) -> list[Timed]:
        kept = [entry[3] for entry in self._heap if is_kept(entry[3])]
        self._heap.clear()
        self.add(kept)
        return kept


def _is_sustain(event: Event) -> bool:
    return isinstance(event, ControlChange) and event.number == SUSTAIN_PEDAL


def _is_clock(event: Event) -> bool:
    return isinstance(event, Transport | SongPosition)


def _unended(pending: Sequence[Timed], endings: Sequence[Event]) -> list[Event]:
    balance: Counter[Event] = Counter(endings)
    for timed in sorted(pending, key=lambda timed: (timed.at_ns, _rank(timed.event))):
        ending = ending_of(timed.event)
        if isinstance(ending, NoteOff):
            balance[ending] = max(balance[ending] + (1 if is_beginning(timed.event) else -1), 0)
        elif ending:  # a pedal or a pitch bend: one per channel
            balance[ending] = int(is_beginning(timed.event))
    return list(balance.elements())


def _rank(event: Event) -> int:
    match event:
        case NoteOff():
            return 0
        case ControlChange() | ProgramChange() | PitchBend():
            return 1
        case NoteOn():
            return 2
    return 0  # the clock comes first
