"""What the notes of held-out performances cost, in nats, on one grid that any model of performances can be held to.

The grid has moments of 10 ms and ``STEPS`` steps of loudness. The codec has twice as many, so two of its tokens are one
step, and the probability of a note (its step of loudness and its key) is the sum over the ways to write it: either
token of the step and then the key, and the key at once where the loudness of the note before is of the step. The other
way needs one more step of the network, from the state that it had before the note; what comes after the note is
foretold from how it was written. Every other token is a cost of its own. No grammar is given to the network.

A note's cost is *loudness*, its step given that a note comes, and *pitch*, all the rest: that a note comes, and which.
*Onset* are the waits, *release* the keys that come up; *pedal* is the pedal, with the end of the piece.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.corpora.performances import KINDS, kind
from export.corpora.work import Piece
from export.measures.continuations import Each
from export.measures.interval import Estimate, of_pieces
from export.scoring import Predictor, log_probs
from livegen.codecs.codec import Codec
from livegen.codecs.performance import PerformanceCodec
from livegen.codecs.performance_grammar import FIRST_KEY, FIRST_LOUDNESS, FIRST_WAIT, LOUDNESSES
from livegen.engine.session_cache import SessionCache, cache_for

STEPS = len(LOUDNESSES) // 2  # of loudness
FIELDS = ("onset", "pitch", "release", "loudness", "pedal")
TOGETHER = 64  # pieces in one call of the network
_CHUNK = 2000  # steps of the network between two reports
_UNKNOWN = -1

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one piece: nats of each field [familiarities, fields], of its own tokens [familiarities], and its notes."""

    kind: str
    nats: Floats
    written: Floats
    notes: int


def costs(
    predictor: Predictor,
    codec: PerformanceCodec,
    pieces: Sequence[Piece],
    familiarities: Sequence[float] = (0.0,),
    each: Each = lambda items, _: items,
) -> list[Cost]:
    """What whole pieces cost, in their order, for each familiarity; nothing is remembered from one to the next.

    ``TOGETHER`` pieces are read side by side, token by token; one that ends makes room for the next.
    """
    rows = [_Row(codec, piece, familiarities) for piece in pieces]
    waiting = sorted(rows, key=lambda row: len(row.tokens))  # the longest are begun first
    steps = sum(len(row.tokens) for row in rows)
    lanes, state = list[_Row](), dict[str, NDArray[np.generic]](predictor.begin(0))
    done = 0
    for until in each(range(_CHUNK, steps + _CHUNK, _CHUNK), "tokens"):
        while done < until and (lanes or waiting):
            left = [place for place, row in enumerate(lanes) if not row.is_over]
            fresh = min(TOGETHER - len(left), len(waiting))
            if fresh or len(left) < len(lanes):
                blank = predictor.begin(fresh)
                lanes = [lanes[place] for place in left] + [waiting.pop() for _ in range(fresh)]
                state = {name: np.concatenate([part[left], blank[name]]) for name, part in state.items()}
            done += len(lanes)
            state = _advance(predictor, lanes, state) if lanes else state
    return [row.cost for row in rows]


def _advance(
    predictor: Predictor, rows: Sequence["_Row"], state: Mapping[str, NDArray[np.generic]]
) -> dict[str, NDArray[np.generic]]:
    """Read a token of each row; the state after it."""
    tokens = np.array([row.hear() for row in rows], np.int64)
    logits, after = predictor.step(tokens[:, None], state)
    other = [row.take(line) for row, line in zip(rows, log_probs(logits)[:, -1], strict=True)]
    asked = [place for place, token in enumerate(other) if token is not None]
    if asked:
        tokens = np.array([other[place] for place in asked], np.int64)
        logits, _ = predictor.step(tokens[:, None], {name: part[asked] for name, part in after.items()})
        for place, line in zip(asked, log_probs(logits)[:, -1], strict=True):
            rows[place].take_other(line)
    return dict(after)


def known(codec: PerformanceCodec, familiarities: Sequence[float]) -> list[float]:
    """The familiarities that can be measured: 0 alone where there is no cache of the session."""
    return list(familiarities) if _cache(codec) else [0.0]


def _cache(codec: Codec[Any]) -> SessionCache | None:
    return cache_for(codec)


