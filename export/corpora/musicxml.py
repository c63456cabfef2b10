"""A MusicXML score as notes, as it sounds: sounding pitches, repeats and endings played out, ties joined.

Grace notes, which have no length, cue notes, chord symbols and unpitched percussion are left out.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from zipfile import BadZipFile, ZipFile

from export.corpora.repeats import Signs, play_order
from export.corpora.ties import Written, joined
from livegen.errors import SettingsError
from livegen.events import Note

STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}  # semitones above C
ACCIDENTALS = {"sharp": 1, "flat": -1, "double-sharp": 2, "sharp-sharp": 2, "flat-flat": -2}  # semitones
DRUMS = "10"  # General MIDI's channel
LARGEST = 64 << 20  # bytes of a score


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure of one part; times are in quarters from its beginning."""

    notes: tuple[Written, ...]
    length: Fraction
    signs: Signs


def read(path: Path) -> list[Note]:
    """The notes of a score, plain or zipped, in order; SettingsError when it cannot be read."""
    try:
        root = ElementTree.fromstring(_content(path))
        if root.tag not in ("score-partwise", "score-timewise"):
            raise SettingsError(f"{path}: is no score in MusicXML, but '{root.tag[:40]}'")
        return _notes(_parts(root))
    except ElementTree.ParseError as error:
        raise SettingsError(f"{path}: cannot be read as a score ({error})") from None
    except (ValueError, ZeroDivisionError, KeyError) as error:
        raise SettingsError(f"{path}: cannot be read as a score (a number in it is wrong: {error})") from None


def _content(path: Path) -> bytes:
    """The text of the score; of a zipped one what its container names."""
    try:
        if path.stat().st_size > LARGEST:
            raise SettingsError(f"{path}: is larger than {LARGEST >> 20} MiB")
        content = path.read_bytes()
        return _unzipped(path) if content[:2] == b"PK" else content
    except (OSError, BadZipFile, NotImplementedError, RuntimeError) as error:  # zipfile's, of a compression, a password
        raise SettingsError(f"{path}: cannot be read ({error})") from None


def _unzipped(path: Path) -> bytes:
    with ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.startswith(("META-INF", "__MACOSX", "."))]
        scores = [name for name in names if name.lower().endswith((".xml", ".musicxml"))]
        if "META-INF/container.xml" in archive.namelist():
            with archive.open("META-INF/container.xml") as container:
                named = re.search(rb'full-path="([^"]+)"', container.read(LARGEST))
            scores = [name for name in names if named and name == named[1].decode(errors="replace")] or scores
        if not scores:
            raise SettingsError(f"{path}: has no score in it")
        with archive.open(scores[0]) as score:
            content = score.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise SettingsError(f"{path}: is larger than {LARGEST >> 20} MiB")
    return content


def _parts(root: Element) -> list[list[Measure]]:
    """The measures of each part that is not for drums."""
    drums = {
        part.get("id", "")
        for part in root.iterfind("part-list/score-part")
        if {channel.text for channel in part.iterfind("midi-instrument/midi-channel")} == {DRUMS}
    }
    found: dict[str, list[Element]] = {}
    if root.tag == "score-partwise":
        found = {part.get("id", ""): part.findall("measure") for part in root.iterfind("part")}
    for part in root.iterfind("measure/part"):
        found.setdefault(part.get("id", ""), []).append(part)
    return [PartReader().measures(measures) for name, measures in found.items() if name not in drums]


def _notes(parts: Sequence[Sequence[Measure]]) -> list[Note]:
    """All parts together, measure by measure in the order of playing; a sign in one part counts for all."""
    count = max((len(part) for part in parts), default=0)
    columns = [[part[at] for part in parts if at < len(part)] for at in range(count)]
    lengths = [max(measure.length for measure in column) for column in columns]
    order = play_order([_together(measure.signs for measure in column) for column in columns])
    begins = [Fraction(0), *accumulate(lengths[at] for at in order)][: len(order)]
    found: list[Note] = []
    for part in parts:
        played = [(begin, part[at]) for begin, at in zip(begins, order, strict=True) if at < len(part)]
        found += joined(replace(note, onset=begin + note.onset) for begin, measure in played for note in measure.notes)
    return sorted(found)


