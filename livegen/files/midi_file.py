"""Reads and writes MIDI files: events in real time, or notes in ticks."""

import logging
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import merge
from itertools import pairwise
from pathlib import Path

import mido

from livegen.clock import NS_PER_S
from livegen.errors import MidiFileError
from livegen.events import (
    PERCUSSION,
    TICKS_PER_QUARTER,
    Event,
    Note,
    NoteOff,
    NoteOn,
    SongPosition,
    Ticked,
    Timed,
    Transport,
    to_bytes,
)
from livegen.files.bar_map import DEFAULT_US, BarMap
from livegen.files.midi_tracks import KeySignature, MidiContent, Sign, Tempo, Track, read_tracks
from livegen.files.note_pairing import Place, PlayedNote, pair_notes
from livegen.files.target import written
from livegen.music.tempo_map import round_div

SUFFIXES = (".mid", ".midi")  # of the files that we write
MACHINE = "machine"  # the name of its track in them

NO_BARS = BarMap([Tempo(0, DEFAULT_US)])  # at 120 bpm, from moment 0 on: of music without tempo and metre
_SIGNS = "tempo, metre, key"  # the name of the first track
_LONGEST_SILENCE_NS = 600 * NS_PER_S  # a longer one is shortened
_LONGEST_SILENCE = 256 * TICKS_PER_QUARTER  # in ticks: 64 bars of 4/4
_LONGEST_NS = 24 * 3600 * NS_PER_S  # of a file
_LONGEST = 100_000 * TICKS_PER_QUARTER

log = logging.getLogger(__name__)


def read_midi(path: Path, *, of_player: bool = False) -> list[Timed]:
    """The events of a type 0 or 1 file, in order, in ns from its beginning; MidiFileError for any other file.

    Each note that begins ends; of what cannot be read, a warning is logged. ``of_player`` leaves out the machine's
    track, and logs that, unless no other track has notes.
    """
    content = _checked(path, of_player=of_player)
    notes = [note for track in _paired(content) for note in track]
    events = [*_strokes(notes), *_others(content)]
    if not notes:
        raise _without_notes(path, content, "notes")
    timed = list(_timed(sorted(events, key=lambda placed: placed[0]), content))
    moved = _without_long_silences(path, [event.at_ns for event in timed], _LONGEST_SILENCE_NS, _LONGEST_NS)
    return [Timed(moved(event.at_ns), event.event) for event in timed]


def _checked(path: Path, *, of_player: bool) -> MidiContent:
    content = read_tracks(path)
    if content.problems:
        more = f" (and {len(content.problems) - 1} more faults)" if len(content.problems) > 1 else ""
        log.warning("%s", MidiFileError(f"{path}: {content.problems[0]}{more}"))
    others = tuple(track for track in content.tracks if track.name != MACHINE)
    if of_player and len(others) < len(content.tracks) and any(map(_has_notes, others)):
        log.warning("%s", MidiFileError(f"{path}: its track '{MACHINE}' is left out: it is not the player's"))
        return replace(content, tracks=others)
    return content


def _has_notes(track: Track) -> bool:
    return any(isinstance(ticked.event, NoteOn) for ticked in track.events)


def _without_notes(path: Path, content: MidiContent, what: str) -> MidiFileError:
    reason = f" ({content.problems[0]})" if content.problems else ""
    return MidiFileError(f"{path}: the file has no {what}{reason}")


