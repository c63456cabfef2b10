"""What travels: notes and controls, each with its moment.

Real time is ``Timed`` (int nanoseconds of the monotonic clock); musical time is ``Ticked`` and ``Note``
(int ticks, ``TICKS_PER_QUARTER`` to the quarter note).
"""

from collections.abc import Sequence
from dataclasses import dataclass

TICKS_PER_QUARTER = 960

SUSTAIN_PEDAL = 64
ALL_SOUND_OFF = 120
ALL_NOTES_OFF = 123


@dataclass(frozen=True, slots=True)
class NoteOn:
    """A key goes down: pitch 0-127, velocity 1-127, channel 0-15."""

    pitch: int
    velocity: int = 64
    channel: int = 0


@dataclass(frozen=True, slots=True)
class NoteOff:
    """A key comes up: pitch 0-127, channel 0-15."""

    pitch: int
    channel: int = 0


@dataclass(frozen=True, slots=True)
class Control:
    """A controller moves: number 0-127, value 0-127, channel 0-15."""

    number: int
    value: int
    channel: int = 0


Event = NoteOn | NoteOff | Control


@dataclass(frozen=True, slots=True)
class Timed:
    """An event and its moment, in nanoseconds of the engine's clock."""

    at_ns: int
    event: Event


@dataclass(frozen=True, slots=True)
class Ticked:
    """An event and its moment in musical time, in ticks."""

    tick: int
    event: Event


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """A whole note in musical time: onset and duration in ticks, pitch 0-127, velocity 1-127."""

    onset: int
    pitch: int
    duration: int
    velocity: int = 64

    @property
    def end(self) -> int:
        """The tick at which it stops sounding."""
        return self.onset + self.duration


def from_bytes(message: Sequence[int]) -> Event | None:
    """Read one MIDI channel message; None for anything that is no note or control (MIDI 1.0, table 1)."""
    if len(message) < 3:
        return None
    status, first, second = message[0], message[1] & 0x7F, message[2] & 0x7F
    kind, channel = status & 0xF0, status & 0x0F
    if kind == 0x90 and second:
        return NoteOn(first, second, channel)
    if kind in (0x80, 0x90):
        return NoteOff(first, channel)
    if kind == 0xB0:
        return Control(first, second, channel)
    return None


def to_bytes(event: Event) -> bytes:
    """Write one MIDI channel message, three bytes."""
    match event:
        case NoteOn(pitch, velocity, channel):
            return bytes((0x90 | channel, pitch, velocity))
        case NoteOff(pitch, channel):
            return bytes((0x80 | channel, pitch, 0))
        case Control(number, value, channel):
            return bytes((0xB0 | channel, number, value))
