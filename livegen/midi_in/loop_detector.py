"""Detects our own notes when they come back to us, through a cable or another program."""

import threading
from collections import deque
from dataclasses import dataclass

from livegen.clock import NS_PER_MS
from livegen.events import NoteOn

_WINDOW_NS = 100 * NS_PER_MS  # a note that comes back later is played by a person, who needs longer
_PASSED_WINDOW_NS = 30 * NS_PER_MS  # the same for notes that were passed on: nobody repeats a note faster
_SAME_NS = 5 * NS_PER_MS  # the same note to several outputs counts once
_JUDGED = 8  # of the latest notes we sent
_ENOUGH = 4  # of them came back: a loop
_REMEMBERED = 64


@dataclass(slots=True)
class _Sent:
    at_ns: int
    note: NoteOn
    is_passed: bool
    has_returned: bool = False

    @property
    def window_ns(self) -> int:
        return _PASSED_WINDOW_NS if self.is_passed else _WINDOW_NS

    def is_same(self, note: NoteOn) -> bool:
        if self.is_passed and self.note.channel != note.channel:
            return False  # some keyboards send each note on two channels
        return (self.note.pitch, self.note.velocity) == (note.pitch, note.velocity)


class LoopDetector:
    """Compares received with sent notes by pitch and velocity, whatever the channel. Any thread; it is told the time.

    There is a loop when at least four of the last eight notes that we sent have come back; it is over when none of the
    last eight has. A player who imitates is too late to be taken for a loop; one who plays along has other velocities.
    """

    def __init__(self) -> None:
        self._sent: deque[_Sent] = deque(maxlen=_REMEMBERED)
        self._changing = threading.Lock()
        self.is_muting = False

    def sent(self, note: NoteOn, at_ns: int, *, is_passed: bool = False) -> None:
        """We sent this note; ``is_passed``: a player played it, and it was passed on at once."""
        with self._changing:
            if not self._find(note, at_ns, _SAME_NS):
                self._sent.append(_Sent(at_ns, note, is_passed))

    def is_ours(self, note: NoteOn, at_ns: int) -> bool:
        """A note was received; True when it is our own and must be dropped."""
        with self._changing:
            found = self._find(note, at_ns, _WINDOW_NS)
            if found:
                found.has_returned = True
                self._judge(at_ns)
            return bool(found) and self.is_muting

    def poll(self, now_ns: int) -> None:
        """Check whether the loop is over."""
        with self._changing:
            self._judge(now_ns)

    def _find(self, note: NoteOn, at_ns: int, longest_ns: int) -> _Sent | None:
        """The same note, sent recently and not yet returned."""
        for sent in reversed(self._sent):
            age_ns = at_ns - sent.at_ns
            if age_ns > longest_ns:
                return None
            if not sent.has_returned and 0 <= age_ns <= sent.window_ns and sent.is_same(note):
                return sent
        return None

    def _judge(self, now_ns: int) -> None:
        known = [sent.has_returned for sent in self._sent if sent.has_returned or now_ns - sent.at_ns > sent.window_ns]
        returned = sum(known[-_JUDGED:])
        if returned >= _ENOUGH:
            self.is_muting = True
        elif not returned and len(known) >= _JUDGED:
            self.is_muting = False