def _paired(content: MidiContent) -> list[list[PlayedNote]]:
    """The notes of each track."""
    sixteenth = max(1, content.quarter // 4)
    return [pair_notes(index, track.events, content.end, sixteenth) for index, track in enumerate(content.tracks)]


def _strokes(notes: Iterable[PlayedNote]) -> Iterator[tuple[Place, Event]]:
    """Note-ons and note-offs: a key that two tracks hold down comes up with the last of them."""
    edges = [(note.onset, note) for note in notes] + [(note.end, note) for note in notes]
    holders: dict[tuple[int, int], list[PlayedNote]] = {}
    for place, played in sorted(edges, key=lambda edge: edge[0]):
        note = played.note
        held = holders.setdefault((note.channel, note.pitch), [])
        if place == played.end:
            held.remove(played)
            if not held:
                yield place, NoteOff(note.pitch, note.channel)
            continue
        if held and held[-1].onset[0] < place[0]:
            yield (*place[:3], 0), NoteOff(note.pitch, note.channel)
        if not held or held[-1].onset[0] < place[0]:
            yield place, note
        held.append(played)


def _others(content: MidiContent) -> Iterator[tuple[Place, Event]]:
    """All events but note-ons and note-offs."""
    for number, track in enumerate(content.tracks):
        for index, ticked in enumerate(track.events):
            if not isinstance(ticked.event, NoteOn | NoteOff):
                yield (ticked.tick, number, index, 1), ticked.event


def _timed(events: Iterable[tuple[Place, Event]], content: MidiContent) -> Iterator[Timed]:
    tempos = deque(
        sorted((sign.tick, sign.us) for track in content.tracks for sign in track.signs if isinstance(sign, Tempo))
    )
    tempo_us, anchor_ns, anchor_tick = DEFAULT_US, 0, 0

    def moment_ns(tick: int) -> int:
        return anchor_ns + (tick - anchor_tick) * tempo_us * 1000 // content.quarter

    for (tick, *_), event in events:
        while tempos and tempos[0][0] <= tick:
            anchor_ns, anchor_tick, tempo_us = moment_ns(tempos[0][0]), *tempos.popleft()
        yield Timed(moment_ns(tick), event)


def _without_long_silences(
    path: Path, moments: Iterable[int], longest: int, longest_of_all: int
) -> Callable[[int], int]:
    """Where a moment is once no gap between ``moments``, of any unit, is longer than ``longest``."""
    ordered = sorted({0, *moments})
    new = [0]
    for before, after in pairwise(ordered):
        new.append(new[-1] + min(after - before, longest))
    if new[-1] > longest_of_all:
        raise MidiFileError(f"{path}: the file is too long; give one of at most a day")
    if new[-1] < ordered[-1]:
        log.warning("%s", MidiFileError(f"{path}: a silence of more than ten minutes, or of 64 bars, is shortened"))

    def moved(moment: int) -> int:
        index = bisect_right(ordered, moment) - 1
        return new[index] + min(moment - ordered[index], longest)

    return moved


def write_midi(path: Path, voices: Sequence[tuple[str, Iterable[Timed]]], bars: BarMap = NO_BARS) -> None:
    """Write a type 1 file: the signs of ``bars``, and a track for each (name, events in order).

    A track keeps its channels, as far as none before it has them: a pedal or a note-off of one track would be the
    other's, too, and MuseScore 3 takes both tracks for the hands of one piano.
    """
    quarter = bars.division
    file = mido.MidiFile(type=1, ticks_per_beat=quarter)
    scale = quarter // TICKS_PER_QUARTER
    file.tracks.append(_track(((sign.tick * scale, _meta(sign)) for sign in bars.signs), _SIGNS))
    taken: set[int] = set()
    for name, events in voices:
        messages, tick = [], 0
        for timed in events:
            if isinstance(timed.event, Transport | SongPosition):
                continue  # a file has its own clock
            tick = max(tick, bars.tick_at(timed.at_ns, quarter))
            messages.append((tick, mido.Message.from_bytes(to_bytes(timed.event))))
        channels = _free_channels({message.channel for _, message in messages}, taken)
        taken.update(channels.values())
        placed = [(tick, message.copy(channel=channels[message.channel])) for tick, message in messages]
        file.tracks.append(_track(_in_key(placed, bars.signs, scale), name))
    with written(path) as out:
        file.save(file=out)


def _free_channels(own: set[int], taken: set[int]) -> dict[int, int]:
    """The channel for each of a track's own: another where it is taken, but drums stay drums."""
    free = iter(sorted(set(range(16)) - own - taken - {PERCUSSION}))
    return {
        channel: next(free, channel) if channel in taken and channel != PERCUSSION else channel
        for channel in sorted(own)
    }


@dataclass(frozen=True, slots=True)
class Score:
    """The notes of a file, sorted, and its tempos and time signatures, all in ticks of ours."""

    notes: tuple[Note, ...]
    signs: tuple[Sign, ...] = ()


def read_score(path: Path, *, of_player: bool = False) -> Score:
    """The pitched notes of a type 0 or 1 file; MidiFileError for any other file, and for one without such notes.

    ``of_player`` as for ``read_midi``.
    """
    content = _checked(path, of_player=of_player)
    every = [note for track in _paired(content) for note in track]
    played = [note for note in every if note.note.channel != PERCUSSION]
    if not played:
        raise _without_notes(path, content, "pitched notes; give a file with a melody" if every else "notes")
    signs = sorted((sign for track in content.tracks for sign in track.signs), key=lambda sign: sign.tick)

    def ours(tick: int) -> int:
        return round_div(tick * TICKS_PER_QUARTER, content.quarter)

    ticks = [ours(tick) for note in played for (tick, *_) in (note.onset, note.end)]
    moved = _without_long_silences(path, ticks, _LONGEST_SILENCE, _LONGEST)
    notes = []
    for note in played:
        onset, end = moved(ours(note.onset[0])), moved(ours(note.end[0]))
        notes.append(Note(onset, note.note.pitch, max(1, end - onset), note.note.velocity))
    return Score(tuple(sorted(notes)), tuple(replace(sign, tick=moved(ours(sign.tick))) for sign in signs))


def write_score(path: Path, voices: Sequence[tuple[str, Iterable[Note]]], score: Score) -> None:
    """Write a type 1 file: the signs of ``score``, and a track for each (name, notes), each on its own channel."""
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_QUARTER)
    file.tracks.append(_track(((sign.tick, _meta(sign)) for sign in score.signs), _SIGNS))
    for channel, (name, notes) in enumerate(voices):
        events = events_of(notes, channel)
        messages = [(ticked.tick, mido.Message.from_bytes(to_bytes(ticked.event))) for ticked in events]
        file.tracks.append(_track(_in_key(messages, score.signs), name))
    with written(path) as out:
        file.save(file=out)


