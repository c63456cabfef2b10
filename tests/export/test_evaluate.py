"""Evaluating: the three figures, and what each of them may see."""

from math import log

import numpy as np
import pytest

from export.corpora import Corpus
from export.corpora.work import Piece, Split
from export.evaluate import evaluate, frame_count
from export.scoring import CHUNK, STREAMS, Arrays, Logits, Tokens
from livegen.codecs.chorale import ChoraleCodec
from livegen.codecs.chorale_frames import FRAME_END

VOCAB = 8
PIECE = np.array([0, 5, FRAME_END, 6, FRAME_END, 1])


class Knowing:
    """Is certain of every token once ``after`` tokens have been heard, and knows nothing before."""

    def __init__(self, after: int) -> None:
        self._after = after

    def begin(self, batch: int) -> Arrays:
        return {"heard": np.zeros((batch, 1), np.int64)}

    def step(self, tokens: Tokens, state: Arrays) -> tuple[Logits, Arrays]:
        heard = state["heard"] + np.arange(1, tokens.shape[1] + 1)  # [batch, time]
        following = {5: FRAME_END, FRAME_END: 5}
        logits = np.zeros((*tokens.shape, VOCAB), np.float32)
        for row, column in np.argwhere(heard > self._after):
            logits[row, column, following[int(tokens[row, column])]] = 100
        return logits, {"heard": heard[:, -1:]}


@pytest.fixture
def data() -> Corpus:
    tokens = np.tile([5, FRAME_END], 2 * STREAMS * CHUNK)
    split = Split(train=(), valid=(), test_tokens=tokens, test=(Piece("one", PIECE), Piece("two", PIECE)))
    return Corpus(ChoraleCodec(), split)


def test_knowing_nothing_costs_the_same_in_every_way(data: Corpus) -> None:
    figures = evaluate(Knowing(after=10**9), data)

    chunks = (len(data.split.test_tokens) - 1) // (STREAMS * CHUNK)
    assert figures == pytest.approx(
        {
            "test_nats": log(VOCAB),
            "test_nats_per_frame": 2 * log(VOCAB),
            "test_nats_reset": log(VOCAB),
            "test_nats_whole": log(VOCAB),
            "test_nats_whole_per_frame": 2.5 * log(VOCAB),
            "test_tokens": chunks * STREAMS * CHUNK,
        }
    )


def test_resetting_the_state_costs_what_was_known_from_before(data: Corpus) -> None:
    figures = evaluate(Knowing(after=CHUNK), data)

    assert figures["test_nats_reset"] == pytest.approx(log(VOCAB))
    assert 0 < figures["test_nats"] < log(VOCAB)


def test_frames_are_counted_by_their_ends() -> None:
    assert frame_count(PIECE) == 2
