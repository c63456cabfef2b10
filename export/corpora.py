"""Corpora as pieces of tokens: read once, cached, and split the same way every time.

The chorales follow BachBot (Liang, "BachBot: automatic composition in the style of Bach chorales", 2016, chapter 4):
the pieces of music21's corpus that have a BWV number and begin in 4/4, moved to C major or A minor, on a grid of
sixteenths, in the order of their BWV names; the last tenth of all tokens is the test part.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livegen.codecs.chorale import ChoraleCodec
from livegen.codecs.frames import VOICES, Frame
from livegen.errors import SettingsError, did_you_mean

CACHE = Path(__file__).parents[1] / ".cache"
ENCODING_VERSION = 1  # raise it when the way of reading changes, so that no old cache is taken for a new one
FRAMES_PER_QUARTER = 4
TEST_SHARE = 10  # the last tenth of the tokens
VALID_EVERY = 20  # every 20th piece of the rest

Report = Callable[[int, int], None]  # (done, all)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of music, written by a codec from its start mark to its end mark."""

    name: str
    tokens: NDArray[np.int64]  # [tokens]


@dataclass(frozen=True, slots=True)
class Voiced:
    """A note of one voice on the grid: frames from ``onset`` up to ``end``."""

    onset: int
    end: int
    pitch: int
    struck: bool  # False when it is tied to the note before
    fermata: bool


@dataclass(frozen=True, slots=True)
class Source:
    """Where a corpus comes from, and how it is read."""

    read: Callable[[ChoraleCodec, Report], Iterator[Piece]]
    credit: str
    licence: str


@dataclass(frozen=True, slots=True)
class Split:
    """What is trained on, what chooses the model, and what neither ever sees."""

    train: tuple[Piece, ...]
    valid: tuple[Piece, ...]
    test_tokens: NDArray[np.int64]  # the last tenth, begins inside a piece
    test: tuple[Piece, ...]  # the whole pieces in it


def load(corpus: str, codec: ChoraleCodec, report: Report | None = None) -> tuple[Piece, ...]:
    """The pieces of ``corpus`` as tokens of ``codec``, from the cache or, in about a minute, from the sources."""
    if corpus not in SOURCES:
        raise SettingsError(f"unknown corpus '{corpus}'{did_you_mean(corpus, SOURCES)}")
    key = "-".join(f"{name}{value}" for name, value in sorted(codec.parameters().items()))
    path = CACHE / f"{corpus}-v{ENCODING_VERSION}-{key}.npz"
    if path.exists():
        return _restore(path)
    pieces = tuple(SOURCES[corpus].read(codec, report or (lambda done, whole: None)))
    _keep(path, pieces)
    return pieces


def split(pieces: Sequence[Piece]) -> Split:
    """BachBot's protocol: the last tenth of the tokens tests.

    A piece that straddles the cut gives its head to the part before it.
    """
    cut = sum(len(piece.tokens) for piece in pieces) * (TEST_SHARE - 1) // TEST_SHARE
    known: list[Piece] = []
    test: list[Piece] = []
    begin = 0
    for piece in pieces:
        if begin >= cut:
            test.append(piece)
        else:
            known.append(Piece(piece.name, piece.tokens[: cut - begin]))
        begin += len(piece.tokens)
    return Split(
        train=tuple(piece for index, piece in enumerate(known) if index % VALID_EVERY != VALID_EVERY - 1),
        valid=tuple(known[VALID_EVERY - 1 :: VALID_EVERY]),
        test_tokens=concatenate(pieces)[cut:],
        test=tuple(test),
    )


def concatenate(pieces: Sequence[Piece]) -> NDArray[np.int64]:
    """One stream of all tokens, in order."""
    return np.concatenate([piece.tokens for piece in pieces])


