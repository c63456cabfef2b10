"""How a line of music ends: with a cadence, or without.

A cadence is two harmonies, the second on a strong beat and longer than most notes before it (Aldwell and Schachter,
Harmony and Voice Leading, chapter 8): authentic, from the fifth or the seventh degree to the first; plagal, from the
fourth; half, to the fifth. A melody alone counts by the chord that its notes in the beat before belong to.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from livegen.events import TICKS_PER_QUARTER, Note
from livegen.music.key import Key
from livegen.music.metre import Bars

Cadence = Literal["authentic", "plagal", "half"]
KINDS: tuple[Cadence, ...] = get_args(Cadence)

_FITTING = 2 / 3  # of the notes in the beat before the last chord, by their lengths, belong to its harmony
_CHORD = 3  # pitch classes: where so many sound in the half beat before the last chord, that is looked at alone
_Chord = frozenset[int]  # semitones over the tonic


def _triads(third: int, sixth: int, seventh: int) -> dict[str, _Chord]:
    """The triads of a scale with this third, sixth and seventh, and the seventh chord of its dominant."""
    return {
        "I": frozenset({0, third, 7}),
        "II": frozenset({2, 5, sixth}),
        "IV": frozenset({5, sixth, 0}),
        "V": frozenset({7, 11, 2, 5}),
        "V natural": frozenset({7, seventh, 2}),
        "VI": frozenset({sixth, 0, third}),
        "VII": frozenset({seventh, 2, 5}),
    }


_CHORDS = {False: _triads(4, 9, 11), True: _triads(3, 8, 10)}
_INTO: dict[Cadence, tuple[str, tuple[str, ...]]] = {  # the last chord, and those that lead to it
    "authentic": ("I", ("V", "V natural", "VII")),
    "plagal": ("I", ("IV", "II")),
    "half": ("V", ("I", "II", "IV", "VI")),
}
_ROOTS = {"I": 0, "V": 7}


def cadence(notes: Sequence[Note], key: Key, bars: Bars | None) -> Cadence | None:
    """The cadence with which these notes end; None for another end.

    ``bars``: the ticks of the first bar line are its upbeat; None where nothing is known of them: each beat is strong.
    """
    if not notes:
        return None
    last = _arrival(notes)
    final = [note for note in notes if note.onset <= last < note.end]
    if not is_strong(last, bars) or max(note.end for note in notes) - last <= _usual(notes):
        return None
    classes = {_degree(note, key) for note in final}
    bass = _degree(min(final, key=lambda note: note.pitch), key)
    before = _harmony(notes, last, key)
    for kind, (into, leading) in _INTO.items():
        chord = _CHORDS[key.is_minor][into] | _CHORDS[False][into]  # in minor, a major chord may be the last, too
        best = max(before[name] for name in leading)
        if bass == _ROOTS[into] and classes <= chord and best >= _FITTING and best > before[into]:
            return kind
    return None


def is_strong(tick: int, bars: Bars | None) -> bool:
    """Is it the first beat of a bar, or the middle of one of four beats or of 6/8? Any beat, if no bars are known."""
    if bars is None:
        return tick % TICKS_PER_QUARTER == 0
    has_middle = bars.beats % 4 == 0 or (bars.is_compound and bars.beats % 2 == 0)
    step = bars.ticks // 2 if has_middle else bars.ticks
    return (tick - bars.upbeat) % step == 0


def bars_by_end(notes: Sequence[Note], bars: Bars) -> Bars:
    """The bars, moved so that the last chord of a phrase is on a strong beat, if it is longer than most before it.

    A phrase ends on a strong beat, as a rule; where its first bar line is, is heard less surely than its end.
    """
    last = _arrival(notes)
    if is_strong(last, bars) or last % TICKS_PER_QUARTER or max(note.end for note in notes) - last <= _usual(notes):
        return bars
    return replace(bars, upbeat=last % bars.ticks)


def _usual(notes: Sequence[Note]) -> float:
    """The usual time from one chord to the next."""
    onsets = sorted({note.onset for note in notes})
    return median([after - before for before, after in pairwise(onsets)] or [0])


def _arrival(notes: Sequence[Note]) -> int:
    """When the last chord begins; struck again, it is still the same."""
    chords: dict[int, set[int]] = {}
    for note in notes:
        chords.setdefault(note.onset, set()).add(note.pitch)
    onsets = sorted(chords)
    last = onsets.pop()
    while onsets and chords[onsets[-1]] == chords[last]:
        last = onsets.pop()
    return last


def _degree(note: Note, key: Key) -> int:
    """Semitones over the tonic, 0 to 11."""
    return (note.pitch - key.tonic) % 12


def _harmony(notes: Sequence[Note], until: int, key: Key) -> dict[str, float]:
    """For each chord of the key, the share of what sounds just before a moment that belongs to it."""
    lengths = _sounding(notes, until - TICKS_PER_QUARTER // 2, until, key)
    if np.count_nonzero(lengths) < _CHORD:
        lengths = _sounding(notes, until - TICKS_PER_QUARTER, until, key)
    whole = lengths.sum() or 1.0
    return {name: float(lengths[list(chord)].sum() / whole) for name, chord in _CHORDS[key.is_minor].items()}


def _sounding(notes: Sequence[Note], begin: int, end: int, key: Key) -> NDArray[np.float64]:
    """Ticks for which each degree [12] sounds between two moments."""
    lengths = np.zeros(12)
    for note in notes:
        lengths[_degree(note, key)] += max(0, min(note.end, end) - max(note.onset, begin))
    return lengths
