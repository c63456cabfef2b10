"""Classical piano pieces from MIDI files, as notes in musical time.

Movements and numbers of one work are one group: a file's name without its last number, Godowsky's studies with the
pieces that they are on, and the cycles whose parts have names of their own.
"""

import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export.corpora.work import Report, Side, Source, Work, sides
from livegen.codecs.chord_events import Sound, sounds_of
from livegen.codecs.codec import Codec
from livegen.codecs.note_duration import NoteDurationCodec
from livegen.codecs.notes import GRID_TICKS
from livegen.codecs.vocabulary import Tokens
from livegen.errors import MidiFileError
from livegen.events import Note
from livegen.files.midi_file import read_score
from livegen.music.tempo_map import nearest

CREDIT = "classical piano music sequenced by Bernd Krueger, piano-midi.de"
LICENCE = "files under CC BY-SA 3.0 Germany; only learned from, not distributed"

LARGEST_VOCABULARY = 2500  # tokens
PARTED = ("grieg_voeglein", "grieg_elfentanz")  # op. 43 no. 4, op. 12 no. 4
CYCLES = {
    "ty_": "Tchaikovsky, The Seasons",
    "burg_": "Burgmueller, op. 109",
    "rav_gib": "Ravel, Gaspard de la nuit",
    "rav_ondi": "Ravel, Gaspard de la nuit",
    "rav_scarbo": "Ravel, Gaspard de la nuit",
    "deb_": "Debussy, Suite bergamasque",
}

log = logging.getLogger(__name__)


def read(folder: Path, report: Report) -> Iterator[Work]:
    """The pieces in the order of their paths."""
    paths = sorted((folder / "piano-midi").rglob("*.mid"))
    for index, path in enumerate(paths):
        report(index + 1, len(paths))
        try:
            yield Work(path.stem, group(path.stem), list(read_score(path).notes))
        except MidiFileError as error:
            log.warning("skipped %s", error)


def group(name: str) -> str:
    """The work that a file, by its name, is a part of."""
    for begin, cycle in CYCLES.items():
        if name.startswith(begin):
            return cycle
    return re.sub(r"[-_]?[a-z]?\d+$", "", name.removeprefix("god_"))


def divide(works: Sequence[Work]) -> list[Side]:
    """As ``sides``; two lyric pieces of Grieg's whose opus others of the training part belong to are left out."""
    return ["" if work.name in PARTED else side for work, side in zip(works, sides(works), strict=True)]


def encode(codec: Codec[Any], notes: Sequence[Note]) -> Tokens:
    """Tokens of a piece; what begins within a sixth of an eighth begins together."""
    together = [
        Note(nearest(note.onset, GRID_TICKS), note.pitch, max(GRID_TICKS, nearest(note.duration, GRID_TICKS)))
        for note in notes
    ]
    return np.array(codec.encode(together), np.int64)


def fit(pieces: Sequence[Sequence[Note]]) -> NoteDurationCodec:
    """The codec whose chords are those that these pieces have most often."""
    plain = NoteDurationCodec()
    chords = Counter[Sound]()
    for notes in pieces:
        chords.update(sound for _, sound in sounds_of(notes, plain.fold) if len(sound.pitches) > 1)
    room = LARGEST_VOCABULARY - len(plain.vocabulary)
    known = sorted(chords, key=lambda sound: (-chords[sound], sound))[:room]
    return NoteDurationCodec(chords=[str(sound) for sound in sorted(known)])


SOURCE = Source(
    read, encode, CREDIT, LICENCE, folders=("piano-midi",), fit={"note_duration": fit}, divide=divide, version=2
)