class _Row:
    """Owner of the place in one piece, and of what it has cost."""

    def __init__(self, codec: PerformanceCodec, piece: Piece, familiarities: Sequence[float]) -> None:
        self.tokens: list[int] = piece.tokens.tolist()
        self._kind = kind(piece)
        self._first_off = codec.off(codec.low)
        self._familiarities = familiarities
        self._cache = _cache(codec) if any(familiarities) else None
        self._everything = np.ones(len(codec.vocabulary), np.bool_)
        self._heard = 0
        self._nats = np.zeros((len(familiarities), len(FIELDS)))
        self._written = np.zeros(len(familiarities))
        self._notes = 0
        self._loudness = _UNKNOWN  # as ``PerformanceCursor.loudness``
        self._key = self._other = _UNKNOWN  # tokens of the note being read: its key, its other loudness
        self._said = self._other_said = np.zeros(0)  # [familiarities]: log-probabilities of its loudness, and of that
        self._of_loudness = np.zeros(0)  # its cost
        self._ways = list[Floats]()  # [familiarities]: the log-probability of each way to write it

    @property
    def is_over(self) -> bool:
        """All tokens but the last are heard, and that one is foretold."""
        return self._heard >= len(self.tokens) - 1

    @property
    def cost(self) -> Cost:
        """So far."""
        return Cost(self._kind, self._nats, self._written, self._notes)

    def hear(self) -> int:
        """The next token."""
        token = self.tokens[self._heard]
        self._heard += 1
        if self._cache:
            self._cache.add(token)
        return token

    def take(self, line: Floats) -> int | None:
        """Count the token after what was heard, foretold by log-probabilities [vocab].

        A loudness that the network should hear instead, None if that is not needed.
        """
        odds, heard, coming = self._odds(line), self.tokens[self._heard - 1], self.tokens[self._heard]
        self._written -= odds[:, coming]
        if FIRST_LOUDNESS <= heard < FIRST_KEY:
            self._ways.append(self._said + odds[:, coming])
            self._close()
            return None
        if FIRST_LOUDNESS <= coming < self._first_off:
            return self._begin(odds, coming)
        field = "onset" if FIRST_WAIT <= coming < FIRST_LOUDNESS else "release" if coming >= FIRST_KEY else "pedal"
        self._nats[:, FIELDS.index(field)] -= odds[:, coming]
        return None

    def take_other(self, line: Floats) -> None:
        """The same for the key of a note, after the other loudness of its step instead."""
        if self._cache:
            self._cache.add(self._other)
        self._ways.append(self._other_said + self._odds(line)[:, self._key])
        if self._cache:
            self._cache.go(self._heard)
        if self.tokens[self._heard] == self._key:
            self._close()

    def _odds(self, line: Floats) -> Floats:
        """Log-probabilities [familiarities, vocab]: the network's, with the cache's votes mixed in."""
        if not self._cache:
            return np.tile(line, (len(self._familiarities), 1))
        logits = line.astype(np.float32)
        mixed = [self._cache.mixed(logits, self._everything, familiar) for familiar in self._familiarities]
        found: Floats = log_probs(np.array(mixed)[None])[0]
        return found

    def _begin(self, odds: Floats, coming: int) -> int | None:
        """A note comes: at once with its key, or with its loudness first."""
        before, is_said = self._loudness, coming < FIRST_KEY
        self._key = self.tokens[self._heard + 1] if is_said else coming
        self._loudness = coming - FIRST_LOUDNESS if is_said else before
        other = self._loudness ^ 1
        self._of_loudness = self._cost_of_loudness(np.exp(odds), before)
        self._said = odds[:, coming]
        self._ways = [odds[:, self._key]] if before in (self._loudness, other) else []
        if other == before:
            return None
        self._other = FIRST_LOUDNESS + other
        self._other_said = odds[:, self._other]
        return self._other

    def _cost_of_loudness(self, chances: Floats, before: int) -> Floats:
        """Of the step that the note has, if a note comes; [familiarities]."""
        steps = np.zeros((len(chances), STEPS))
        changed = chances[:, FIRST_LOUDNESS:FIRST_KEY].copy()  # [familiarities, loudnesses]
        if before != _UNKNOWN:
            changed[:, before] = 0
            steps[:, before // 2] = chances[:, FIRST_KEY : self._first_off].sum(axis=1)
        steps += changed.reshape(len(chances), STEPS, 2).sum(axis=2)
        found: Floats = np.log(steps.sum(axis=1)) - np.log(steps[:, self._loudness // 2])
        return found

    def _close(self) -> None:
        """The note is whole: all ways to write it are known."""
        whole: Floats = -np.logaddexp.reduce(np.array(self._ways), axis=0)
        self._nats[:, FIELDS.index("pitch")] += whole - self._of_loudness
        self._nats[:, FIELDS.index("loudness")] += self._of_loudness
        self._notes += 1


def table(found: Iterable[Cost], familiarities: Sequence[float]) -> list[dict[str, object]]:
    """A row for each kind of pieces and each familiarity: nats a note, whole, by field, and of the codec's own tokens.

    Intervals are of 95 %, by a bootstrap over pieces.
    """
    rows: list[dict[str, object]] = []
    for name in KINDS:
        of_kind = [cost for cost in found if cost.kind == name]
        for place, familiar in enumerate(familiarities if of_kind else ()):
            notes = np.array([cost.notes for cost in of_kind], np.float64)
            nats = np.array([cost.nats[place] for cost in of_kind])  # [pieces, fields]
            written = np.array([cost.written[place] for cost in of_kind])
            figures = {"nats a note": nats.sum(axis=1)} | dict(zip(FIELDS, nats.T, strict=True)) | {"fine": written}
            estimates: dict[str, Estimate] = {what: of_pieces(sums, notes) for what, sums in figures.items()}
            counts = {"of": name, "count": len(of_kind), "notes": int(notes.sum()), "familiarity": f"{familiar:g}"}
            rows.append({**counts, **estimates})
    return rows
