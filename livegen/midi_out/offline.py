"""What would sound, without threads, ports or a clock of its own: for files, and for sessions played again."""

from collections.abc import Collection, Iterable

from livegen.events import Timed
from livegen.midi_out.ledger import blank_ledger
from livegen.midi_out.scheduler import Scheduler


class OfflinePlayer:
    """Owner of what waits and of what has sounded. It is told the time, which does not go back."""

    def __init__(self) -> None:
        self._scheduler = Scheduler()
        self._ledger = blank_ledger()
        self.sounded: list[Timed] = []

    @property
    def is_waiting(self) -> bool:
        """Is something still to sound?"""
        return self._scheduler.next_ns() is not None

    def play(self, events: Iterable[Timed]) -> None:
        """Let each sound at its moment."""
        self._scheduler.add(events)

    def retract(self, after_ns: int, now_ns: int, kept: Collection[int] = ()) -> None:
        """Forget what is due after that moment and end what would then hang, but for these pitches."""
        self._scheduler.retract(after_ns, now_ns, self._ledger.lasting(), kept)

    def sound(self, now_ns: int) -> None:
        """Let all sound that is due."""
        for timed in self._scheduler.due(now_ns):
            self._sound(timed)

    def end_all(self, now_ns: int) -> None:
        """Be silent now: forget everything, and end what sounds."""
        self.sound(now_ns)
        self._scheduler.clear()
        for event in self._ledger.note_offs():
            self._sound(Timed(now_ns, event))

    def _sound(self, timed: Timed) -> None:
        self._ledger.leaves(timed.event)
        self.sounded.append(timed)
        self._ledger.has_left(timed.event)
