"""Notes of no length, as pads send them: they are heard for a while."""

from dataclasses import replace

from livegen.clock import NS_PER_MS
from livegen.events import NoteOff, NoteOn, Timed

_TAP_NS = 25 * NS_PER_MS  # a key that a finger presses is down for longer

_Key = tuple[int, int]  # channel, pitch


class Taps:
    """Delays the note-offs of notes that are too short to be heard. Owned by the engine; it is told the time."""

    def __init__(self) -> None:
        self._onsets: dict[_Key, int] = {}
        self._late: dict[_Key, Timed] = {}  # delayed note-offs
        self._fresh: dict[_Key, int] = {}  # those whose note has not been planned for yet → how long it lasts

    def hear(self, timed: Timed, least_ns: int) -> list[Timed]:
        """Take an event; return the events that are to be heard by now. A tap lasts ``least_ns``; 0: as played."""
        due = self._take(timed.at_ns)
        match timed.event:
            case NoteOn(pitch, _, channel):
                if late := self._late.pop((channel, pitch), None):
                    due.append(replace(late, at_ns=timed.at_ns))
                self._onsets[channel, pitch] = timed.at_ns
            case NoteOff(pitch, channel):
                onset_ns = self._onsets.pop((channel, pitch), None)
                if onset_ns is not None and timed.at_ns - onset_ns < min(_TAP_NS, least_ns):
                    self._late[channel, pitch] = replace(timed, at_ns=onset_ns + least_ns)
                    self._fresh[channel, pitch] = least_ns
                    return due
        return [*due, timed]

    def due(self, now_ns: int) -> list[Timed]:
        """Before planning: remove and return the delayed note-offs that are due. A new tap lasts from now on."""
        for key, least_ns in self._fresh.items():
            if late := self._late.get(key):
                self._late[key] = replace(late, at_ns=max(late.at_ns, now_ns + least_ns))
        self._fresh.clear()
        return self._take(now_ns)

    def _take(self, now_ns: int) -> list[Timed]:
        due = sorted((late for late in self._late.values() if late.at_ns <= now_ns), key=lambda late: late.at_ns)
        self._late = {key: late for key, late in self._late.items() if late.at_ns > now_ns}
        return due

    @property
    def due_ns(self) -> int | None:
        """The moment of the next delayed note-off; None when none waits."""
        return min((late.at_ns for late in self._late.values()), default=None)
