"""What sounds at one output, counted once for everybody who may have to end it."""

from collections.abc import Iterator

from livegen.events import (
    ALL_NOTES_OFF,
    ALL_SOUND_OFF,
    SUSTAIN_PEDAL,
    ControlChange,
    Event,
    NoteOff,
    NoteOn,
    PitchBend,
)

PEDALS = range(SUSTAIN_PEDAL, 70)  # controllers that are on or off; only the first of them holds notes

_Begun = dict[int, list[int]]  # key → the moments at which it began; of notes of one pitch the oldest ends first
_PITCHES, _CHANNELS = 128, 16
_SUSTAIN = _PITCHES * _CHANNELS  # keys of notes are lower; then come sustain pedals, bends, and other pedals
_BEND = _SUSTAIN + _CHANNELS
_OTHERS = _BEND + _CHANNELS
_MOST = 255  # of one pitch at once: as many as the ledger counts

Ending = NoteOff | ControlChange | PitchBend


class SoundingNotes:
    """What has begun and not ended: as it was written, and as it was sent. Owner: the sender's lock.

    The two differ. A note may be written and not sent: too late, out of range, or at a level of 0. A note may be sent
    and not written: a player's, passed on. And a note that was ended for its length is still to be ended by its writer.
    """

    def __init__(self) -> None:
        self._written: _Begun = {}
        self._sent: _Begun = {}

    def wrote(self, event: Event, at_ns: int) -> None:
        """An event was written for this output."""
        _take(self._written, event, at_ns)

    def sent(self, event: Event, at_ns: int) -> None:
        """An event has left."""
        _take(self._sent, event, at_ns)

    def lasts(self, ending: Event) -> bool:
        """Was something sent that this ends, and has it not ended?"""
        return _key(ending) in self._sent

    def overdue(self, before_ns: int) -> list[Ending]:
        """What ends every note and sustain pedal that was sent by that moment, once for each."""
        held = ((key, at_ns) for key, moments in self._sent.items() for at_ns in moments if key < _BEND)
        return [_ending(key) for key, at_ns in held if at_ns <= before_ns]

    def sent_endings(self) -> list[Ending]:
        """What ends each note, sustain pedal and bend, as sent."""
        return list(_ended_by(self._sent))

    def written_endings(self) -> list[Ending]:
        """What ends each note, sustain pedal and bend, as written."""
        return list(_ended_by(self._written))

    def written_silence(self) -> list[Event]:
        """All it takes to be silent, as written: each note's own note-off, controls on the channels in use, bends."""
        endings = self.written_endings()
        numbers = (SUSTAIN_PEDAL, ALL_NOTES_OFF, ALL_SOUND_OFF)
        channels = sorted({ending.channel for ending in endings})
        return [
            *(ending for ending in endings if isinstance(ending, NoteOff)),
            *(ControlChange(number, 0, channel) for channel in channels for number in numbers),
            *(ending for ending in endings if isinstance(ending, PitchBend)),
        ]


def _take(begun: _Begun, event: Event, at_ns: int) -> None:
    key = _key(event)
    match event:
        case _ if key is None:
            return
        case NoteOn():
            moments = begun.setdefault(key, [])
            if len(moments) < _MOST:
                moments.append(at_ns)
        case ControlChange(value=value) if value >= 64:
            begun.setdefault(key, [at_ns])
        case PitchBend(value) if value:
            begun.setdefault(key, [at_ns])
        case _ if moments := begun.get(key, []):
            del moments[0]
            if not moments:
                del begun[key]


def _key(event: Event) -> int | None:
    match event:
        case NoteOn(pitch=pitch, channel=channel) | NoteOff(pitch, channel):
            return channel * _PITCHES + pitch
        case PitchBend(_, channel):
            return _BEND + channel
        case ControlChange(number, _, channel) if number == SUSTAIN_PEDAL:
            return _SUSTAIN + channel
        case ControlChange(number, _, channel) if number in PEDALS:
            return _OTHERS + number * _CHANNELS + channel
    return None


def _ended_by(begun: _Begun) -> Iterator[Ending]:
    """By channel and pitch, then pedals, then bends."""
    for key in sorted(begun):
        if key < _OTHERS:
            yield from (_ending(key) for _ in begun[key])


def _ending(key: int) -> Ending:
    if key < _SUSTAIN:
        return NoteOff(key % _PITCHES, key // _PITCHES)
    channel = key % _CHANNELS
    return ControlChange(SUSTAIN_PEDAL, 0, channel) if key < _BEND else PitchBend(0, channel)
