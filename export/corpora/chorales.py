"""The chorales of music21's corpus, as BachBot read and split them.

Liang, "BachBot: automatic composition in the style of Bach chorales", 2016, chapter 4: the pieces that have a BWV
number and begin in 4/4, moved to C major or A minor, on a grid of sixteenths, in the order of their BWV names; the
last tenth of all tokens is the test part.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.corpora.work import VALID_EVERY, Piece, Report, Source, Split, Work, concatenate
from livegen.codecs.chorale import ChoraleCodec
from livegen.codecs.chorale_frames import VOICES, Frame
from livegen.codecs.codec import Codec

FRAMES_PER_QUARTER = 4
TEST_SHARE = 10  # the last tenth of the tokens

CREDIT = "J. S. Bach: the 316 four-part chorales with a BWV number and in 4/4 in music21's corpus"
LICENCE = "music in the public domain; encodings distributed with music21 by permission of the encoders"


@dataclass(frozen=True, slots=True)
class Voiced:
    """A note of one voice on the grid: frames from ``onset`` up to ``end``."""

    onset: int
    end: int
    pitch: int
    struck: bool  # False when it is tied to the note before
    fermata: bool


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


def read(folder: Path, report: Report) -> Iterator[Work]:
    """The frames of each chorale in 4/4, in about a minute."""
    from music21 import corpus

    sources = sorted(corpus.chorales.Iterator(numberingSystem="bwv", returnType="filename"))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for done, (source, frames) in enumerate(zip(sources, pool.map(read_chorale, sources), strict=True)):
            report(done + 1, len(sources))
            if frames:
                name = source.removeprefix("bach/")
                yield Work(name, name, frames)


def encode(codec: Codec[Any], frames: Iterable[Frame]) -> NDArray[np.int64]:
    """Tokens of a whole piece, fermatas included; pitches outside the codec's range are moved by octaves."""
    assert isinstance(codec, ChoraleCodec)
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


SOURCE = Source(read, encode, CREDIT, LICENCE, split=split)
