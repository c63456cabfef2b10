"""What the session's cache saves: the cost of what comes next in held-out pieces, by the time since they began."""

import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from export.corpora.abc import as_played
from export.corpora.abc_tune import notes_of
from export.corpora.work import Piece
from export.measures.cadence import bars_of_tune
from export.scoring import Predictor, foretold, log_probs
from livegen.codecs.abc.codec import AbcCodec
from livegen.codecs.abc.fields import read_key
from livegen.codecs.codec import Codec
from livegen.engine.session_cache import WEIGHTS, cache_for
from livegen.errors import SettingsError
from livegen.events import TICKS_PER_QUARTER
from livegen.music.key import Key

_SECONDS = (0, 10, 30, 60, 10**6)  # at 120 beats a minute
_BEATS_A_SECOND = 2
_HAS_LENGTHS = ("note_duration",)


def costs(predictor: Predictor, codec: Codec[Any], pieces: Iterable[Piece]) -> list[dict[str, object]]:
    """A row for each stretch of time: nats per token of the network alone and with the cache, and the change."""
    if not cache_for(codec):
        raise SettingsError(f"codec '{codec.name}' has no cache: of frames of four voices it saves nothing")
    found = [row for piece in pieces for row in _of_piece(predictor, codec, piece)]
    times, alone, cached = np.array(found).T
    rows: list[dict[str, object]] = []
    for begin, end in pairwise(_SECONDS):
        is_in = (times >= begin) & (times < end)
        if is_in.any():
            before, after = float(alone[is_in].mean()), float(cached[is_in].mean())
            span = f"{begin} to {end}" if end < _SECONDS[-1] else f"from {begin}"
            change = f"{100 * (after / before - 1):+.1f} %"
            rows.append(
                {
                    "seconds": span,
                    "tokens": int(is_in.sum()),
                    "alone": f"{before:.4f}",
                    "with its cache": f"{after:.4f}",
                    "change": change,
                }
            )
    return rows


def unsteady(codec: Codec[Any], pieces: Iterable[Piece], share: float, seed: int) -> Iterator[Piece]:
    """The pieces with this share of their notes a step of the grid longer or shorter, as people play them again.

    SettingsError for a codec whose notes have no lengths of their own.
    """
    if codec.name not in _HAS_LENGTHS:
        raise SettingsError(f"codec '{codec.name}': lengths can be changed in {', '.join(_HAS_LENGTHS)} only")
    chance = random.Random(seed)
    for piece in pieces:
        notes = [
            replace(note, duration=max(codec.grid_ticks, note.duration + chance.choice((-1, 1)) * codec.grid_ticks))
            if chance.random() < share
            else note
            for note in codec.decode(piece.tokens.tolist())
        ]
        yield Piece(piece.name, np.array(codec.encode(notes), np.int64))


def with_repeats(codec: Codec[Any], pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The tunes as they are played, with their repeats, and as the codec writes what is played.

    SettingsError for another codec. A tune with notes together or without whole beats is left out.
    """
    if not isinstance(codec, AbcCodec):
        raise SettingsError(f"codec '{codec.name}': only tunes in ABC are written with repeat signs")
    for piece in pieces:
        text, (bars, _) = codec.text_of(piece.tokens.tolist()), bars_of_tune(codec, piece.tokens.tolist())
        plain = as_played(text)
        if bars and plain:
            notes = notes_of(text)
            if bars.is_compound:  # a beat of the codec's is a quarter long
                notes = [replace(each, onset=each.onset * 2 // 3, duration=each.duration * 2 // 3) for each in notes]
            yield Piece(piece.name, np.array(codec.encode(notes, _key(plain), bars), np.int64))


def _key(tune: str) -> Key:
    """The major or minor key of a tune; of another mode the major key with its signature."""
    found = read_key(re.search(r"^K:(.*)$", tune, re.MULTILINE)[1])  # type: ignore[index]  # each has one
    assert found
    is_minor = found.mode.lower()[:3] in ("m", "min", "aeo")
    return Key(7 * (found.signature + 3 * is_minor) % 12, is_minor)


def _of_piece(predictor: Predictor, codec: Codec[Any], piece: Piece) -> list[tuple[float, float, float]]:
    """Of each token: its moment in seconds, its cost without the cache and with it."""
    cache, cursor = cache_for(codec), codec.begin()
    assert cache
    everything = np.ones(len(codec.vocabulary), np.bool_)
    found = []
    cursor, _ = codec.step(cursor, int(piece.tokens[0]))
    cache.add(int(piece.tokens[0]))
    for logits, targets in foretold(predictor, piece):
        for odds, token in zip(log_probs(logits)[0], targets[0], strict=True):
            mixed = cache.mixed(odds.astype(np.float32), everything, 1 / WEIGHTS[codec.name].lift)
            chance = mixed.astype(np.float64) - np.log(np.exp(mixed.astype(np.float64)).sum())
            at_s = cursor.tick / TICKS_PER_QUARTER / _BEATS_A_SECOND
            found.append((at_s, -float(odds[token]), -float(chance[token])))
            cache.add(int(token))
            cursor, _ = codec.step(cursor, int(token))
    return found
