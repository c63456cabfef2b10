"""A whole evening: what the session's cache holds and costs, and what it still knows of the first ten minutes."""

import time
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from export.corpora.work import Piece
from export.measures.continuations import Each
from export.scoring import Predictor, foretold, log_probs
from livegen.codecs.codec import Codec
from livegen.engine.session_cache import SessionCache, cache_for
from livegen.errors import SettingsError
from livegen.events import TICKS_PER_QUARTER

MINUTES = (10, 30, 60, 120, 240)
_BEATS_A_MINUTE = 120
_TIMED = 500  # questions to the cache


@dataclass(frozen=True, slots=True)
class _Known:
    """A token of the first ten minutes, and the network's log-probabilities [vocab] of it."""

    token: int
    odds: np.ndarray


def evening(predictor: Predictor, codec: Codec[Any], pieces: Sequence[Piece], each: Each) -> list[dict[str, object]]:
    """A row for each of ``MINUTES`` of people's pieces, one after the other, at 120 bpm.

    ``still known``: what the cache saves of the cost of the first ten minutes, if they are played once more then.
    """
    cache = cache_for(codec)
    if not cache:
        raise SettingsError(f"codec '{codec.name}' has no cache")
    first = [piece for piece, begin in _begins(codec, pieces) if begin < MINUTES[0]]
    known = [each_token for piece in each(first, "first pieces") for each_token in _foretold(predictor, piece)]
    rows: list[dict[str, object]] = []
    begun = 0.0
    for piece, begin in _begins(codec, pieces):
        for minutes in MINUTES:
            if begun < minutes <= begin:
                rows.append(_row(minutes, cache, known))
        begun = begin
        for token in piece.tokens:
            cache.add(int(token))
        if begin > MINUTES[-1]:
            break
    return rows


def _begins(codec: Codec[Any], pieces: Iterable[Piece]) -> Iterable[tuple[Piece, float]]:
    """Each piece, and the minute at which it begins."""
    minute = 0.0
    for piece in pieces:
        yield piece, minute
        notes = codec.decode(piece.tokens.tolist())
        minute += max((note.end for note in notes), default=0) / TICKS_PER_QUARTER / _BEATS_A_MINUTE


def _foretold(predictor: Predictor, piece: Piece) -> Iterable[_Known]:
    for logits, targets in foretold(predictor, piece):
        for odds, token in zip(log_probs(logits)[0], targets[0], strict=True):
            yield _Known(int(token), odds.astype(np.float32))


def _row(minutes: int, cache: SessionCache, known: Sequence[_Known]) -> dict[str, object]:
    """What the cache is like now; it is not changed."""
    alone = cached = 0.0
    cache = deepcopy(cache)
    everything = np.ones(len(known[0].odds), np.bool_)
    times = []
    for each in known:
        begin = time.perf_counter_ns()
        mixed = cache.mixed(each.odds, everything, 1.0).astype(np.float64)
        cache.add(each.token)
        times.append(time.perf_counter_ns() - begin)
        alone -= float(each.odds[each.token])
        cached -= float(mixed[each.token] - np.log(np.exp(mixed).sum()))
    return {
        "minutes": minutes,
        "tokens": cache.position - len(known),
        "kB": cache.nbytes // 1000,
        "µs": f"{np.median(times[:_TIMED]) / 1000:.0f}",
        "still known": f"{100 * (cached / alone - 1):+.1f} %",
    }