def events_of(notes: Iterable[Note], channel: int) -> list[Ticked]:
    """Note-ons and note-offs in order of time, offs first."""
    events = [Ticked(note.onset, NoteOn(note.pitch, note.velocity, channel)) for note in notes]
    events += [Ticked(note.end, NoteOff(note.pitch, channel)) for note in notes]
    return sorted(events, key=lambda ticked: (ticked.tick, isinstance(ticked.event, NoteOn)))


def _track(messages: Iterable[tuple[int, mido.Message]], name: str) -> mido.MidiTrack:
    track, before = mido.MidiTrack([mido.MetaMessage("track_name", name=name)]), 0
    for tick, message in messages:
        track.append(message.copy(time=tick - before))
        before = tick
    return track


def _in_key(
    messages: Sequence[tuple[int, mido.Message]], signs: Iterable[Sign], scale: int = 1
) -> Iterable[tuple[int, mido.Message]]:
    """The messages of a track with the keys: MuseScore 3 takes no more than one key from the first track."""
    keys = [(sign.tick * scale, _meta(sign)) for sign in signs if isinstance(sign, KeySignature)]
    return merge(keys, messages, key=lambda placed: placed[0])


def _meta(sign: Sign) -> mido.MetaMessage:
    if isinstance(sign, Tempo):
        return mido.MetaMessage("set_tempo", tempo=sign.us)
    if isinstance(sign, KeySignature):
        return mido.MetaMessage("key_signature", key=sign.key.name + ("m" if sign.key.is_minor else ""))
    return mido.MetaMessage(
        "time_signature",
        numerator=sign.beats,
        denominator=sign.unit,
        clocks_per_click=sign.clocks,
        notated_32nd_notes_per_beat=sign.thirty_seconds,
    )
