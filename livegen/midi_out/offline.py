"""Plays without threads, ports or a clock of its own: for files, and for sessions that are replayed."""

from collections.abc import Collection, Iterable

from livegen.events import Timed
from livegen.midi_out.ledger import blank_ledger
from livegen.midi_out.scheduler import Scheduler


class OfflinePlayer:
    """Owner of the waiting and the sounded events. It is told the time, which never goes back."""

    def __init__(self) -> None:
        self._scheduler = Scheduler()
        self._ledger = blank_ledger()
        self.sounded: list[Timed] = []

    @property
    def is_waiting(self) -> bool:
        """Events are waiting."""
        return self._scheduler.next_ns() is not None

    def play(self, events: Iterable[Timed]) -> None:
        """Schedule each event for its moment."""
        self._scheduler.add(events)

    def retract(self, after_ns: int, now_ns: int, kept: Collection[int] = ()) -> None:
        """Forget events due after ``after_ns``, and end the notes that would hang, except notes of ``kept`` pitches."""
        self._scheduler.retract(after_ns, now_ns, self._ledger.lasting(), kept)

    def sound(self, now_ns: int) -> None:
        """Play all events that are due."""
        for timed in self._scheduler.due(now_ns):
            self._sound(timed)

    def end_all(self, now_ns: int) -> None:
        """Forget all waiting events, and end everything that sounds."""
        self.sound(now_ns)
        self._scheduler.clear()
        for event in self._ledger.note_offs():
            self._sound(Timed(now_ns, event))

    def _sound(self, timed: Timed) -> None:
        self._ledger.leaves(timed.event)
        self.sounded.append(timed)
        self._ledger.has_left(timed.event)