def to_frames(voices: Sequence[Sequence[Voiced]]) -> list[Frame]:
    """Frames of a sixteenth: unisons are one note, and struck if any voice strikes it; at most four are kept."""
    length = max((note.end for voice in voices for note in voice), default=0)
    struck: list[dict[int, bool]] = [{} for _ in range(length)]
    fermatas = [False] * length
    for note in (note for voice in voices for note in voice):
        for at in range(note.onset, note.end):
            is_struck = note.struck and at == note.onset
            struck[at][note.pitch] = struck[at].get(note.pitch, False) or is_struck
            fermatas[at] = fermatas[at] or note.fermata
    frames: list[Frame] = []
    before: set[int] = set()
    for sounding, fermata in zip(struck, fermatas, strict=True):
        pitches = sorted(sounding, reverse=True)
        if len(pitches) > VOICES:
            pitches = [*pitches[: VOICES - 1], pitches[-1]]  # the outer voices carry the music
        frames.append(Frame(tuple((pitch, not sounding[pitch] and pitch in before) for pitch in pitches), fermata))
        before = set(pitches)
    return frames


def _read_chorales(codec: ChoraleCodec, report: Report) -> Iterator[Piece]:
    from music21 import corpus

    sources = sorted(corpus.chorales.Iterator(numberingSystem="bwv", returnType="filename"))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for done, (source, frames) in enumerate(zip(sources, pool.map(read_chorale, sources), strict=True)):
            report(done + 1, len(sources))
            if frames:
                yield Piece(source.removeprefix("bach/"), encode(codec, frames))


def encode(codec: ChoraleCodec, frames: Iterable[Frame]) -> NDArray[np.int64]:
    """Tokens of a whole piece, fermatas included; pitches outside the codec's range are moved by octaves."""
    start, end = codec.encode([])
    inside = [token for frame in frames for token in codec.frame_tokens(_folded(codec, frame))]
    return np.array([start, *inside, end], np.int64)


def _folded(codec: ChoraleCodec, frame: Frame) -> Frame:
    """The frame with pitches outside the codec's range moved by octaves."""
    notes = {codec.fold(pitch): tied for pitch, tied in frame.notes}
    return Frame(tuple(sorted(notes.items(), reverse=True)), frame.fermata)


def read_chorale(source: str) -> list[Frame]:
    """The frames of one chorale in C major or A minor; none when it does not begin in 4/4."""
    from music21 import corpus

    score: Any = corpus.parse(source)
    meter = score.recurse().getElementsByClass("TimeSignature").first()
    if meter is None or meter.ratioString != "4/4":
        return []
    key = score.analyze("key")
    shift = to_c_or_a_minor(key.tonic.pitchClass, is_minor=key.mode == "minor")
    return to_frames([list(_voiced(part, shift)) for part in score.parts])


def to_c_or_a_minor(tonic: int, *, is_minor: bool) -> int:
    """Semitones, -5 to +6, from the pitch class of a tonic to C (major) or A (minor)."""
    return ((9 if is_minor else 0) - tonic + 5) % 12 - 5


def _voiced(part: Any, shift: int) -> Iterator[Voiced]:
    for element in part.flatten().notes:
        onset = _nearest_frame(element.offset)
        end = _nearest_frame(element.offset + element.quarterLength)
        struck = element.tie is None or element.tie.type == "start"
        fermata = any("Fermata" in mark.classes for mark in element.expressions)
        for pitch in element.pitches:
            if onset < end:
                yield Voiced(onset, end, pitch.midi + shift, struck, fermata)


def _nearest_frame(quarters: float | Fraction) -> int:
    return floor(quarters * FRAMES_PER_QUARTER + Fraction(1, 2))


def _keep(path: Path, pieces: Sequence[Piece]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    lengths = np.array([len(piece.tokens) for piece in pieces])
    names = np.array([piece.name for piece in pieces])
    np.savez_compressed(partial, names=names, lengths=lengths, tokens=concatenate(pieces), allow_pickle=False)
    partial.replace(path)


def _restore(path: Path) -> tuple[Piece, ...]:
    with np.load(path, allow_pickle=False) as kept:
        tokens = np.split(kept["tokens"], np.cumsum(kept["lengths"])[:-1])
        return tuple(Piece(str(name), part) for name, part in zip(kept["names"], tokens, strict=True))


SOURCES = {
    "bach-chorales": Source(
        _read_chorales,
        credit="J. S. Bach: the 316 four-part chorales with a BWV number and in 4/4 in music21's corpus",
        licence="music in the public domain; encodings distributed with music21 by permission of the encoders",
    )
}
