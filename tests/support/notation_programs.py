"""MIDI files as other programs read them: mido, MuseScore (by MusicXML), LilyPond (by midi2ly)."""

import os
import subprocess
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any

import mido

_SIXTEENTHS = 4  # of a quarter: to these, positions are rounded, as in notation
_FIFTHS = {
    name: fifths
    for names in ("Cb Gb Db Ab Eb Bb F C G D A E B F# C#", "Abm Ebm Bbm Fm Cm Gm Dm Am Em Bm F#m C#m G#m D#m A#m")
    for fifths, name in enumerate(names.split(), start=-7)
}


@dataclass(frozen=True, slots=True, order=True)
class Onset:
    """Where a note begins: its bar, counted from 0, and quarters from the beginning of that bar."""

    bar: int
    quarter: float
    pitch: int


@dataclass(frozen=True, slots=True)
class Signs:
    """What is in force at a note; None where the program does not say it."""

    beats: tuple[int, int] | None  # 6/8 is (6, 8)
    tempo_bpm: float | None
    fifths: int | None


Written = list[tuple[Onset, Signs]]  # every note, in order


def placed(bar: int, quarter: float, length: float, pitch: int) -> Onset:
    """The onset on its nearest sixteenth; ``length``: of the bar, in quarters."""
    at = round(quarter * _SIXTEENTHS) / _SIXTEENTHS
    return Onset(bar + 1, 0.0, pitch) if at >= length else Onset(bar, at, pitch)


