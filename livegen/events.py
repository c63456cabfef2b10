"""The events: notes, controls and the clock, each with its moment.

Real time is ``Timed`` (int nanoseconds of the monotonic clock); musical time is ``Ticked`` and ``Note``
(int ticks, ``TICKS_PER_QUARTER`` to the quarter note).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

TICKS_PER_QUARTER = 960

PERCUSSION = 9  # the channel of unpitched percussion (General MIDI), from 0

SUSTAIN_PEDAL = 64
SOSTENUTO_PEDAL = 66  # holds the notes whose keys are down when it is pressed
SOFT_PEDAL = 67
HOLD_2_PEDAL = 69
PEDAL = 128  # stands beside pitches, 0-127, for the sustain pedal
PEDALS = (SUSTAIN_PEDAL, SOSTENUTO_PEDAL, SOFT_PEDAL, HOLD_2_PEDAL)  # controllers that stay down until they are lifted

ALL_SOUND_OFF = 120
RESET_CONTROLLERS = 121
ALL_NOTES_OFF = 123
MODES = range(124, 128)  # omni off and on, mono, poly: a receiver ends its notes, as at ``ALL_NOTES_OFF``

PULSES_PER_QUARTER = 24  # of MIDI clock
TICKS_PER_PULSE = TICKS_PER_QUARTER // PULSES_PER_QUARTER


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
class ControlChange:
    """A controller moves: number 0-127, value 0-127, channel 0-15."""

    number: int
    value: int
    channel: int = 0


@dataclass(frozen=True, slots=True)
class ProgramChange:
    """A program is chosen: number 0-127, channel 0-15."""

    number: int
    channel: int = 0


@dataclass(frozen=True, slots=True)
class PitchBend:
    """The bend wheel moves: value -8192 to 8191, 0 is its centre; channel 0-15."""

    value: int
    channel: int = 0


@dataclass(frozen=True, slots=True)
class SongPosition:
    """The position at which the song continues, in sixteenths from its beginning, 0-16383."""

    sixteenths: int


class Transport(Enum):
    """MIDI clock and its transport: one byte each. START and CONTINUE take effect at the next CLOCK."""

    CLOCK = 0xF8
    START = 0xFA
    CONTINUE = 0xFB
    STOP = 0xFC
    SENSING = 0xFE  # active sensing: a sender that has begun it and then sends nothing for 0.3 s is gone
    RESET = 0xFF


_POSITION = 0xF2
_TRANSPORT = {event.value: event for event in Transport}

Event = NoteOn | NoteOff | ControlChange | ProgramChange | PitchBend | SongPosition | Transport
_BEND_CENTRE = 0x2000  # of 14 bits


@dataclass(frozen=True, slots=True)
class Timed:
    """An event and its moment, in nanoseconds of the engine's clock.

    ``is_left_hand``: the event is a note below the split of a keyboard.
    """

    at_ns: int
    event: Event
    is_left_hand: bool = False


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


def ending_of(event: Event) -> Event | None:
    """The event that ends what this one begins or ends: a note, a pedal, a bend; None for other events."""
    match event:
        case NoteOn(pitch, _, channel):
            return NoteOff(pitch, channel)
        case ControlChange(number, _, channel) if number in PEDALS:
            return ControlChange(number, 0, channel)
        case PitchBend(_, channel):
            return PitchBend(0, channel)
        case NoteOff():
            return event
    return None


def is_beginning(event: Event) -> bool:
    """The event begins a note, presses a pedal or moves the bend wheel off its centre."""
    match event:
        case ControlChange(number, value):
            return number in PEDALS and value >= 64
        case PitchBend(value):
            return value != 0
    return isinstance(event, NoteOn)


def is_music(event: Event) -> bool:
    """The event is a note, a pedal or a channel mode message: what a phrase is made of."""
    if isinstance(event, ControlChange):
        return event.number in PEDALS or event.number >= ALL_SOUND_OFF
    return isinstance(event, NoteOn | NoteOff)


def from_bytes(message: Sequence[int]) -> Event | None:
    """Decode one MIDI message (MIDI 1.0, tables 1 and 5); None for any other kind, and for an incomplete one."""
    status = message[0] if message else 0
    if status >= 0xF0:
        return _system(message)
    if len(message) < 2 or status < 0x80:
        return None
    kind, channel = status & 0xF0, status & 0x0F
    first = message[1] & 0x7F
    if kind == 0xC0:
        return ProgramChange(first, channel)
    if len(message) < 3:
        return None
    second = message[2] & 0x7F
    if kind == 0x90 and second:
        return NoteOn(first, second, channel)
    if kind in (0x80, 0x90):
        return NoteOff(first, channel)
    if kind == 0xB0:
        return ControlChange(first, second, channel)
    if kind == 0xE0:
        return PitchBend((first | second << 7) - _BEND_CENTRE, channel)
    return None


def to_bytes(event: Event) -> bytes:
    """Encode an event as one MIDI message of one to three bytes."""
    match event:
        case NoteOn(pitch, velocity, channel):
            return bytes((0x90 | channel, pitch, velocity))
        case NoteOff(pitch, channel):
            return bytes((0x80 | channel, pitch, 0))
        case ControlChange(number, value, channel):
            return bytes((0xB0 | channel, number, value))
        case ProgramChange(number, channel):
            return bytes((0xC0 | channel, number))
        case PitchBend(value, channel):
            bits = value + _BEND_CENTRE
            return bytes((0xE0 | channel, bits & 0x7F, bits >> 7))
        case SongPosition(sixteenths):
            return bytes((_POSITION, sixteenths & 0x7F, sixteenths >> 7))
        case Transport():
            return bytes((event.value,))


def _system(message: Sequence[int]) -> Event | None:
    if message[0] == _POSITION:
        return SongPosition(message[1] & 0x7F | (message[2] & 0x7F) << 7) if len(message) >= 3 else None
    return _TRANSPORT.get(message[0])
