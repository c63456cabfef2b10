"""Tells the left hand's keys from the melody's, while they are played.

With a split the split says it. Without one a hand is known by where it plays, as a listener tells two voices apart
(Bregman, Auditory Scene Analysis, 1990): a note is the left hand's when it lies far below a melody key that is down, or
nearer to what the left hand has just played than to the melody.
"""

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.events import NoteOff, NoteOn, Timed

_MEMORY_NS = 3 * NS_PER_S  # where a hand has played counts for so long
_APART = 8  # semitones below the melody from which on a note may be the left hand's wherever that has played
_SAME = 2  # semitones: a note so near to what the left hand has just played is its own even where the hands are close
_LEGATO_NS = 100 * NS_PER_MS  # two notes of one hand may overlap for so long


class Hands:
    """Owner of what each hand plays. Owned by the engine; it takes notes in order of time."""

    def __init__(self) -> None:
        self._melody: tuple[int, int] | None = None  # its newest pitch, and when that was pressed
        self._down: dict[int, int] = {}  # keys that are down → since when they have been their hand's
        self._left: set[int] = set()  # pitches that were the left hand's when they were last played
        self._recent: dict[int, int] = {}  # the left hand's pitches → when they were last played
        self._is_split = False

    def is_left(self, pitch: int) -> bool:
        """Is this key the left hand's?"""
        return pitch in self._left

    def hear(self, timed: Timed) -> None:
        """Take an event."""
        match timed.event:
            case NoteOn(pitch):
                self._is_split = self._is_split or timed.is_left_hand
                is_left = timed.is_left_hand if self._is_split else self._is_low(pitch, timed.at_ns)
                self._press(pitch, timed.at_ns, is_left=is_left)
            case NoteOff(pitch) if pitch in self._down:
                since_ns = self._down.pop(pitch)
                if not self._is_split:
                    self._unbind(pitch, since_ns, timed.at_ns)

    def _is_low(self, pitch: int, at_ns: int) -> bool:
        melody_keys = self._down.keys() - self._left
        if not self._melody or (not melody_keys and at_ns - self._melody[1] > _MEMORY_NS):
            return False  # nobody plays a melody: this is one
        below = (max(melody_keys) if melody_keys else self._melody[0]) - pitch
        nearest = min((abs(pitch - low) for low in self._lows(at_ns)), default=below)
        if below < _APART:
            return nearest < min(below, _SAME + 1)
        return bool(melody_keys) or nearest < below

    def _lows(self, at_ns: int) -> list[int]:
        return [low for low, last_ns in self._recent.items() if low in self._down or at_ns - last_ns <= _MEMORY_NS]

    def _press(self, pitch: int, at_ns: int, *, is_left: bool) -> None:
        self._down[pitch] = at_ns
        if is_left:
            self._left.add(pitch)
            self._recent[pitch] = at_ns
            return
        self._left.discard(pitch)
        self._recent.pop(pitch, None)
        self._melody = pitch, at_ns
        if not self._is_split:
            for low in [key for key in self._down.keys() - self._left if key <= pitch - _APART]:
                self._press(low, at_ns, is_left=True)

    def _unbind(self, pitch: int, since_ns: int, at_ns: int) -> None:
        """A key that comes up soon after the next was pressed, far from it, was bound to it: one hand played both."""
        if self.is_left(pitch):
            if self._melody and since_ns == self._melody[1] and at_ns - since_ns < _LEGATO_NS:
                self._recent.pop(pitch, None)
        elif not self._down.keys() - self._left:
            lows = [low for low in self._lows(at_ns) if since_ns < self._down.get(low, 0)]
            if lows == self._lows(at_ns) and len(lows) == 1 and at_ns - self._down[lows[0]] < _LEGATO_NS:
                self._press(lows[0], self._down[lows[0]], is_left=False)
