"""Anybody's music in the codec of a given model: files, and what was played in recorded sessions.

A codec of performances is given the time, the loudness and the pedal of what was played; every other codec is given
notes in musical time, in the key and the register that its model knows. What cannot be learned from is skipped and
told of through ``logging``, by name and with the reason.
"""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from export.corpora import abc, folder, performances, piano
from export.corpora.work import Piece, Report
from livegen.clock import NS_PER_S
from livegen.codecs.abc.codec import AbcCodec
from livegen.codecs.codec import Codec
from livegen.codecs.performance import PerformanceCodec
from livegen.codecs.vocabulary import Tokens
from livegen.errors import LivegenError, MidiFileError, SettingsError
from livegen.events import Note, NoteOn, Timed
from livegen.files.bar_map import lay_bars
from livegen.files.midi_file import read_midi, read_score, write_midi
from livegen.ipc.marks import marks_of
from livegen.music.key import find_key
from livegen.recording.format import read_session
from livegen.recording.tracks import first_note_ns, track

SESSION = ".session"
SUFFIXES = (*folder.MIDI, *folder.SCORES, SESSION)
PAUSE_NS = 4 * NS_PER_S  # of a session: a longer one, in which livegen plays, is as long as this
PART_NOTES = 400  # of a session: after so many, the next pause begins a new piece

log = logging.getLogger(__name__)


def read(where: Path, codec: Codec[Any], report: Report) -> list[Piece]:
    """The pieces of a file, or of all files below a folder in the order of their paths; ``name`` is their file's.

    SettingsError where there is none to learn from.
    """
    root = where if where.is_dir() else where.parent
    every = sorted(where.rglob("*")) if where.is_dir() else [where]
    paths = [path for path in every if path.suffix.lower() in SUFFIXES]
    pieces, skipped = list[Piece](), list[str]()
    for done, path in enumerate(paths, 1):
        report(done, len(paths))
        try:
            pieces += [Piece(str(path.relative_to(root)), tokens) for tokens in _tokens(path, codec)]
        except LivegenError as error:
            skipped.append(str(error))
    if not pieces:
        raise SettingsError(_nothing(where, codec, skipped))
    for reason in skipped:
        log.warning("skipped %s", reason)
    return pieces


def _nothing(where: Path, codec: Codec[Any], skipped: Sequence[str]) -> str:
    if not skipped:
        return f"{where}: holds no music; files may be {', '.join(SUFFIXES)}"
    files = "its only file" if len(skipped) == 1 else f"the first of its {len(skipped)} files"
    return f"{where}: nothing to learn from for codec '{codec.name}'; {files}: {skipped[0]}"


def _tokens(path: Path, codec: Codec[Any]) -> Iterator[Tokens]:
    if isinstance(codec, PerformanceCodec):
        yield from (performances.encode(codec, part) for part in _played(path))
    elif isinstance(codec, AbcCodec) and path.suffix.lower() == ".abc":
        yield from _tunes(path, codec)
    else:
        yield from (_written(codec, notes) for notes in _notes(path))


def _played(path: Path) -> Iterator[Sequence[Timed]]:
    """What was played, in one piece or, of a session, in several."""
    if path.suffix.lower() in folder.SCORES:
        raise SettingsError(f"{path}: a score has no touch; give MIDI files or sessions that were played on keys")
    if path.suffix.lower() == SESSION:
        parts = _parts(performances.of_events(track(read_session(path), "player"), path))
    else:
        parts = [list(performances.of_events(read_midi(path, of_player=True), path))]
    strokes = [timed.event for part in parts for timed in part if isinstance(timed.event, NoteOn)]
    _check_count(path, len(strokes))
    if len(loudness := {stroke.velocity for stroke in strokes}) == 1:
        raise SettingsError(
            f"{path}: every note has the loudness {loudness.pop()}, so no touch can be learned from it; "
            "give files that were played on keys, or tune a model without touch: --from piano-lstm"
        )
    yield from (part for part in parts if part)


def _parts(events: Sequence[Timed]) -> list[list[Timed]]:
    """A session with its long pauses shortened; a long one in parts."""
    parts, notes, before, moved_ns = [list[Timed]()], 0, 0, 0
    for timed in events:
        pause_ns, before = timed.at_ns - before, timed.at_ns
        if pause_ns > PAUSE_NS:
            moved_ns += pause_ns - PAUSE_NS
            if notes >= PART_NOTES:
                parts.append([])
                notes, moved_ns = 0, timed.at_ns
        parts[-1].append(replace(timed, at_ns=timed.at_ns - moved_ns))
        notes += isinstance(timed.event, NoteOn)
    return parts


def _notes(path: Path) -> list[list[Note]]:
    """The pieces in a file as notes."""
    if path.suffix.lower() in folder.SCORES:
        return folder.read_file(path)
    is_session = path.suffix.lower() == SESSION
    notes = _of_session(path) if is_session else list(read_score(path, of_player=True).notes)
    _check_count(path, len(notes))
    return [notes]


def _of_session(path: Path) -> list[Note]:
    """The player's notes of a session, in the bars that were heard."""
    found = read_session(path)
    played = track(found, "player")
    _check_count(path, sum(isinstance(timed.event, NoteOn) for timed in played))
    with tempfile.TemporaryDirectory() as place:
        written = Path(place) / "player.mid"
        write_midi(written, [("player", played)], lay_bars(marks_of(found), first_note_ns(found)))
        try:
            return list(read_score(written).notes)
        except MidiFileError:
            raise SettingsError(f"{path}: the player played drums only; give a session with a melody") from None


def _check_count(path: Path, count: int) -> None:
    if count < folder.FEWEST_NOTES:
        raise SettingsError(f"{path}: has {count} notes; fewer than {folder.FEWEST_NOTES} teach nothing")


def _tunes(path: Path, codec: AbcCodec) -> Iterator[Tokens]:
    """The tunes of a file, in the way of writing that the models of tunes have learned."""
    try:
        tunes = abc.tunes_of(path.read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from None
    found = [text for number, tune in enumerate(tunes, 1) if (text := abc.normalised(tune, number, path.stem))]
    if not found:
        raise SettingsError(f"{path}: holds no tune in one voice with a key (K:) and a metre (M:)")
    yield from (abc.encode(codec, text) for text in found)


def _written(codec: Codec[Any], notes: Sequence[Note]) -> Tokens:
    """The notes as tokens, in the key and the register of the model's music."""
    key = find_key([(note.pitch, note.duration) for note in sorted(notes)])
    tops = {note.onset: note.pitch for note in sorted(notes)}  # the last of an onset is the highest
    semitones = codec.shift(key, list(tops.values()))
    moved = [replace(note, pitch=note.pitch + semitones) for note in notes]
    if isinstance(codec, AbcCodec):
        return np.array(codec.encode(moved, key.transposed(semitones)), np.int64)
    return piano.encode(codec, moved)
