"""What leaves is never louder than allowed, whoever asked for it."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from livegen.events import SUSTAIN_PEDAL, ControlChange, Event, NoteOff, NoteOn

VOLUME = 7  # the controller


@dataclass(slots=True)
class OutputLimiter:
    """The way out. Written by the daemon's main thread, read under the wire's lock: each field stands for itself."""

    velocity: int = 127
    volume: int = 127
    longest_ns: int = 0  # that a note may sound; 0 is for ever
    level: float = 1.0  # of the velocities, 0-1; at 0 no note begins

    def limited(self, event: Event) -> Event | None:
        """The event as it may leave; None when it may not."""
        match event:
            case NoteOn(velocity=velocity):
                if not self.level:
                    return None
                allowed = max(1, min(round(velocity * self.level), self.velocity))
                return event if allowed == velocity else replace(event, velocity=allowed)
            case ControlChange(number, value) if number == VOLUME and value > self.volume:
                return replace(event, value=self.volume)
        return event


_MOST = 255  # of one pitch at once: as many as the ledger counts

Output = TypeVar("Output")  # an output


class NoteAges(Generic[Output]):
    """What has begun, by the event that ends it. Owner: the wire's lock."""

    def __init__(self) -> None:
        self._begun: dict[tuple[Output, Event], deque[int]] = {}  # of notes of one pitch the oldest ends first

    def left(self, output: Output, event: Event, at_ns: int) -> None:
        """An event has left."""
        match event:
            case NoteOn(pitch, _, channel):
                self._begun.setdefault((output, NoteOff(pitch, channel)), deque(maxlen=_MOST)).append(at_ns)
            case ControlChange(number, value, channel) if number == SUSTAIN_PEDAL and value >= 64:
                self._begun.setdefault((output, ControlChange(number, 0, channel)), deque((at_ns,)))
            case NoteOff():
                self._end((output, event))
            case ControlChange(number, _, channel) if number == SUSTAIN_PEDAL:
                self._end((output, ControlChange(number, 0, channel)))

    def overdue(self, before_ns: int) -> Iterator[tuple[Output, Event]]:
        """What ends everything that has begun by that moment, once for each."""
        for (output, ending), begun in self._begun.items():
            for at_ns in begun:
                if at_ns <= before_ns:
                    yield output, ending

    def forget(self) -> None:
        """Nothing sounds there any more."""
        self._begun.clear()

    def _end(self, key: tuple[Output, Event]) -> None:
        if begun := self._begun.get(key):
            begun.popleft()
            if not begun:
                del self._begun[key]
