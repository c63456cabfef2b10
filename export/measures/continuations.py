"""Continuations: a model goes on from the openings of pieces that it never saw, many at a time.

Each row is sampled as the engine does it: the grammar's mask, the guard, the teacher's pen, a sampler with a seed
of its own; only the leaning towards the key of a player's phrase is left out. The rows go through the network together.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.corpora.work import Piece, Split
from export.measures.music import Music, Reader
from export.scoring import Predictor
from livegen.codecs.codec import Codec, PlayedCodec
from livegen.codecs.vocabulary import Mask
from livegen.engine.repetition import RepetitionGuard, no_history
from livegen.engine.sampler import Sampler
from livegen.engine.session_cache import cache_for
from livegen.settings import Sampling

Each = Callable[[Sequence[Any], str], Iterable[Any]]

TOGETHER = 50  # rows in one call of the network
MOST_TOKENS = 64  # for each event: a model that writes nothing but marks is stopped there
FUR_ELISE = "elise"  # in the name of a piece, in small letters
FUR_ELISE_EVERY = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """How many continuations, and how long."""

    count: int = 200
    opening: int = 16  # events, marks not counted
    events: int = 200  # of the model's own, marks not counted
    seed: int = 0
    ticks: int = 0  # of the model's own, instead of events; 0: as many events


@dataclass(frozen=True, slots=True)
class Choice:
    """How a model samples."""

    sampling: Sampling  # temperature and top-p set
    guard: RepetitionGuard | None = None
    has_cache: bool = False  # of what was told and played in this row, as in a session

    @property
    def title(self) -> str:
        """What to call it while it is at work."""
        return f"continuations, guard {'on' if self.guard else 'off'}"


def openings(codec: Codec[Any], split: Split, plan: Plan) -> list[list[int]]:
    """Tokens of openings of the held-out pieces in turn, every tenth of Für Elise where the corpus has it."""
    held_out = [*split.test, *split.valid] or list(split.train)
    first = [opening for piece in held_out if (opening := opening_of(codec, piece, plan.opening))]
    elise = [piece for piece in (*held_out, *split.train) if FUR_ELISE in piece.name.lower()]
    told = [first[row % len(first)] for row in range(plan.count)]
    if elise:
        opening = opening_of(codec, elise[0], plan.opening)
        told[::FUR_ELISE_EVERY] = [opening] * len(told[::FUR_ELISE_EVERY])
    return told


def opening_of(codec: Codec[Any], piece: Piece, events: int) -> list[int]:
    """Tokens of the first ``events`` events; none when the piece is shorter."""
    reader = Reader(codec)
    for place, token in enumerate(piece.tokens[:-1]):
        reader.hear(int(token))
        if reader.count == events:
            return [int(told) for told in piece.tokens[: place + 1]]
    return []


def generate(
    predictor: Predictor,
    codec: Codec[Any],
    told: Sequence[Sequence[int]],
    choice: Choice,
    plan: Plan,
    each: Each = lambda items, _: items,
) -> list[Music]:
    """What the model adds to each opening; the same openings, choice and plan give the same music."""
    rows = [_Row(codec, tokens, choice, seed=plan.seed + place) for place, tokens in enumerate(told)]
    for begin in each(range(0, len(rows), TOGETHER), choice.title):
        _run(predictor, rows[begin : begin + TOGETHER], plan)
    return [row.reader.take() for row in rows]


def _run(predictor: Predictor, rows: list["_Row"], plan: Plan) -> None:
    """Advance all rows token by token; a row that is long enough leaves the batch."""
    state = predictor.begin(len(rows))
    tokens = [row.told[0] for row in rows]
    for row in rows:
        row.advance(row.told[0])
    while rows:
        logits, state = predictor.step(np.array(tokens, np.int64)[:, None], state)
        tokens = [row.choose(line) for row, line in zip(rows, logits[:, -1], strict=True)]
        for row, token in zip(rows, tokens, strict=True):
            row.advance(token)
        left = [place for place, row in enumerate(rows) if not row.is_long(plan)]
        if len(left) < len(rows):
            rows, tokens = [rows[place] for place in left], [tokens[place] for place in left]
            state = {name: part[left] for name, part in state.items()}


class _Row:
    """Owner of one continuation."""

    def __init__(self, codec: Codec[Any], told: Sequence[int], choice: Choice, seed: int) -> None:
        self.told = told
        self.reader = Reader(codec)
        self._codec = codec
        self._guard = choice.guard
        self._cache = cache_for(codec) if choice.has_cache else None
        self._familiarity = choice.sampling.familiarity
        self._sampler = Sampler(choice.sampling, seed)
        self._waits = codec.waits if isinstance(codec, PlayedCodec) else None
        self._heard = 0  # of ``told``
        self._drawn = 0  # tokens of the model's own
        self._begin = 0  # the tick of the first of them
        self._history = no_history(codec)

    def is_long(self, plan: Plan) -> bool:
        """As much of the model's own is written as planned, or so many marks that it will not come to that."""
        if self._heard < len(self.told):
            return False
        lasted = self.reader.cursor.tick - self._begin
        is_done = lasted >= plan.ticks if plan.ticks else self.reader.count >= plan.events
        return is_done or self._drawn >= plan.events * MOST_TOKENS

    def choose(self, logits: NDArray[np.float32]) -> int:
        """The next token: what is told, then what is drawn from ``logits`` [vocab]."""
        if self._heard < len(self.told):
            return self.told[self._heard]
        mask, temperature_factor = self._mask(), self._guard.temperature_factor(self._history) if self._guard else 1.0
        if np.count_nonzero(mask) == 1:
            return int(mask.argmax())
        if self._cache:
            logits = self._cache.mixed(logits, mask, self._familiarity)
        return self._sampler.choose(logits, mask, temperature_factor, self._waits)

    def advance(self, token: int) -> None:
        """Take the next token."""
        self.reader.hear(token)
        if self._cache:
            self._cache.add(token, is_own=self._heard >= len(self.told))
        if self._guard:
            self._history = self._history.after(token, is_whole=self.reader.cursor.is_whole)
        if self._heard >= len(self.told):
            self._drawn += 1
        else:
            self._heard += 1
            if self._heard == len(self.told):
                self.reader.take()
                self._begin = self.reader.cursor.tick

    def _mask(self) -> Mask:
        mask = self._codec.mask(self.reader.cursor)
        if self._guard:
            mask = self._guard.allowed(self._history, mask)
        voice_leading_errors = self._codec.voice_leading_errors(self.reader.cursor)
        better = mask if voice_leading_errors is None else mask & ~voice_leading_errors
        return better if better.any() else mask
