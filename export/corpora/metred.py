"""Music whose bars are known, as what its metre can be heard from: the onsets, in beats from a bar line.

Tunes in ABC say their metre, and chorales have their bars; POP909 has the beats and bars of each song beside it (Wang
and others, ISMIR 2020).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import numpy as np

from export.corpora.abc_tune import Bar, TuneReader
from livegen.clock import NS_PER_S
from livegen.errors import SettingsError
from livegen.events import NoteOff, NoteOn, Timed
from livegen.files.midi_file import read_midi
from livegen.music.metre import Bars

_CHORD_BEATS = 1 / 16  # onsets closer together than this are one chord
_EARLY_S = 0.03  # so early a note still belongs to its beat
_FEWEST_BARS, _FEWEST_NOTES = 4, 8
_METRE = re.compile(r"^M:\s*(\S+)|\[M:\s*([^\]\s]+)\]", re.MULTILINE)
_Note = tuple[float, int, float]  # onset and length in beats, pitch between them
_BARS: dict[tuple[int, ...], Bars] = {  # by the numbers of a metre
    (2, 4): Bars(2),
    (3, 4): Bars(3),
    (4, 4): Bars(4),
    (2, 2): Bars(4),
    (6, 8): Bars(2, is_compound=True),
    (9, 8): Bars(3, is_compound=True),
    (12, 8): Bars(4, is_compound=True),
}


Style = Literal["line", "hymn", "piano"]
Kind = tuple[Style, Bars]


@dataclass(frozen=True, slots=True)
class Metred:
    """A piece, or a part of it, of one metre."""

    name: str
    style: Style
    bars: Bars
    onsets: tuple[float, ...]  # in beats from the first bar line; an upbeat is negative
    pitches: tuple[tuple[int, ...], ...]  # that begin at each onset, the highest first
    lengths: tuple[float, ...]  # in beats, of the longest note of each onset
    beat_s: tuple[float, ...] = ()  # the moments of the beats from the first bar line on, where it was performed

    @property
    def kind(self) -> Kind:
        """Its style and its metre."""
        return self.style, self.bars


def of_tune(name: str, text: str) -> Metred | None:
    """A tune of one voice in one metre, each part once; None for another. It ends where its bars do not add up."""
    metres = {_numbers(found[1] or found[2]) for found in _METRE.finditer(text)}
    bars = _BARS.get(metres.pop()) if len(metres) == 1 else None
    if not bars:
        return None
    reader = TuneReader()
    try:
        for line in text.splitlines():
            reader.line(line)
        read = reader.bars()
    except SettingsError:
        return None
    return _metred(name, "line", bars, _in_beats(read, bars.beats, Fraction(3, 2) if bars.is_compound else Fraction(1)))


def _numbers(metre: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", {"C": "4/4", "C|": "2/2"}.get(metre, metre)))


def _in_beats(bars: Sequence[Bar], beats: int, beat: Fraction) -> list[_Note]:
    """(onset, pitch, length) in beats, until a full bar begins in the middle of another."""
    bar = beats * beat
    first = bars[0].length
    at, found = Fraction(0) if first >= bar else -first, list[_Note]()
    for each in bars:
        if each.length == bar and at % bar:
            return found
        found += [(float((at + note.onset) / beat), note.pitch, float(note.duration / beat)) for note in each.notes]
        at += each.length
    return found


def of_pop909(folder: Path) -> Iterator[Metred]:
    """The songs of POP909 as they were performed, all tracks together, cut where their bars are of another length."""
    for path in sorted(folder.glob("*/beat_midi.txt")):
        rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        moments = np.array([float(row[0]) for row in rows])
        downbeats = [index for index, row in enumerate(rows) if float(row[2])]
        name = path.parent.name
        played = list(sounds(read_midi(path.with_name(f"{name}.mid"))))
        for beats, first, last in _equal_bars(downbeats):
            beat_s = moments[first : last + 1]
            index = np.arange(len(beat_s))
            notes = [
                (
                    float(np.interp(on, beat_s, index)),
                    pitch,
                    float(np.interp(end, beat_s, index) - np.interp(on, beat_s, index)),
                )
                for on, end, pitch in played
                if beat_s[0] - _EARLY_S <= on < beat_s[-1] - _EARLY_S
            ]
            if found := _metred(f"{name}/{first}", "piano", Bars(beats), notes, tuple(beat_s.tolist())):
                yield found


def sounds(events: Iterable[Timed]) -> Iterator[tuple[float, float, int]]:
    """(onset, end, pitch), in seconds, of each note."""
    open_notes: dict[tuple[int, int], list[int]] = {}
    for timed in events:
        match timed.event:
            case NoteOn(pitch, _, channel):
                open_notes.setdefault((pitch, channel), []).append(timed.at_ns)
            case NoteOff(pitch, channel) if open_notes.get((pitch, channel)):
                yield open_notes[pitch, channel].pop(0) / NS_PER_S, timed.at_ns / NS_PER_S, pitch


def _equal_bars(downbeats: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """(beats in a bar, first beat, the beat after the last) of each run of bars of one length, from four bars on."""
    lengths = np.diff(downbeats)
    for beats, run in groupby(range(len(lengths)), key=lambda index: int(lengths[index])):
        bars = list(run)
        if beats in (3, 4) and len(bars) >= _FEWEST_BARS:
            yield beats, downbeats[bars[0]], downbeats[bars[-1] + 1]


def _metred(
    name: str, style: Style, bars: Bars, notes: Sequence[_Note], beat_s: tuple[float, ...] = ()
) -> Metred | None:
    if len(notes) < _FEWEST_NOTES:
        return None
    chords: list[list[_Note]] = []
    for note in sorted(notes):
        if chords and note[0] - chords[-1][0][0] < _CHORD_BEATS:
            chords[-1].append(note)
        else:
            chords.append([note])
    return Metred(
        name,
        style,
        bars,
        tuple(chord[0][0] for chord in chords),
        tuple(tuple(sorted({pitch for _, pitch, _ in chord}, reverse=True)) for chord in chords),
        tuple(max(length for *_, length in chord) for chord in chords),
        beat_s,
    )


def of_chorales() -> Iterator[Metred]:
    """The sopranos of the chorales in music21's corpus that stay in one metre, in the order of their BWV names."""
    from music21 import corpus

    for source in sorted(corpus.chorales.Iterator(numberingSystem="bwv", returnType="filename")):
        score: Any = corpus.parse(source)
        metres = {each.ratioString for each in score.parts[0].recurse().getElementsByClass("TimeSignature")}
        bars = _BARS.get(_numbers(metres.pop())) if len(metres) == 1 else None
        if bars and (found := _metred(source, "hymn", bars, list(_soprano(score.parts[0], bars)))):
            yield found


def _soprano(part: Any, bars: Bars) -> Iterator[_Note]:
    """Its notes; the bar lines are counted from the first whole bar."""
    measures = list(part.getElementsByClass("Measure"))
    first = measures[0].duration.quarterLength
    upbeat = first if first < bars.beats else 0
    for measure in measures:
        for note in measure.notes:
            if note.tie is None or note.tie.type == "start":
                onset = float(measure.offset + note.offset - upbeat)
                yield onset, max(pitch.midi for pitch in note.pitches), float(note.quarterLength)
