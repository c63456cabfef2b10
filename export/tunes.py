"""Tunes in ABC, measured: bits per character of held-out ones, and how well generated ones are made."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import Any

import numpy as np

from export.corpora.abc import head_and_body
from export.corpora.work import Piece
from export.scoring import Predictor, foretold, log_probs
from livegen.codecs.abc.codec import END, START, AbcCodec
from livegen.codecs.abc.reading import AbcCursor
from livegen.engine.sampler import Sampler
from livegen.settings import Sampling

LONGEST = 1500  # characters; a tune that goes on has not ended by itself

Each = Callable[[Sequence[Any], str], Iterable[Any]]


def bits_per_character(predictor: Predictor, codec: AbcCodec, pieces: Sequence[Piece]) -> Mapping[str, float]:
    """Each tune from a blank state, the marks not counted: of its body alone, and of the whole."""
    bits = [_bits(predictor, piece) for piece in pieces]
    heads = [len(head_and_body(codec.text_of(piece.tokens.tolist()))[0]) for piece in pieces]
    whole = np.concatenate(bits)
    body = np.concatenate([tune[head:] for tune, head in zip(bits, heads, strict=True)])
    return {"test_bits_body": float(body.mean()), "test_bits_whole": float(whole.mean())}


def _bits(predictor: Predictor, piece: Piece) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Of each character between the marks."""
    nats = [
        -np.take_along_axis(log_probs(logits)[0], targets[0][:, None], axis=1)[:, 0]
        for logits, targets in foretold(predictor, piece)
    ]
    bits: np.ndarray[tuple[int], np.dtype[np.float64]] = np.concatenate(nats)[:-1] / log(2)
    return bits


@dataclass(frozen=True, slots=True)
class Tune:
    """A generated tune."""

    text: str
    has_ended: bool  # by itself


@dataclass(frozen=True, slots=True)
class Craft:
    """How well tunes are made: shares of 0 to 1."""

    count: int
    parsed_by_music21: float
    parsed_by_symusic: float
    full_bars: float  # and pickups, and the short bars that complete them
    strictly_full_bars: float
    ended: float


def generate(
    predictor: Predictor, codec: AbcCodec, sampling: Sampling, count: int, seed: int, each: Each
) -> list[Tune]:
    """Tunes from the start mark on, by the codec's grammar; all of them side by side."""
    samplers = [Sampler(sampling, seed * count + row) for row in range(count)]
    cursors: list[AbcCursor] = [codec.step(codec.begin(), START)[0] for _ in range(count)]
    texts: list[list[int]] = [[] for _ in range(count)]
    logits, state = predictor.step(np.full((count, 1), START), predictor.begin(count))
    for _ in each(range(LONGEST), "characters"):
        tokens = np.full((count, 1), START)
        for row, sampler in enumerate(samplers):
            if cursors[row].is_inside:
                token = sampler.choose(logits[row, -1], codec.mask(cursors[row]))
                tokens[row] = token
                texts[row].append(token)
                cursors[row], _ = codec.step(cursors[row], token)
        if not any(cursor.is_inside for cursor in cursors):
            break
        logits, state = predictor.step(tokens, state)
    return [Tune(codec.text_of(text), text[-1:] == [END]) for text in texts]


def craft(tunes: Sequence[Tune], each: Each) -> Craft:
    """What independent readers make of the tunes, and whether their bars fill."""
    bars = [bar for tune in tunes for bar in bars_of(tune.text)]
    return Craft(
        count=len(tunes),
        parsed_by_music21=float(np.mean([_music21_reads(tune.text) for tune in each(tunes, "music21")])),
        parsed_by_symusic=float(np.mean([_symusic_reads(tune.text) for tune in tunes])),
        full_bars=float(np.mean([is_full or is_part for is_full, is_part in bars])),
        strictly_full_bars=float(np.mean([is_full for is_full, _ in bars])),
        ended=float(np.mean([tune.has_ended for tune in tunes])),
    )


def bars_of(text: str) -> list[tuple[bool, bool]]:
    """For each bar whether it is full, and whether it is a part's pickup or the short bar that completes one."""
    codec = AbcCodec()
    cursor, bars = codec.step(codec.begin(), START)[0], list[tuple[bool, bool]]()
    for token in codec.characters(text).tolist():
        before = cursor
        cursor, _ = codec.step(cursor, token)
        if cursor.bars > before.bars:
            length = cursor.time - before.begun
            is_short = bool(before.pickup) and length + before.pickup == before.metre
            bars.append((length == before.metre, (before.is_part and length < before.metre) or is_short))
    return bars


def _music21_reads(text: str) -> bool:
    from music21 import converter

    try:
        return len(converter.parse(text, format="abc").recurse().notes) > 0
    except Exception:  # noqa: BLE001 (whatever it raises, it could not read the tune)
        return False


def _symusic_reads(text: str) -> bool:
    import symusic

    try:
        with _silent():
            score: Any = symusic.Score.from_abc(text)
        return bool(score.note_num() > 0)
    except Exception:  # noqa: BLE001 (whatever it raises, it could not read the tune)
        return False


@contextmanager
def _silent() -> Iterator[None]:
    """Without what a library in C writes to standard output on its own."""
    sys.stdout.flush()
    kept = os.dup(1)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)
