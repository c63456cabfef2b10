"""How well a network predicts music it has not seen: nats per token, whatever runs the network."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from export.corpora.work import Piece

STREAMS = 50  # of BachBot's test
CHUNK = 128  # tokens
LONGEST = 1024  # tokens of a piece in one call

Tokens = NDArray[np.int64]  # [batch, time]
Logits = NDArray[np.float32]  # [batch, time, vocab]
Arrays = Mapping[str, NDArray[np.generic]]  # a state, part by part


class Predictor(Protocol):
    """A network, whatever runs it."""

    def begin(self, batch: int) -> Arrays:
        """The state before anything is heard."""

    def step(self, tokens: Tokens, state: Arrays) -> tuple[Logits, Arrays]:
        """Logits after each token, and the state after all."""


@dataclass(frozen=True, slots=True)
class Score:
    """A sum of surprises in nats, over so many tokens."""

    nats: float
    tokens: int

    @property
    def per_token(self) -> float:
        """Nats per token."""
        return self.nats / self.tokens

    def __add__(self, other: "Score") -> "Score":
        return Score(self.nats + other.nats, self.tokens + other.tokens)


def log_probs(logits: Logits) -> NDArray[np.float64]:
    """Of every token [batch, time, vocab]."""
    wide = logits.astype(np.float64)
    wide -= wide.max(axis=2, keepdims=True)
    wide -= np.log(np.exp(wide).sum(axis=2, keepdims=True))
    return wide


def surprise(logits: Logits, targets: Tokens) -> Score:
    """Cross-entropy of what came, in float64."""
    chosen = np.take_along_axis(log_probs(logits), targets[:, :, None], axis=2)
    return Score(-float(chosen.sum()), targets.size)


def in_streams(
    predictor: Predictor,
    tokens: NDArray[np.int64],
    *,
    streams: int = STREAMS,
    carries_state: bool = True,
    each: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> Score:
    """BachBot's test, that is torch-rnn's: parallel streams from a zero state, the state carried from chunk to chunk.

    As there, the tokens that fill no whole chunk in every stream are left out; of little music there are fewer
    streams. Without ``carries_state``
    each chunk begins from nothing.
    """
    length = min(CHUNK, len(tokens) - 1)
    if not length:
        raise ValueError(f"{len(tokens)} tokens leave nothing to foretell")
    streams = min(streams, (len(tokens) - 1) // length)
    chunks = (len(tokens) - 1) // (streams * length)
    used = streams * chunks * length
    inputs = tokens[:used].reshape(streams, -1)
    targets = tokens[1 : used + 1].reshape(streams, -1)
    total = Score(0.0, 0)
    state = predictor.begin(streams)
    for chunk in each(range(chunks)):
        part = slice(chunk * length, (chunk + 1) * length)
        logits, after = predictor.step(inputs[:, part], state)
        total += surprise(logits, targets[:, part])
        state = after if carries_state else state
    return total


def whole_piece(predictor: Predictor, piece: Piece) -> Score:
    """One piece from its start mark on, everything before it in sight."""
    return sum((surprise(logits, targets) for logits, targets in foretold(predictor, piece)), Score(0.0, 0))


def foretold(predictor: Predictor, piece: Piece) -> Iterator[tuple[Logits, Tokens]]:
    """The logits of each token of a piece but the first, and what came [1, time], a part of the piece at a time."""
    state = predictor.begin(1)
    for begin in range(0, len(piece.tokens) - 1, LONGEST):
        part = piece.tokens[None, begin : begin + LONGEST + 1]
        logits, state = predictor.step(part[:, :-1], state)
        yield logits, part[:, 1:]
