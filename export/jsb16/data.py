"""Chorales as frames of four tokens.

A frame is a sixteenth; its voices are soprano, alto, tenor, bass. A token is 0 for a silent voice, else a pitch's
distance from ``LOWEST`` plus one. ``HIDDEN`` stands for a voice that is not shown, ``START`` for the frame before
the first.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livegen.errors import SettingsError

Frames = NDArray[np.int64]  # tokens [frames, voices], or [pieces, frames, voices]

VOICES = 4
SOPRANO, ALTO, TENOR, BASS = range(VOICES)
LOWEST, HIGHEST = 30, 88  # MIDI: Bach's 36 to 81, with room for transposition
PITCHES = HIGHEST - LOWEST + 2  # tokens that may come; 0 is silence
HIDDEN, START = PITCHES, PITCHES + 1
TOKENS = PITCHES + 2
PARTS = ("train", "valid", "test")
CHUNK_OF_LENGTHS = 4  # batches whose pieces are sorted by length, to pad less


@dataclass(frozen=True, slots=True)
class Chorales:
    """The canonical split of Boulanger-Lewandowski et al. 2012: 229, 76 and 77 pieces."""

    train: Sequence[Frames]
    valid: Sequence[Frames]
    test: Sequence[Frames]


def read(path: Path) -> Chorales:
    """The three parts of ``Jsb16thSeparated.json``: for each, pieces of frames of four MIDI pitches, -1 for silence."""
    if not path.is_file():
        raise SettingsError(f"{path}: no such file; it is Jsb16thSeparated.json of czhuang/JSB-Chorales-dataset")
    content = json.loads(path.read_text(encoding="utf-8"))
    missing = [part for part in PARTS if part not in content]
    if missing:
        raise SettingsError(f"{path}: has no part '{missing[0]}'; there should be train, valid and test")
    return Chorales(*([tokens_of(np.array(piece, dtype=np.int64), path) for piece in content[part]] for part in PARTS))


def tokens_of(pitches: NDArray[np.int64], source: Path) -> Frames:
    """MIDI pitches [frames, voices] as tokens."""
    if pitches.ndim != 2 or pitches.shape[1] != VOICES:
        raise SettingsError(f"{source}: a piece of shape {pitches.shape}; frames of four voices are wanted")
    sounding = pitches[pitches >= 0]
    if ((sounding < LOWEST) | (sounding > HIGHEST)).any():
        raise SettingsError(f"{source}: pitches {sounding.min()} to {sounding.max()}; {LOWEST} to {HIGHEST} are known")
    return np.where(pitches < 0, 0, pitches - LOWEST + 1)


def transposed(frames: Frames, semitones: int) -> Frames:
    """Higher by ``semitones``; silence stays."""
    return np.where(frames > 0, frames + semitones, 0)


@dataclass(frozen=True, slots=True)
class Range:
    """The lowest and highest token of each voice, silence apart."""

    low: Frames  # [voices]
    high: Frames


def range_of(pieces: Sequence[Frames]) -> Range:
    """The range that the voices of these pieces have."""
    every = np.concatenate(list(pieces))
    return Range(np.where(every > 0, every, TOKENS).min(axis=0), every.max(axis=0))


def shifts_within(piece: Frames, reach: Range) -> tuple[int, int]:
    """The lowest and the highest transposition (semitones) that keep every voice within its range."""
    own = range_of([piece])
    sounding = own.high > 0
    return int((reach.low - own.low)[sounding].max()), int((reach.high - own.high)[sounding].min())


def padded(pieces: Sequence[Frames]) -> tuple[Frames, NDArray[np.bool_]]:
    """Pieces of any length as one array [pieces, frames, voices], and which frames are music [pieces, frames]."""
    lengths = np.array([len(piece) for piece in pieces])
    whole = np.zeros((len(pieces), int(lengths.max()), VOICES), dtype=np.int64)
    for row, piece in zip(whole, pieces, strict=True):
        row[: len(piece)] = piece
    return whole, np.arange(whole.shape[1]) < lengths[:, None]


def epoch_batches(
    pieces: Sequence[Frames], reach: Range, batch: int, random: np.random.Generator
) -> Iterator[tuple[Frames, NDArray[np.bool_]]]:
    """All pieces once, each in a key drawn among those within ``reach``, in batches of about equal lengths."""
    for group in epoch_groups([len(piece) for piece in pieces], batch, random):
        yield padded([transposed(pieces[piece], drawn_shift(pieces[piece], reach, random)) for piece in group])


def epoch_groups(lengths: Sequence[int], batch: int, random: np.random.Generator) -> Iterator[list[int]]:
    """The indices of all ``lengths`` once, in random groups of about equal lengths."""
    order = random.permutation(len(lengths))
    chunk = batch * CHUNK_OF_LENGTHS
    sorted_chunks = [
        sorted(order[begin : begin + chunk].tolist(), key=lambda index: lengths[index])
        for begin in range(0, len(order), chunk)
    ]
    groups = [part[begin : begin + batch] for part in sorted_chunks for begin in range(0, len(part), batch)]
    for index in random.permutation(len(groups)):
        yield groups[index]


def drawn_shift(piece: Frames, reach: Range, random: np.random.Generator) -> int:
    """Semitones, drawn among those that keep every voice within ``reach``; 0 where none does."""
    lowest, highest = shifts_within(piece, reach)
    return int(random.integers(lowest, highest + 1)) if lowest <= highest else 0
