"""Exported sessions in other programs: MuseScore writes them as notation, and the bars are where they were heard.

    python -m tests.notation --folder F [--musescore musescore3]

Records a session with two phrases of different tempo, key and length of rest, exports it with ``livegen session
export``, lets MuseScore (Debian: musescore3) convert it to MusicXML, and compares that, read by music21, with what was
played. It exits with 0 if in both programs each phrase begins on the first beat of a bar, its notes are on their beats,
and key, time signature and tempo are those that were heard.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import mido

from livegen.events import NoteOff, NoteOn
from livegen.terminal import show
from tests.support.recital import Recital, recital
from tests.test_cli import livegen

_DETACHED = 0.85  # a note sounds for this part of its length
_TEMPO = 0.02  # by which a tempo may differ from the one that was played: hands, and this machine, are no clocks


@dataclass(frozen=True, slots=True)
class Phrase:
    """What is played: pitches, a beat each but for the last, which has two, and the key and tempo to be heard."""

    pitches: tuple[int, ...]
    beat_s: float
    fifths: int

    @property
    def tempo_bpm(self) -> float:
        return 60 / self.beat_s


PHRASES = (
    Phrase((67, 67, 66, 64, 62, 67, 69, 71), 0.5, 1),  # G major
    Phrase((65, 67, 69, 70, 69, 67, 65), 0.62, -1),  # F major
)


@dataclass(frozen=True, slots=True)
class Onset:
    """A note in a file: its bar, counted from 0, quarters from that bar's beginning, and its pitch."""

    bar: int
    quarter: float
    pitch: int


@dataclass(frozen=True, slots=True)
class Written:
    """A file as a program reads it: the player's onsets; key, time signature and tempo in force at a bar."""

    onsets: tuple[Onset, ...]
    fifths: dict[int, int]
    beats: dict[int, int]
    tempo_bpm: dict[int, float]


def in_force(signs: dict[int, Any], bar: int) -> Any:
    """The sign at or before a bar."""
    return signs[max(at for at in signs if at <= bar)]


def play(on: Recital) -> None:
    """Each phrase, until it is answered."""
    for phrase in PHRASES:
        begun = len(on.machine)
        for index, pitch in enumerate(phrase.pitches):
            length_s = phrase.beat_s * (2 if index == len(phrase.pitches) - 1 else 1)
            until = time.monotonic() + length_s
            on.play(NoteOn(pitch, 80))
            time.sleep(length_s * _DETACHED)
            on.play(NoteOff(pitch))
            time.sleep(max(until - time.monotonic(), 0))
        while len(on.machine) == begun:
            time.sleep(0.05)
        on.wait_for_rest()


def read_by_mido(path: Path) -> Written:
    """The file's own bars."""
    file = mido.MidiFile(path)
    signs, player = (list(zip(accumulate(m.time for m in track), track, strict=True)) for track in file.tracks[:2])
    quarter = file.ticks_per_beat
    bars: list[tuple[int, int]] = []  # tick, beats
    times = [(tick, m) for tick, m in signs if m.type == "time_signature"]
    ends = [*(tick for tick, _ in times[1:]), player[-1][0] + 1]
    for (begin, sign), end in zip(times, ends, strict=True):
        bars += [(tick, sign.numerator) for tick in range(begin, end, quarter * 4 * sign.numerator // sign.denominator)]

    def bar_at(tick: int) -> int:
        return max(index for index, (begin, _) in enumerate(bars) if begin <= tick)

    def at_bars(kind: str) -> list[tuple[int, Any]]:
        return [(bar_at(tick), message) for tick, message in signs if message.type == kind]

    onsets = []
    for tick, message in player:
        if message.type == "note_on" and message.velocity:
            bar = bar_at(tick + quarter // 8)  # as notation: to the nearest sixteenth
            onsets.append(Onset(bar, round((tick - bars[bar][0]) / quarter * 4) / 4, message.note))
    return Written(
        tuple(onsets),
        {bar: _FIFTHS[message.key] for bar, message in at_bars("key_signature")},
        {bar: message.numerator for bar, message in at_bars("time_signature")},
        {bar: mido.tempo2bpm(message.tempo) for bar, message in at_bars("set_tempo")},
    )


_FIFTHS = {
    name: fifths
    for names in ("Db Ab Eb Bb F C G D A E B F#", "Bbm Fm Cm Gm Dm Am Em Bm F#m C#m G#m D#m")
    for fifths, name in enumerate(names.split(), start=-5)
}


def read_by_musescore(path: Path, musescore: str) -> Written:
    """MuseScore's notation of the file, in MusicXML, as music21 reads it."""
    from music21 import converter

    target = path.with_suffix(".musicxml")
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    subprocess.run([musescore, "-o", str(target), str(path)], env=environment, check=True, capture_output=True)
    player = converter.parse(target).parts[0]
    onsets: list[Onset] = []
    fifths, beats, tempo_bpm = {}, {}, {}
    for bar, measure in enumerate(player.getElementsByClass("Measure")):
        for note in measure.recurse().notes:
            if note.tie is None or note.tie.type == "start":
                quarter = float(note.getOffsetInHierarchy(measure))
                onsets += [Onset(bar, quarter, pitch.midi) for pitch in note.pitches]
        for sign in measure.getElementsByClass("KeySignature"):
            fifths[bar] = sign.sharps
        for sign in measure.getElementsByClass("TimeSignature"):
            beats[bar] = sign.numerator
        for sign in measure.recurse().getElementsByClass("MetronomeMark"):
            tempo_bpm.setdefault(bar, sign.getQuarterBPM())
    return Written(tuple(sorted(onsets, key=lambda onset: (onset.bar, onset.quarter))), fifths, beats, tempo_bpm)


def faults(written: Written) -> list[str]:
    """Where a file differs from what was played."""
    found, onsets = [], list(written.onsets)
    for number, phrase in enumerate(PHRASES, start=1):
        mine, onsets = onsets[: len(phrase.pitches)], onsets[len(phrase.pitches) :]
        begin = mine[0].bar
        beats = in_force(written.beats, begin)
        expected = [Onset(begin + at // beats, at % beats, pitch) for at, pitch in enumerate(phrase.pitches)]
        if mine != expected:
            found.append(f"phrase {number}: the notes are at {mine}, not at {expected}")
        if in_force(written.fifths, begin) != phrase.fifths:
            found.append(f"phrase {number}: {in_force(written.fifths, begin)} fifths, not {phrase.fifths}")
        tempo_bpm = in_force(written.tempo_bpm, begin)
        if abs(tempo_bpm / phrase.tempo_bpm - 1) > _TEMPO:
            found.append(f"phrase {number}: {tempo_bpm:.2f} bpm, not {phrase.tempo_bpm:.2f}")
        show(f"phrase {number}: bar {begin + 1}, {beats} beats a bar, {tempo_bpm:.2f} bpm")
    return found


def main(arguments: Sequence[str]) -> int:
    """Record, export, convert, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--musescore", default="musescore3")
    options = parser.parse_args(arguments)
    sessions = options.folder / "sessions"
    recital(sessions, play, play={"seed": 1, "role": "respond"})
    name = max(sessions.glob("*.session")).stem
    exported = options.folder / "exported.mid"
    done = livegen("session", "export", name, str(exported), "--folder", str(sessions))
    if done.returncode:
        show(done.stderr)
        return 1
    found = []
    for program, read in (("mido", read_by_mido), ("MuseScore", lambda p: read_by_musescore(p, options.musescore))):
        show(program)
        found += [f"{program}: {fault}" for fault in faults(read(exported))]
    show("\n".join(found) or "no difference")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
