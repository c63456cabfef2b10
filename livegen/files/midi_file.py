"""Reads and writes MIDI files: events in real time, or notes in ticks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import mido

from livegen.errors import MidiFileError
from livegen.events import TICKS_PER_QUARTER, Note, NoteOff, NoteOn, Ticked, Timed, from_bytes, to_bytes
from livegen.regular_file import read_regular

_LARGEST_BYTES = 64 * 2**20
_TEMPO_US = 500_000  # tempo of the files that we write: 120 bpm, so a tick is 0.52 ms
_BEAT_NS = _TEMPO_US * 1000


def read_midi(path: Path) -> list[Timed]:
    """The events of a type 0 or 1 file, in order, in ns from its beginning; MidiFileError for any other file."""
    try:
        content = _content(path)
        if not content:
            raise MidiFileError(f"{path}: the file is empty; give a Standard MIDI File of type 0 or 1")
        if not content.startswith(b"MThd"):
            raise MidiFileError(f"{path}: not a Standard MIDI File: it does not begin with MThd")
        file = mido.MidiFile(file=BytesIO(content), clip=True)
    except EOFError:
        raise MidiFileError(f"{path}: the file is truncated; export it again from its program") from None
    except MidiFileError:
        raise
    except Exception as error:  # noqa: BLE001 (mido raises its own classes, and whatever its parsing causes)
        detail = f" ({error})" if str(error) else ""
        raise MidiFileError(f"{path}: not a Standard MIDI File{detail}") from None
    if file.type == 2:
        raise MidiFileError(f"{path}: the file is of type 2 (independent patterns); save it as type 0 or 1")
    if file.ticks_per_beat <= 0:
        raise MidiFileError(f"{path}: the file counts time in film frames (SMPTE); save it in ticks per quarter")
    events = list(_timed(file))
    if not any(isinstance(timed.event, NoteOn) for timed in events):
        raise MidiFileError(f"{path}: the file has no notes")
    return events


def _content(path: Path) -> bytes:
    try:
        return read_regular(path, _LARGEST_BYTES)
    except FileNotFoundError:
        raise MidiFileError(f"{path}: no such file") from None
    except OSError as error:
        raise MidiFileError(f"{path}: {error.strerror}; give a Standard MIDI File of type 0 or 1") from None


def _timed(file: mido.MidiFile) -> Iterable[Timed]:
    tempo_us, anchor_ns, anchor_tick, tick = 500_000, 0, 0, 0
    for message in mido.merge_tracks(file.tracks):
        tick += message.time
        at_ns = anchor_ns + (tick - anchor_tick) * tempo_us * 1000 // file.ticks_per_beat
        if message.type == "set_tempo":
            tempo_us, anchor_ns, anchor_tick = message.tempo, at_ns, tick
        elif not message.is_meta and (event := from_bytes(message.bytes())):
            yield Timed(at_ns, event)


def write_midi(path: Path, voices: Sequence[tuple[str, Iterable[Timed]]], origin_ns: int = 0) -> None:
    """Write a type 1 file at 120 bpm: a track for each (name, events in order); it begins at ``origin_ns``."""
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_QUARTER)
    file.tracks.append(mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=_TEMPO_US)]))
    for name, events in voices:
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
        before = 0
        for timed in events:
            tick = max(before, (timed.at_ns - origin_ns) * TICKS_PER_QUARTER // _BEAT_NS)
            message = mido.Message.from_bytes(to_bytes(timed.event))
            message.time, before = tick - before, tick
            track.append(message)
        file.tracks.append(track)
    file.save(path)


_PERCUSSION = 9  # the channel of unpitched percussion (General MIDI), from 0
_KEPT = ("set_tempo", "time_signature")


@dataclass(frozen=True, slots=True)
class Score:
    """The notes of a file, sorted, and its tempo and time signature messages as (tick, message)."""

    notes: tuple[Note, ...]
    signs: tuple[tuple[int, mido.MetaMessage], ...] = ()

    @property
    def tempo_us(self) -> int:
        """Microseconds per quarter at the beginning."""
        return next((sign.tempo for _, sign in self.signs if sign.type == "set_tempo"), 500_000)


def read_score(path: Path) -> Score:
    """The pitched notes of a type 0 or 1 file; MidiFileError for any other file, and for one without such notes."""
    read_midi(path)  # raises a MidiFileError that names what is wrong
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
        raise MidiFileError(f"{path}: the file has no complete pitched notes; give a file with a melody")
    return Score(tuple(sorted(notes)), tuple(signs))


def write_score(path: Path, voices: Sequence[tuple[str, Iterable[Note]]], score: Score) -> None:
    """Write a type 1 file: the signs of ``score``, and a track for each (name, notes), each on its own channel."""
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
