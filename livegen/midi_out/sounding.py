"""Counts what sounds at one output, for all code that may have to end it."""

from collections.abc import Iterator

from livegen.events import (
    ALL_NOTES_OFF,
    ALL_SOUND_OFF,
    PEDALS,
    SUSTAIN_PEDAL,
    ControlChange,
    Event,
    NoteOff,
    NoteOn,
    PitchBend,
)

_Ending = NoteOff | ControlChange | PitchBend
_Begun = dict[int, list[int]]  # key → the moments at which it began; of notes of one pitch the oldest ends first
_PITCHES, _CHANNELS = 128, 16
_PEDALS = _PITCHES * _CHANNELS  # keys of notes are lower; one for each pedal and channel from here on
_BENDS = _PEDALS + len(PEDALS) * _CHANNELS  # one for each channel
_MOST = 255  # of one pitch at once: as many as the ledger counts


class SoundingNotes:
    """What has begun and not ended: as written, and as sent. Owner: the sender's lock.

    The two differ. A note may be written and not sent: it is out of range, or the level is 0. A note may be sent and
    not written: it was passed on from an input. And a note that was ended as too long is still sounding as written.
    """

    def __init__(self) -> None:
        self._written: _Begun = {}
        self._sent: _Begun = {}

    def wrote(self, event: Event, at_ns: int) -> None:
        """An event was written for this output."""
        _take(self._written, event, at_ns)

    def sent(self, event: Event, at_ns: int) -> None:
        """An event was sent."""
        _take(self._sent, event, at_ns)

    def is_stray(self, event: Event) -> bool:
        """The event is a note-off, and no such note was sent."""
        return isinstance(event, NoteOff) and event.channel * _PITCHES + event.pitch not in self._sent

    def is_ended_by(self, event: Event) -> bool:
        """The event lifts a pedal that was sent as down, or centres a bend."""
        match event:
            case ControlChange(number, value, channel) if number in PEDALS and value < 64:
                return _pedal(number, channel) in self._sent
            case PitchBend(0, channel):
                return _BENDS + channel in self._sent
        return False

    def overdue(self, before_ns: int) -> list[Event]:
        """The events that end each note and pedal sent at or before that moment, one for each."""
        return [
            _ending(key)
            for key, moments in self._sent.items()
            for at_ns in moments
            if key < _BENDS and at_ns <= before_ns
        ]

    def sent_endings(self) -> list[_Ending]:
        """The events that end each note, pedal and bend, as sent."""
        return list(_ended_by(self._sent))

    def written_endings(self) -> list[_Ending]:
        """The events that end each note, pedal and bend, as written."""
        return list(_ended_by(self._written))

    def written_silence(self) -> list[Event]:
        """All events that silence the output, as written: note-offs, pedals, controls on the channels in use, bends."""
        endings = self.written_endings()
        channels = sorted({ending.channel for ending in endings})
        numbers = (SUSTAIN_PEDAL, ALL_NOTES_OFF, ALL_SOUND_OFF)
        controls = [ControlChange(number, 0, channel) for channel in channels for number in numbers]
        bends = [ending for ending in endings if isinstance(ending, PitchBend)]
        others = [ending for ending in endings if ending not in bends and ending not in controls]
        return [*others, *controls, *bends]


def _take(begun: _Begun, event: Event, at_ns: int) -> None:
    match event:
        case NoteOn(pitch, _, channel):
            moments = begun.setdefault(channel * _PITCHES + pitch, [])
            if len(moments) < _MOST:
                moments.append(at_ns)
        case NoteOff(pitch, channel):
            _end(begun, channel * _PITCHES + pitch)
        case ControlChange(number, value, channel) if number in PEDALS:
            _set(begun, _pedal(number, channel), at_ns, is_down=value >= 64)
        case PitchBend(value, channel):
            _set(begun, _BENDS + channel, at_ns, is_down=value != 0)


def _set(begun: _Begun, key: int, at_ns: int, *, is_down: bool) -> None:
    """A pedal or a pitch bend: one per channel."""
    if is_down:
        begun.setdefault(key, [at_ns])
    else:
        _end(begun, key)


def _end(begun: _Begun, key: int) -> None:
    if moments := begun.get(key):
        del moments[0]
        if not moments:
            del begun[key]


def _pedal(number: int, channel: int) -> int:
    return _PEDALS + PEDALS.index(number) * _CHANNELS + channel


def _ended_by(begun: _Begun) -> Iterator[_Ending]:
    """The ending events: notes by channel and pitch, then pedals, then bends."""
    for key in sorted(begun):
        yield from (_ending(key) for _ in begun[key])


def _ending(key: int) -> _Ending:
    if key < _PEDALS:
        return NoteOff(key % _PITCHES, key // _PITCHES)
    if key >= _BENDS:
        return PitchBend(0, key - _BENDS)
    pedal, channel = divmod(key - _PEDALS, _CHANNELS)
    return ControlChange(PEDALS[pedal], 0, channel)
