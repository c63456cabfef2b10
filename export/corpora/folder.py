"""A folder of anybody's music: MIDI, MusicXML, kern and ABC files, as notes in musical time.

What cannot be read is skipped and told of through ``logging``, by name and with the reason.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

from export.corpora import abc_file, kern, musicxml, piano
from export.corpora.silences import shortened
from export.corpora.work import Report, Source, Work
from livegen.errors import LivegenError, SettingsError
from livegen.events import Note
from livegen.files.midi_file import read_score

CREDIT = "the player's own folder of music"
LICENCE = "the player's own"

MIDI = (".mid", ".midi", ".kar", ".rmi")
SCORES = (".musicxml", ".mxl", ".xml", ".krn", ".abc")
FEWEST_NOTES = 16  # a piece with fewer teaches nothing

log = logging.getLogger(__name__)


def read(folder: Path, report: Report) -> Iterator[Work]:
    """The pieces of all files below the folder in the order of their paths; each file is a group of its own."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (*MIDI, *SCORES))
    read_any = 0
    for index, path in enumerate(paths):
        report(index + 1, len(paths))
        name = str(path.relative_to(folder))
        try:
            for number, notes in enumerate(read_file(path), 1):
                read_any += 1
                yield Work(f"{name} {number}", name, notes)
        except LivegenError as error:
            log.warning("skipped %s", error)
    if not read_any:
        kinds = ", ".join((*MIDI, *SCORES))
        raise SettingsError(f"{folder}: holds no music that can be learned from; files may be {kinds}")


def read_file(path: Path) -> list[list[Note]]:
    """The pieces in a file: an ABC file may hold many, the others hold one; LivegenError when there is none."""
    pieces = [list(read_score(path).notes)] if path.suffix.lower() in MIDI else _read_scores(path)
    found = [notes for notes in pieces if len(notes) >= FEWEST_NOTES]
    if not found:
        raise SettingsError(f"{path}: has fewer than {FEWEST_NOTES} notes")
    return found


def _read_scores(path: Path) -> list[list[Note]]:
    kind = path.suffix.lower()
    if kind == ".abc":
        return [shortened(notes) for notes in abc_file.read(path)]
    return [shortened(kern.read(path) if kind == ".krn" else musicxml.read(path))]


SOURCE = Source(
    read,
    piano.encode,
    CREDIT,
    LICENCE,
    version=2,
    folders=(".",),
    suffixes=(*MIDI, *SCORES),
    fit={"note_duration": piano.fit},
)
