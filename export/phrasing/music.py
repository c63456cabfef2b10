"""Performances to learn phrasing from: notes with their loudness, the pedal, and the bars where they are known.

POP909 says its beats beside each song; the pieces of piano-midi are written in bars. Held out is what ``performances``
holds out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.corpora import performances
from export.corpora.work import Report, Side, Work
from livegen.clock import NS_PER_S
from livegen.codecs.performance_writing import HALF_PEDAL
from livegen.errors import SettingsError
from livegen.events import PERCUSSION, TICKS_PER_QUARTER, ControlChange, NoteOff, NoteOn, Timed
from livegen.files.bar_map import BarMap, with_defaults
from livegen.files.midi_file import read_midi, read_score
from livegen.files.midi_tracks import TimeSignature

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_Beat = tuple[float, int, int, bool]  # moment, place in the bar, beats of the bar, is it compound


@dataclass(frozen=True, slots=True)
class Played:
    """A performance; notes in order of their onsets, all moments in s from its first note."""

    name: str
    side: Side
    is_song: bool
    onset_s: Floats  # [notes]
    end_s: Floats  # [notes], where the key comes up
    pitch: Ints  # [notes]
    velocity: Ints  # [notes]
    pedal: tuple[tuple[float, bool], ...]  # (moment, goes down), in turn
    beat_s: Floats  # [beats], the moments of the beats; () when none are known
    beat_in_bar: Ints  # [beats], 0 on a bar line
    beats_per_bar: Ints  # [beats], of the bar that the beat is in
    is_compound: bool


def read_music(folder: Path, report: Report) -> list[Played]:
    """All songs and pieces; SettingsError where there are none."""
    works = list(performances.read(folder, report))
    if not works:
        raise SettingsError(f"{folder}: the folder of music holds pop909/ and piano-midi/")
    pieces = {path.stem: path for path in folder.glob("piano-midi/**/*.mid")}
    found = []
    for work, side in zip(works, performances.divide(works), strict=True):
        if side:
            song = folder / performances.SONGS / work.name / f"{work.name}.mid"
            beats = _beats_of_song(song) if performances.is_song(work) else _beats_of_piece(pieces[work.name])
            found.append(_played(work, side, list(beats)))
    return found


def _played(work: Work, side: Side, beats: Sequence[_Beat]) -> Played:
    onsets, pitches, ends, velocities = zip(*sorted(_notes(work.content)), strict=True)
    moments, places, bars, compound = zip(*beats, strict=True) if beats else ((), (), (), ())
    return Played(
        work.name,
        side,
        performances.is_song(work),
        np.array(onsets, np.float64),
        np.array(ends, np.float64),
        np.array(pitches, np.int64),
        np.array(velocities, np.int64),
        tuple(_pedal(work.content)),
        np.array(moments, np.float64),
        np.array(places, np.int64),
        np.array(bars, np.int64),
        any(compound),
    )


def _beats_of_song(path: Path) -> Iterator[_Beat]:
    """From the file beside the song: a moment, and whether it is a bar line, a line."""
    begin_ns = next(timed.at_ns for timed in read_midi(path) if _is_pitched(timed))
    rows = [line.split() for line in path.with_name("beat_midi.txt").read_text(encoding="utf-8").splitlines()]
    lines = [index for index, row in enumerate(rows) if float(row[2])]
    for begin, end in pairwise([*lines, len(rows)]):
        for index in range(begin, end):
            yield float(rows[index][0]) - begin_ns / NS_PER_S, index - begin, end - begin, False


def _beats_of_piece(path: Path) -> Iterator[_Beat]:
    """From the bars that the piece is written in."""
    score = read_score(path)
    signs = with_defaults(score.signs)
    at, last = BarMap(signs), score.notes[-1].onset
    begin_ns = at.ns_at(score.notes[0].onset)
    times = [sign for sign in signs if isinstance(sign, TimeSignature)]
    for sign, end in pairwise([*times, TimeSignature(last + 1, 4, 4)]):
        bar, is_compound = max(1, 4 * TICKS_PER_QUARTER * sign.beats // sign.unit), _is_compound(sign)
        beat = TICKS_PER_QUARTER * 3 // 2 if is_compound else TICKS_PER_QUARTER
        beats = max(1, round(bar / beat))
        for line in range(sign.tick, min(end.tick, last + 1), bar):
            for index in range(beats):
                if line + index * beat < end.tick:
                    yield (at.ns_at(line + index * beat) - begin_ns) / NS_PER_S, index, beats, is_compound


def _is_compound(sign: TimeSignature) -> bool:
    return sign.unit >= 8 and sign.beats % 3 == 0


def _is_pitched(timed: Timed) -> bool:
    return isinstance(timed.event, NoteOn) and timed.event.channel != PERCUSSION


def _notes(events: Sequence[Timed]) -> Iterator[tuple[float, int, float, int]]:
    """(onset, pitch, end, velocity), each pitch ended where it begins again."""
    down: dict[int, tuple[float, int]] = {}
    last = 0.0
    for timed in events:
        last = timed.at_ns / NS_PER_S
        match timed.event:
            case NoteOn(pitch, velocity):
                if pitch in down:
                    yield down[pitch][0], pitch, last, down[pitch][1]
                down[pitch] = last, velocity
            case NoteOff(pitch) if pitch in down:
                begin, velocity = down.pop(pitch)
                yield begin, pitch, last, velocity
    for pitch, (begin, velocity) in down.items():
        yield begin, pitch, last, velocity


def _pedal(events: Sequence[Timed]) -> Iterator[tuple[float, bool]]:
    is_down = False
    for timed in events:
        if isinstance(timed.event, ControlChange) and (timed.event.value >= HALF_PEDAL) is not is_down:
            is_down = not is_down
            yield timed.at_ns / NS_PER_S, is_down
