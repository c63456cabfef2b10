"""Routes events: their channel and pitch on the way in, and on the way out to each instrument.

Channels are 0-15 here, 1-16 in the settings.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from livegen.clock import NS_PER_MS
from livegen.events import PERCUSSION, ControlChange, Event, NoteOff, NoteOn, PitchBend, ProgramChange
from livegen.settings import InputPort, OutputPort

_CHANNELS = 16
_LEFT_OUT = -1
_WITH_PITCH = (0x80, 0x90, 0xA0)  # kinds of message whose first data byte is a key


@dataclass(frozen=True, slots=True)
class InputRoute:
    """How the events of an input are changed. It has no state: a note-on and its note-off are changed alike."""

    channels: tuple[int, ...] = tuple(range(_CHANNELS))  # index: the channel of the event; -1: dropped
    transpose: int = 0  # semitones
    split: int = 0  # keys below it are the left hand; 0: no split
    hears_percussion: bool = False  # the notes on channel 10 are pitches

    def is_percussion(self, event: Event) -> bool:
        """The event is a note of unpitched percussion: passed on, and not heard."""
        is_on_channel_10 = isinstance(event, NoteOn | NoteOff) and event.channel == PERCUSSION
        return is_on_channel_10 and not self.hears_percussion

    def heard(self, event: Event) -> Event | None:
        """The event as the engine hears it; None when it is dropped."""
        if isinstance(event, PitchBend):
            return None  # no model reads bends
        if not isinstance(event, NoteOn | NoteOff | ControlChange | ProgramChange):
            return event
        channel = self.channels[event.channel]
        if channel == _LEFT_OUT or self.is_percussion(event):
            return None
        if isinstance(event, ControlChange | ProgramChange):
            return replace(event, channel=channel) if channel != event.channel else event
        pitch = event.pitch + self.transpose
        if (channel, pitch) == (event.channel, event.pitch):
            return event
        return replace(event, channel=channel, pitch=pitch) if 0 <= pitch < 128 else None

    def is_left_hand(self, event: Event) -> bool:
        """The event is a note below the split, by the key as played."""
        return isinstance(event, NoteOn | NoteOff) and event.pitch < self.split

    def passed(self, message: bytes) -> bytes | None:
        """A whole channel message as it is passed on at once, from both hands; None when it is dropped."""
        return _moved(message, self.channels[message[0] & 0x0F], self.transpose)


@dataclass(frozen=True, slots=True)
class OutputRoute:
    """How the events that are sent to an output are changed."""

    channels: tuple[int, ...] = ()  # none: each event's own; one: all on it; several: a voice each, highest first
    transpose: int = 0  # semitones
    offset_ns: int = 0  # later than written; negative: earlier

    def passed(self, message: bytes, channel: int | None) -> bytes | None:
        """A whole channel message to pass on: on ``channel``, else this output's first channel, else its own."""
        own = self.channels[0] if self.channels else message[0] & 0x0F
        return _moved(message, own if channel is None else channel, self.transpose)


class VoiceAllocator:
    """Assigns each note of an output a channel. Its note-off goes to the same channel, whatever happens meanwhile.

    Notes that begin together must be given highest first. A note gets the first free voice below the higher and above
    the lower sounding notes; else the nearest free voice; where none is free, it shares the nearest.
    """

    def __init__(self, route: OutputRoute) -> None:
        self._route = route
        self._pitches: list[list[int]] = [[] for _ in route.channels]  # the sounding pitches of each voice
        self._voices: dict[tuple[int, int], list[int]] = {}  # (channel, pitch) as written → its voices, oldest first

    def sent(self, event: Event) -> tuple[Event, ...]:
        """The event as sent to this output, once for each channel; () when its pitch is out of range."""
        match event:
            case NoteOn(pitch, velocity, channel):
                return self._placed(NoteOn(pitch + self._route.transpose, velocity, channel), self._begin(event))
            case NoteOff(pitch, channel):
                return self._placed(NoteOff(pitch + self._route.transpose, channel), self._end(event))
            case ControlChange(number, value):
                return tuple(ControlChange(number, value, channel) for channel in self._all(event.channel))
            case ProgramChange(number):
                return tuple(ProgramChange(number, channel) for channel in self._all(event.channel))
            case PitchBend(value):
                return tuple(PitchBend(value, channel) for channel in self._all(event.channel))
        return (event,)

    def _all(self, own: int) -> Sequence[int]:
        return tuple(dict.fromkeys(self._route.channels)) or (own,)

    def _placed(self, event: NoteOn | NoteOff, channels: Sequence[int]) -> tuple[Event, ...]:
        if not 0 <= event.pitch < 128:
            return ()
        return tuple(replace(event, channel=channel) if channel != event.channel else event for channel in channels)

    def _begin(self, note: NoteOn) -> Sequence[int]:
        if len(self._route.channels) < 2:
            return self._all(note.channel)
        voice = self._free_voice(note.pitch)
        self._pitches[voice].append(note.pitch)
        self._voices.setdefault((note.channel, note.pitch), []).append(voice)
        return (self._route.channels[voice],)

    def _end(self, note: NoteOff) -> Sequence[int]:
        key = (note.channel, note.pitch)
        if key not in self._voices:
            return self._all(note.channel)  # one voice only, or a note that began before this output was attached
        voice = self._voices[key].pop(0)
        self._pitches[voice].remove(note.pitch)
        if not self._voices[key]:
            del self._voices[key]
        return (self._route.channels[voice],)

    def _free_voice(self, pitch: int) -> int:
        count = len(self._pitches)
        above = [voice for voice, pitches in enumerate(self._pitches) if any(other >= pitch for other in pitches)]
        below = [voice for voice, pitches in enumerate(self._pitches) if any(other < pitch for other in pitches)]
        first, last = min(max(above, default=-1) + 1, count - 1), min(below, default=count) - 1
        free = [voice for voice in range(count) if not self._pitches[voice]]
        between = [voice for voice in free if first <= voice <= last]
        return between[0] if between else min(free, key=lambda voice: abs(voice - first), default=first)


def input_route(port: InputPort) -> InputRoute:
    """The route that these settings describe."""
    channels = tuple(port.channels.get(channel + 1, channel + 1) - 1 for channel in range(_CHANNELS))
    return InputRoute(channels, port.transpose, port.split or 0, PERCUSSION + 1 in port.channels)


def output_route(port: OutputPort) -> OutputRoute:
    """The route that these settings describe."""
    channels = tuple(channel - 1 for channel in port.channels)
    return OutputRoute(channels, port.transpose, round(port.offset_ms * NS_PER_MS))


def _moved(message: bytes, channel: int, semitones: int) -> bytes | None:
    if channel == _LEFT_OUT:
        return None
    kind = message[0] & 0xF0
    if semitones and kind in _WITH_PITCH:
        pitch = message[1] + semitones
        return bytes((kind | channel, pitch, message[2])) if 0 <= pitch < 128 else None
    return bytes((kind | channel,)) + message[1:]
