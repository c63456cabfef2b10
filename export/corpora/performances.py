"""Piano performances from MIDI files, in real time: keys, their loudness and the sustain pedal, as they were played.

A song of POP909 is one performance: all its tracks are played on one piano. The classical pieces are those of
``piano``, in groups as there.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export.corpora import piano
from export.corpora.work import Piece, Report, Side, Source, Work, sides
from livegen.codecs.codec import Codec
from livegen.codecs.performance import PerformanceCodec
from livegen.codecs.performance_grammar import on_grid
from livegen.codecs.vocabulary import Tokens
from livegen.errors import MidiFileError, SettingsError
from livegen.events import PERCUSSION, SUSTAIN_PEDAL, ControlChange, NoteOff, NoteOn, Timed
from livegen.files.midi_file import read_midi

SONGS, PIECES = "pop909", "piano-midi"
KINDS = ("songs", "pieces")
CREDIT = (
    "POP909, piano arrangements of pop songs (Wang and others, ISMIR 2020; MIT licence), the songs being their "
    f"composers'; {piano.CREDIT}"
)
LICENCE = f"POP909 under the MIT licence; {piano.LICENCE}"

log = logging.getLogger(__name__)


def read(folder: Path, report: Report) -> Iterator[Work]:
    """The songs, then the pieces, each in the order of their paths; a song is a group of its own."""
    paths = [path for name in (SONGS, PIECES) for path in sorted((folder / name).rglob("*.mid"))]
    for index, path in enumerate(paths):
        report(index + 1, len(paths))
        is_song = path.is_relative_to(folder / SONGS)
        group = f"{SONGS}/{path.stem}" if is_song else piano.group(path.stem)
        try:
            yield Work(path.stem, group, heard(path))
        except MidiFileError as error:
            log.warning("skipped %s", error)


def heard(path: Path) -> tuple[Timed, ...]:
    """What the keys and the sustain pedal of a file do, from its first note on; MidiFileError as for ``read_midi``."""
    return of_events(read_midi(path), path)


def of_events(played: Iterable[Timed], path: Path) -> tuple[Timed, ...]:
    """What the keys and the sustain pedal do in ``played``, read from ``path``, from the first note on.

    Of what comes at the same time, keys that come up are first and keys that go down last, from the lowest up.
    MidiFileError when there is no note.
    """
    events = [timed for timed in played if _place(timed)]
    begin = next((timed.at_ns for timed in events if isinstance(timed.event, NoteOn)), None)
    if begin is None:
        raise MidiFileError(f"{path}: the file has no pitched notes; give one with a melody")
    moved = (Timed(max(0, timed.at_ns - begin), timed.event) for timed in events)
    return tuple(sorted(moved, key=lambda timed: (timed.at_ns, _place(timed))))


def _place(timed: Timed) -> tuple[int, ...]:
    """Where an event stands among those of its time, by its kind and its pitch; () for one that is left out."""
    match timed.event:
        case NoteOff(pitch, channel) if channel != PERCUSSION:
            return 0, pitch
        case ControlChange(number, value, channel) if number == SUSTAIN_PEDAL and channel != PERCUSSION:
            return 1, value
        case NoteOn(pitch, _, channel) if channel != PERCUSSION:
            return 2, pitch
    return ()


def is_song(work: Work) -> bool:
    """It is one of POP909."""
    return work.group.startswith(f"{SONGS}/")


def kind(piece: Piece) -> str:
    """Which of ``KINDS`` a piece of this corpus is; songs are named by their numbers."""
    return KINDS[0] if piece.name.isdecimal() else KINDS[1]


def spread(pieces: Sequence[Piece], count: int) -> list[Piece]:
    """As many songs as pieces, from all over each kind, ``count`` together where there are enough of both."""
    found = list[Piece]()
    for name, wanted in zip(KINDS, (count - count // 2, count // 2), strict=True):
        of_kind = [piece for piece in pieces if kind(piece) == name]
        number = min(wanted, len(of_kind))
        found += [of_kind[at * len(of_kind) // number] for at in range(number)]
    return found


def divide(works: Sequence[Work]) -> list[Side]:
    """As ``sides`` for the songs and ``piano.divide`` for the pieces: of each, every tenth group tests."""
    songs = iter(sides([work for work in works if is_song(work)]))
    pieces = iter(piano.divide([work for work in works if not is_song(work)]))
    return [next(songs) if is_song(work) else next(pieces) for work in works]


def encode(codec: Codec[Any], played: Iterable[Timed]) -> Tokens:
    """Tokens of a performance; SettingsError for a codec that has no pedal and no time of its own."""
    if not isinstance(codec, PerformanceCodec):
        raise SettingsError(f"corpus 'performances' is written in codec 'performance', not in '{codec.name}'")
    return np.array(codec.encode_events(map(on_grid, played)), np.int64)


SOURCE = Source(read, encode, CREDIT, LICENCE, folders=(SONGS, PIECES), suffixes=(".mid",), divide=divide)