def read_by_mido(path: Path) -> list[Written]:
    """The file's own bars: the notes of each track but the first."""
    file = mido.MidiFile(path)
    tracks = [list(zip(accumulate(m.time for m in track), track, strict=True)) for track in file.tracks]
    signs = {kind: [(t, m) for t, m in tracks[0] if m.type == kind] for kind in ("time_signature", "set_tempo")}
    ends = [*(tick for tick, _ in signs["time_signature"][1:]), max(track[-1][0] for track in tracks) + 1]
    bars: list[tuple[int, mido.MetaMessage]] = []
    for (begin, sign), end in zip(signs["time_signature"], ends, strict=True):
        bars += [(at, sign) for at in range(begin, end, file.ticks_per_beat * 4 * sign.numerator // sign.denominator)]

    def read(track: Iterable[tuple[int, Any]]) -> Written:
        found, messages = [], list(track)
        for tick, message in messages:
            if message.type != "note_on" or not message.velocity:
                continue
            near = tick + file.ticks_per_beat // _SIXTEENTHS // 2  # a note that is a little early is in the next bar
            begin, sign = bars[bar := bisect_right(bars, near, key=lambda placed: placed[0]) - 1]
            tempo = [m.tempo for at, m in signs["set_tempo"] if at <= near][-1]
            keys = [_FIFTHS[m.key] for at, m in messages if m.type == "key_signature" and at <= near]
            beats = (sign.numerator, sign.denominator)
            onset = placed(bar, max((tick - begin) / file.ticks_per_beat, 0), 4 * beats[0] / beats[1], message.note)
            found.append((onset, Signs(beats, mido.tempo2bpm(tempo), keys[-1] if keys else None)))
        return found

    return [read(track) for track in tracks[1:]]


def read_by_musescore(path: Path, musescore: str) -> tuple[list[str], Written]:
    """MuseScore's notation of the file, in MusicXML, as music21 reads it: the names of the parts, and the notes."""
    from music21 import converter

    target = path.with_suffix(".musicxml")
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    subprocess.run([musescore, "-o", str(target), str(path)], env=environment, check=True, capture_output=True)
    parts = converter.parse(target).parts
    tempos = [
        ((bar, float(mark.getOffsetInHierarchy(measure))), float(mark.getQuarterBPM()))
        for bar, measure in enumerate(parts[0].getElementsByClass("Measure"))
        for mark in measure.recurse().getElementsByClass("MetronomeMark")
    ]
    written: Written = []
    for part in parts:
        beats, fifths = (4, 4), None
        for bar, measure in enumerate(part.getElementsByClass("Measure")):
            for sign in measure.getElementsByClass("TimeSignature"):
                beats = (sign.numerator, sign.denominator)
            for sign in measure.getElementsByClass("KeySignature"):
                fifths = sign.sharps
            for note in measure.recurse().notes:
                at = float(note.getOffsetInHierarchy(measure))
                tempo = [bpm for place, bpm in tempos if place <= (bar, at)][-1]
                for each in note.notes if note.isChord else (note,):
                    if each.tie is None or each.tie.type == "start":
                        written.append((Onset(bar, at, each.pitch.midi), Signs(beats, tempo, fifths)))
    return [str(part.partName) for part in parts], written


_LISTENER = r"""
\version "2.24.1"
\layout { \context { \Staff \consists #(lambda (context) (make-engraver (listeners
  ((note-event engraver event)
   (let ((of (lambda (name) (ly:context-property context name (ly:make-moment 0))))
         (fraction (ly:context-property context 'timeSignatureFraction)))
     (format #t "note ~a ~a ~a ~a ~a ~a ~a\n"
       (ly:context-property context 'currentBarNumber)
       (* 4 (ly:moment-main (of 'measurePosition)))
       (* 4 (ly:moment-main (of 'measureLength)))
       (+ 60 (ly:pitch-semitones (ly:event-property event 'pitch)))
       (car fraction) (cdr fraction)
       (* 4 (ly:moment-main (of 'tempoWholesPerMinute))))))))) } }
"""


def read_by_lilypond(path: Path, lilypond: str) -> Written:
    """LilyPond's count of bars in what its ``midi2ly`` makes of the file.

    Of midi2ly 2.24.1 neither keys nor octaves are read: the last key of a track is the first key of the next, and after
    some chords all notes of a voice are an octave off (as ``--absolute-pitches`` it ends with an error).
    """
    source = path.with_suffix(".ly")
    subprocess.run(["midi2ly", "--quiet", "-o", str(source), str(path)], check=True, capture_output=True)
    listening = path.with_suffix(".listening.ly")
    listening.write_text(f'{_LISTENER}\\include "{source.name}"\n', encoding="utf-8")
    command = [lilypond, "--silent", "-dno-print-pages", "-dbackend=null", listening.name]
    said = subprocess.run(command, cwd=path.parent, check=True, capture_output=True, text=True).stdout
    written: Written = []
    for line in said.splitlines():
        if line.startswith("note "):
            bar, quarter, length, pitch, beats, unit, bpm = (Fraction(word) for word in line.split()[1:])
            onset = placed(int(bar) - 1, float(quarter), float(length), int(pitch))
            signs = Signs((int(beats), int(unit)), float(bpm) or None, None)
            written.append((onset, signs if onset.bar == bar - 1 else Signs(None, None, None)))
    return written


def in_one_octave(written: Sequence[tuple[Onset, Signs]]) -> Written:
    """The notes with their pitch classes."""
    return [(replace(onset, pitch=onset.pitch % 12), signs) for onset, signs in written]


def differences(written: Written, reference: Written, tempo_within: float) -> list[str]:
    """Where a program reads other notes, or other signs at a note, than ``reference``."""
    found = []
    mine, expected = (sorted(notes, key=lambda note: note[0]) for notes in (written, reference))
    missing, extra = _without(expected, mine), _without(mine, expected)
    if missing or extra:
        found.append(f"of {len(expected)} notes {len(missing)} are elsewhere: {missing[:4]}, not {extra[:4]}")
    signs = dict(expected)
    for onset, sign in mine:
        wanted = signs.get(onset, sign)
        if sign.beats and sign.beats != wanted.beats:
            found.append(f"bar {onset.bar + 1}: {sign.beats}, not {wanted.beats}")
        if None not in (sign.fifths, wanted.fifths) and sign.fifths != wanted.fifths:
            found.append(f"bar {onset.bar + 1}: {sign.fifths} fifths, not {wanted.fifths}")
        if sign.tempo_bpm and wanted.tempo_bpm and abs(sign.tempo_bpm / wanted.tempo_bpm - 1) > tempo_within:
            found.append(f"bar {onset.bar + 1}: {sign.tempo_bpm:.2f} bpm, not {wanted.tempo_bpm:.2f}")
    return sorted(set(found))


def _without(notes: Written, others: Written) -> list[Onset]:
    rest = [onset for onset, _ in notes]
    for onset, _ in others:
        if onset in rest:
            rest.remove(onset)
    return rest
