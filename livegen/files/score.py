"""MIDI files in musical time: notes in ticks, at the tempo that the file says."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import mido

from livegen.errors import MidiFileError
from livegen.events import TICKS_PER_QUARTER, Note, NoteOff, NoteOn, Ticked, from_bytes, to_bytes
from livegen.files.midi_file import read_midi

_PERCUSSION = 9  # the channel that has no pitches (General MIDI)
_KEPT = ("set_tempo", "time_signature")


@dataclass(frozen=True, slots=True)
class Score:
    """The notes of a file, sorted, and the tempi and meters (tick, message) they stand under."""

    notes: tuple[Note, ...]
    signs: tuple[tuple[int, mido.MetaMessage], ...] = ()

    @property
    def tempo_us(self) -> int:
        """Microseconds a quarter, at the beginning."""
        return next((sign.tempo for _, sign in self.signs if sign.type == "set_tempo"), 500_000)


def read_score(path: Path) -> Score:
    """The pitched notes of a type 0 or 1 file; MidiFileError when it is none, or holds no such notes."""
    read_midi(path)  # refuses what cannot be read, by name
    file = mido.MidiFile(path, clip=True)
    notes: list[Note] = []
    signs: list[tuple[int, mido.MetaMessage]] = []
    onsets: dict[tuple[int, int], tuple[int, int]] = {}  # channel, pitch → onset, velocity
    tick = 0
    for message in mido.merge_tracks(file.tracks):
        tick += message.time
        at = round(tick * TICKS_PER_QUARTER / file.ticks_per_beat)
        if message.type in _KEPT:
            signs.append((at, message.copy(time=0)))
        event = None if message.is_meta else from_bytes(message.bytes())
        if isinstance(event, NoteOn | NoteOff) and event.channel != _PERCUSSION:
            voice = (event.channel, event.pitch)
            if voice in onsets:
                onset, velocity = onsets.pop(voice)
                notes.append(Note(onset, event.pitch, at - onset, velocity))
            if isinstance(event, NoteOn):
                onsets[voice] = (at, event.velocity)
    notes = [note for note in notes if note.duration > 0]
    if not notes:
        raise MidiFileError(f"{path}: holds no pitched notes that end; give a file with a melody")
    return Score(tuple(sorted(notes)), tuple(signs))


def write_score(path: Path, voices: Sequence[tuple[str, Iterable[Note]]], score: Score) -> None:
    """Write a type 1 file: the signs of ``score``, and a track with a channel of its own for each (name, notes)."""
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_QUARTER)
    file.tracks.append(_track(score.signs))
    for channel, (name, notes) in enumerate(voices):
        messages = [(0, mido.MetaMessage("track_name", name=name))]
        for ticked in events_of(notes, channel):
            assert isinstance(ticked.event, NoteOn | NoteOff)
            messages.append((ticked.tick, mido.Message.from_bytes(to_bytes(ticked.event))))
        file.tracks.append(_track(messages))
    file.save(path)


def events_of(notes: Iterable[Note], channel: int) -> list[Ticked]:
    """Note-ons and note-offs in order of time, offs first."""
    events = [Ticked(note.onset, NoteOn(note.pitch, note.velocity, channel)) for note in notes]
    events += [Ticked(note.end, NoteOff(note.pitch, channel)) for note in notes]
    return sorted(events, key=lambda ticked: (ticked.tick, isinstance(ticked.event, NoteOn)))


def _track(messages: Iterable[tuple[int, mido.Message]]) -> mido.MidiTrack:
    track, before = mido.MidiTrack(), 0
    for tick, message in messages:
        track.append(message.copy(time=tick - before))
        before = tick
    return track
