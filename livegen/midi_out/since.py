"""Since when each note sounds and each pedal is down, at each output: whatever has lasted too long can be ended."""

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from livegen.events import SUSTAIN_PEDAL, Control, Event, NoteOff, NoteOn

_MOST = 255  # of one pitch at once: as many as the ledger counts

Place = TypeVar("Place")  # an output


class Since(Generic[Place]):
    """What has begun, by the event that ends it. Owner: the wire's lock."""

    def __init__(self) -> None:
        self._begun: dict[tuple[Place, Event], deque[int]] = {}  # of notes of one pitch the oldest ends first

    def left(self, place: Place, event: Event, at_ns: int) -> None:
        """An event has left."""
        match event:
            case NoteOn(pitch, _, channel):
                self._begun.setdefault((place, NoteOff(pitch, channel)), deque(maxlen=_MOST)).append(at_ns)
            case Control(number, value, channel) if number == SUSTAIN_PEDAL and value >= 64:
                self._begun.setdefault((place, Control(number, 0, channel)), deque((at_ns,)))
            case NoteOff():
                self._end((place, event))
            case Control(number, _, channel) if number == SUSTAIN_PEDAL:
                self._end((place, Control(number, 0, channel)))

    def overdue(self, before_ns: int) -> Iterator[tuple[Place, Event]]:
        """What ends everything that has begun by that moment, once for each."""
        for (place, ending), begun in self._begun.items():
            for at_ns in begun:
                if at_ns <= before_ns:
                    yield place, ending

    def forget(self) -> None:
        """Nothing sounds there any more."""
        self._begun.clear()

    def _end(self, key: tuple[Place, Event]) -> None:
        if begun := self._begun.get(key):
            begun.popleft()
            if not begun:
                del self._begun[key]