def _together(signs: Iterable[Signs]) -> Signs:
    every = list(signs)
    turns = frozenset[int]().union(*(sign.turns for sign in every))
    return Signs(any(sign.opens for sign in every), max(sign.closes for sign in every), turns)


class PartReader:
    """Reads a part measure by measure. Owner of what its attributes say, and of the place in the measure."""

    def __init__(self) -> None:
        self._divisions = Fraction(1)  # of a quarter
        self._shifts: dict[str | None, int] = {}  # semitones up, by staff
        self._turns: frozenset[int] = frozenset()
        self._at = self._onset = self._end = Fraction(0)
        self._notes: list[Written] = []
        self._signs = Signs()

    def measures(self, elements: Iterable[Element]) -> list[Measure]:
        """The measures of the part."""
        return [self._measure(element) for element in elements]

    def _measure(self, element: Element) -> Measure:
        self._at = self._end = Fraction(0)
        self._notes, self._signs = [], Signs(turns=self._turns)
        for child in element:
            if child.tag == "note":
                self._note(child)
            elif child.tag in ("backup", "forward"):
                self._move(self._length(child) * (1 if child.tag == "forward" else -1))
            elif child.tag == "attributes":
                self._attributes(child)
            elif child.tag == "barline":
                self._barline(child)
        return Measure(tuple(self._notes), self._end, self._signs)

    def _note(self, note: Element) -> None:
        if note.find("grace") is not None:
            return
        length = self._length(note)
        if note.find("chord") is None:
            self._onset = self._at
            self._move(length)
        pitch = note.find("pitch")
        if pitch is None or note.find("cue") is not None:
            return
        shift = self._shifts.get(note.findtext("staff"), self._shifts.get(None, 0))
        sounding = _pitch(pitch, note.findtext("accidental", "")) + shift
        if 0 <= sounding <= 127:
            self._notes.append(Written(self._onset, sounding, length, _is_tied(note)))

    def _move(self, length: Fraction) -> None:
        self._at = max(Fraction(0), self._at + length)
        self._end = max(self._end, self._at)

    def _length(self, element: Element) -> Fraction:
        """The duration of a note or a move, in quarters."""
        return Fraction(element.findtext("duration", "0").strip()) / self._divisions

    def _attributes(self, element: Element) -> None:
        if divisions := element.findtext("divisions"):
            self._divisions = Fraction(divisions.strip())
        for transpose in element.iterfind("transpose"):
            octaves = int(transpose.findtext("octave-change", "0"))
            chromatic = round(float(transpose.findtext("chromatic", "0")))
            self._shifts[transpose.get("number")] = chromatic + 12 * octaves

    def _barline(self, barline: Element) -> None:
        repeat, ending = barline.find("repeat"), barline.find("ending")
        if ending is not None and ending.get("type") == "start":
            self._turns = frozenset(int(turn) for turn in re.findall(r"\d{1,2}", ending.get("number", "")))
            self._signs = replace(self._signs, turns=self._turns)
        elif ending is not None:
            self._turns = frozenset()
        if repeat is not None and repeat.get("direction") == "forward":
            self._signs = replace(self._signs, opens=True)
        elif repeat is not None:
            times = re.fullmatch(r"\d{1,2}", repeat.get("times", "2"))
            self._signs = replace(self._signs, closes=max(1, int(times[0]) - 1 if times else 1))


def _pitch(pitch: Element, accidental: str) -> int:
    """A written pitch; where its alteration is not said, the drawn accidental counts."""
    attributes: Mapping[str, str] = {child.tag: (child.text or "").strip() for child in pitch}
    alteration = round(float(attributes.get("alter") or ACCIDENTALS.get(accidental.strip(), 0)))
    return 12 * (int(attributes["octave"]) + 1) + STEPS[attributes["step"]] + alteration


def _is_tied(note: Element) -> bool:
    """Whether it sounds on in the next one; where no tie is said, a drawn one counts."""
    ties = note.findall("tie") or note.findall("notations/tied")
    return any(tie.get("type") == "start" for tie in ties)
