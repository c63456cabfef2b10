"""Collects what the player has played since the last answer, and knows when the phrase is over."""

from collections import deque
from dataclasses import dataclass

from livegen.clock import NS_PER_S
from livegen.events import (
    ALL_NOTES_OFF,
    ALL_SOUND_OFF,
    MODES,
    RESET_CONTROLLERS,
    SOSTENUTO_PEDAL,
    SUSTAIN_PEDAL,
    ControlChange,
    Event,
    NoteOff,
    NoteOn,
    Timed,
)

_Key = tuple[int, int]  # channel, pitch

_MOST_NOTES = 4096
_MOST_EVENTS = 4 * _MOST_NOTES
_RECENT_ONSETS = 8
_LONGEST_BEAT_NS = 3 * NS_PER_S
_RINGING_NS = NS_PER_S  # the pedal keeps a phrase open for so long after the last key, at the most
_HELD_NS = 60 * NS_PER_S  # a held key keeps a phrase open for so long: after that it is a drone, or stuck


@dataclass(frozen=True, slots=True)
class HeardNote:
    """A note as it was played: moments in ns, pitch and velocity 0-127."""

    onset_ns: int
    end_ns: int
    pitch: int
    velocity: int


class PhraseCapture:
    """Owner of the current phrase, from all channels. Owned by the engine.

    A pedal holds the notes of its channel; on a channel without notes it holds all (MPE: the pedal of a zone is on its
    master channel, each note on a channel of its own).
    """

    def __init__(self, pause_ns: int) -> None:
        self.pause_ns = pause_ns
        self._held: dict[_Key, Timed] = {}  # its note-on
        self._sustained: set[_Key] = set()  # the notes of ``_held`` that only a pedal holds
        self._pedals: set[int] = set()  # channels whose sustain pedal is down
        self._sostenuto: dict[int, set[_Key]] = {}  # channel whose sostenuto pedal is down → the notes it holds
        self._channels: set[int] = set()  # that the phrase has notes on
        self._notes: list[HeardNote] = []
        self._events: deque[Timed] = deque(maxlen=_MOST_EVENTS)
        self._onsets: list[int] = []
        self._last_ns = 0

    def hear(self, timed: Timed) -> None:
        """Take an event, in order of time; a note-off without its note-on is ignored.

        A note that a pedal holds lasts until the pedal comes up, or until its key goes down again.
        """
        self._events.append(timed)
        match timed.event:
            case NoteOn(pitch, _, channel):
                self._release((channel, pitch), timed.at_ns)
                self._held[channel, pitch] = timed
                self._channels.add(channel)
                self._onsets = [*self._onsets[-_RECENT_ONSETS:], timed.at_ns]
                self._last_ns = timed.at_ns
            case NoteOff(pitch, channel):
                self._key_up((channel, pitch), timed.at_ns)
                self._last_ns = timed.at_ns
            case ControlChange(number, value, channel) if number in (SUSTAIN_PEDAL, SOSTENUTO_PEDAL):
                self._pedal(number, channel, timed.at_ns, is_down=value >= 64)
            case ControlChange(number, _, channel) if number >= ALL_SOUND_OFF:
                self._change_mode(number, channel, timed.at_ns)

    @property
    def held(self) -> frozenset[int]:
        """Pitches whose key is down, or that a pedal holds."""
        return frozenset(pitch for _, pitch in self._held)

    def newest(self, count: int, now_ns: int, since_ns: int = 0) -> list[HeardNote]:
        """The newest notes, at most ``count``, that began at ``since_ns`` or later, in order; a held one ends now."""
        held = [
            HeardNote(on.at_ns, max(now_ns, on.at_ns), pitch, on.event.velocity)
            for (_, pitch), on in self._held.items()
            if isinstance(on.event, NoteOn)
        ]
        notes = [note for note in (*self._notes[-count:], *held) if note.onset_ns >= since_ns]
        return sorted(notes, key=lambda note: (note.onset_ns, note.pitch))[-count:]

    @property
    def events(self) -> tuple[Timed, ...]:
        """All that was played since the last phrase was taken; first of all the pedals that were down then."""
        return tuple(self._events)

    def down_since(self, before_ns: int) -> list[Event]:
        """What says which keys and sustain pedals are down that were pressed before a moment."""
        keys = [on.event for key, on in self._held.items() if key not in self._sustained and on.at_ns < before_ns]
        return [*(ControlChange(SUSTAIN_PEDAL, 127, channel) for channel in sorted(self._pedals)), *keys]

    def has_ended(self, now_ns: int) -> bool:
        """Is the phrase over? The pause exceeds the settings' and the phrase's beat; keys are up, or held too long."""
        due_ns = self.due_ns
        return due_ns is not None and now_ns >= due_ns

    @property
    def due_ns(self) -> int | None:
        """When the phrase will be over if nothing more is played; None without a phrase."""
        if not (self._notes or self._sustained):
            return None
        gaps = [after - before for before, after in zip(self._onsets, self._onsets[1:], strict=False)]
        beat_ns = min(max(gaps, default=0), _LONGEST_BEAT_NS)
        last_ns = self._onsets[-1] if self._onsets else self._last_ns  # ``take`` may have removed the onset
        held = [on.at_ns + _HELD_NS for key, on in self._held.items() if key not in self._sustained]
        ringing = [self._last_ns + _RINGING_NS] if self._sustained else []
        return max(self._last_ns + self.pause_ns, last_ns + beat_ns + self.pause_ns // 2, *held, *ringing)

    @property
    def is_sustained(self) -> bool:
        """Does a pedal hold notes whose keys are up?"""
        return bool(self._sustained)

    def take(self) -> list[HeardNote]:
        """Remove and return the phrase, sorted by onset; keys that are down stay."""
        for key in list(self._sustained):
            self._release(key, self._last_ns)
        notes = sorted(self._notes, key=lambda note: (note.onset_ns, note.pitch))
        self._notes, self._onsets = [], []
        down = [ControlChange(SUSTAIN_PEDAL, 127, channel) for channel in sorted(self._pedals)]
        self._events = deque((Timed(self._last_ns, event) for event in down), maxlen=_MOST_EVENTS)
        self._channels = {channel for channel, _ in self._held}
        return notes

    def _pedal(self, number: int, channel: int, at_ns: int, *, is_down: bool) -> None:
        if not is_down:
            self._lift(number, channel, at_ns)
        elif number == SUSTAIN_PEDAL:
            self._pedals.add(channel)
        elif channel not in self._sostenuto:
            down = self._held.keys() - self._sustained
            self._sostenuto[channel] = {key for key in down if self._reaches(channel, key)}

    def _lift(self, number: int, channel: int, at_ns: int) -> None:
        if number == SUSTAIN_PEDAL:
            self._pedals.discard(channel)
        else:
            self._sostenuto.pop(channel, None)
        for key in [key for key in self._sustained if not self._is_sustained(key)]:
            self._release(key, at_ns)
            self._last_ns = at_ns

    def _change_mode(self, number: int, channel: int, at_ns: int) -> None:
        """All Notes Off lets go of the keys, All Sound Off of what a pedal holds, too; Reset lifts the pedals."""
        if number in (ALL_NOTES_OFF, *MODES):
            for key in [key for key in self._held if key[0] == channel and key not in self._sustained]:
                self._key_up(key, at_ns)
                self._last_ns = at_ns
        elif number == ALL_SOUND_OFF:
            for key in [key for key in self._held if key[0] == channel]:
                self._release(key, at_ns)
                self._last_ns = at_ns
        elif number == RESET_CONTROLLERS:
            for pedal in (SUSTAIN_PEDAL, SOSTENUTO_PEDAL):
                self._lift(pedal, channel, at_ns)

    def _is_sustained(self, key: _Key) -> bool:
        is_chosen = any(key in keys for keys in self._sostenuto.values())
        return is_chosen or any(self._reaches(channel, key) for channel in self._pedals)

    def _reaches(self, channel: int, key: _Key) -> bool:
        return channel == key[0] or channel not in self._channels

    def _key_up(self, key: _Key, at_ns: int) -> None:
        if key in self._held and self._is_sustained(key):
            self._sustained.add(key)
        else:
            self._release(key, at_ns)

    def _release(self, key: _Key, at_ns: int) -> None:
        self._sustained.discard(key)
        on = self._held.pop(key, None)
        if on is not None and isinstance(on.event, NoteOn):
            self._notes.append(HeardNote(on.at_ns, at_ns, key[1], on.event.velocity))
            del self._notes[:-_MOST_NOTES]
