"""Phrases of music whose metre is known, as a person would play them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from export.corpora.metred import Kind, Metred
from livegen.clock import NS_PER_S
from livegen.music.metre import Bars
from livegen.music.metre_profiles import Floats

FEWEST = 6  # onsets in a phrase
TEMPOS: dict[Kind, tuple[int, int]] = {  # in beats a minute, the slowest and the fastest
    ("line", Bars(4)): (100, 200),
    ("line", Bars(3)): (90, 180),
    ("line", Bars(2, is_compound=True)): (85, 135),
    ("line", Bars(3, is_compound=True)): (80, 130),
    ("hymn", Bars(4)): (60, 120),
    ("hymn", Bars(3)): (80, 150),
}


@dataclass(frozen=True, slots=True)
class Performed:
    """A phrase: the onsets with their pitches, and what is right."""

    piece: Metred
    at_s: tuple[float, ...]
    chords: tuple[tuple[int, ...], ...]
    beats: tuple[float, ...]  # where each onset is written, in beats from a bar line
    beat_s: float
    swing: float = 1.0

    @property
    def notes(self) -> tuple[list[int], list[int]]:
        """The onset in ns and the pitch of each note, in order."""
        each = [
            (round(at * NS_PER_S), pitch) for at, chord in zip(self.at_s, self.chords, strict=True) for pitch in chord
        ]
        return [at_ns for at_ns, _ in each], [pitch for _, pitch in each]


def perform(
    piece: Metred,
    first: int,
    bars: float,
    bpm: float,
    chance: np.random.Generator,
    *,
    swing: float = 1.0,
    jitter_s: float = 0.015,
) -> Performed | None:
    """So many bars from a bar on, with the upbeat of the piece; None for a phrase with too few notes.

    Each moment is off by ``jitter_s`` (standard deviation), and the tempo wanders by a hundredth.
    """
    onsets = np.array(piece.onsets)
    begin = first * piece.bars.beats + min(0.0, piece.onsets[0])
    within = (onsets >= begin - 1e-9) & (onsets < (first + bars) * piece.bars.beats - 1e-9)
    if within.sum() < FEWEST:
        return None
    played = swung(onsets[within], swing) * 60 / bpm
    wander = 1 + 0.01 * np.cumsum(chance.normal(size=len(played))) / len(played) ** 0.5
    at_s = np.concatenate([[0], np.cumsum(np.diff(played) * wander[1:])]) + chance.normal(0, jitter_s, len(played))
    chords = tuple(chord for chord, is_within in zip(piece.pitches, within, strict=True) if is_within)
    return Performed(piece, tuple(np.sort(at_s - at_s.min()).tolist()), chords, _beats(onsets[within]), 60 / bpm, swing)


def excerpt(piece: Metred, first: int, bars: float) -> Performed | None:
    """So many bars, from a bar on, of a piece that was performed; None where there are too few notes."""
    onsets, beats = np.array(piece.onsets), np.array(piece.beat_s)
    begin = first * piece.bars.beats
    end = min(begin + round(bars * piece.bars.beats), len(beats) - 1)
    within = (onsets >= begin - 0.06) & (onsets < begin + bars * piece.bars.beats - 0.06)
    if within.sum() < FEWEST or end <= begin:
        return None
    at_s = np.interp(onsets[within], np.arange(len(beats)), beats)
    chords = tuple(chord for chord, is_within in zip(piece.pitches, within, strict=True) if is_within)
    beat_s = float(beats[end] - beats[begin]) / (end - begin)
    return Performed(piece, tuple((at_s - at_s[0]).tolist()), chords, _beats(onsets[within]), beat_s)


def _beats(onsets: Floats) -> tuple[float, ...]:
    return tuple(onsets.tolist())


def swung(onsets: Floats, swing: float) -> Floats:
    """Onsets in beats, the first half of each beat so much longer than the second."""
    whole = np.floor(onsets)
    part, late = onsets - whole, swing / (1 + swing)
    return np.asarray(whole + np.where(part < 0.5, part * 2 * late, late + (part - 0.5) * 2 * (1 - late)), np.float64)


def any_phrase(piece: Metred, chance: np.random.Generator, *, is_swung: bool = False) -> Performed | None:
    """A phrase of three to nine bars from somewhere in the piece, as often cut anywhere as after four or eight bars."""
    bars = float(chance.choice([4.0, 8.0]) if chance.random() < 0.5 else chance.uniform(3, 9))
    if piece.beat_s:
        return excerpt(piece, int(chance.integers(max(1, len(piece.beat_s) // piece.bars.beats - int(bars)))), bars)
    first = 0 if chance.random() < 0.6 else 4 * int(chance.integers(3))
    bpm = chance.uniform(*TEMPOS[piece.kind])
    swing = chance.uniform(1.4, 2.3) if is_swung else 1.0
    return perform(piece, first, bars, bpm, chance, swing=swing, jitter_s=chance.uniform(0.003, 0.022))


def several(
    pieces: Sequence[Metred], count: int, chance: np.random.Generator, *, is_swung: bool = False
) -> list[Performed]:
    """So many phrases of pieces that are drawn by chance."""
    drawn = (any_phrase(pieces[int(chance.integers(len(pieces)))], chance, is_swung=is_swung) for _ in range(count))
    return [phrase for phrase in drawn if phrase]
