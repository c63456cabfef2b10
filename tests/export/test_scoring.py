"""Scoring: the figure of BachBot's test, worked out by hand."""

from math import log

import numpy as np
import pytest

from export import scoring
from export.corpora.work import Piece
from export.scoring import Arrays, Logits, Tokens

VOCAB = 5


class Counting:
    """Gives the next number a logit of so many tokens since the state began, and every other number 0."""

    def begin(self, batch: int) -> Arrays:
        return {"heard": np.zeros((batch, 1), np.int64)}

    def step(self, tokens: Tokens, state: Arrays) -> tuple[Logits, Arrays]:
        heard = state["heard"] + np.arange(1, tokens.shape[1] + 1)  # [batch, time]
        logits = np.zeros((*tokens.shape, VOCAB), np.float32)
        np.put_along_axis(logits, (tokens[:, :, None] + 1) % VOCAB, heard[:, :, None].astype(np.float32), 2)
        return logits, {"heard": heard[:, -1:]}


def expected(lengths: list[int]) -> float:
    """Mean surprise when the right logit is 1, 2, 3 ... after each beginning."""
    surprises = [log(1 + (VOCAB - 1) * np.exp(-heard)) for length in lengths for heard in range(1, length + 1)]
    return sum(surprises) / len(surprises)


def counting_tokens(length: int) -> Tokens:
    return np.arange(length) % VOCAB


def test_knowing_nothing_costs_the_logarithm_of_the_vocabulary() -> None:
    score = scoring.surprise(np.zeros((2, 3, VOCAB), np.float32), np.ones((2, 3), np.int64))

    assert score.tokens == 6
    assert score.per_token == pytest.approx(log(VOCAB))


def test_large_logits_do_not_overflow() -> None:
    logits = np.full((1, 1, VOCAB), 1e4, np.float32)

    assert scoring.surprise(logits, np.zeros((1, 1), np.int64)).per_token == pytest.approx(log(VOCAB))


def test_streams_carry_their_state_from_chunk_to_chunk() -> None:
    tokens = counting_tokens(2 * 3 * scoring.CHUNK + 1)

    score = scoring.in_streams(Counting(), tokens, streams=2)

    assert score.tokens == 2 * 3 * scoring.CHUNK
    assert score.per_token == pytest.approx(expected([3 * scoring.CHUNK] * 2))


def test_without_carrying_each_chunk_begins_from_nothing() -> None:
    tokens = counting_tokens(2 * 3 * scoring.CHUNK + 1)

    score = scoring.in_streams(Counting(), tokens, streams=2, carries_state=False)

    assert score.per_token == pytest.approx(expected([scoring.CHUNK] * 6))


def test_tokens_that_fill_no_whole_chunk_are_left_out() -> None:
    score = scoring.in_streams(Counting(), counting_tokens(2 * 2 * scoring.CHUNK + 100), streams=2)

    assert score.tokens == 2 * 2 * scoring.CHUNK


def test_of_little_music_there_are_fewer_streams_and_shorter_chunks() -> None:
    fewer = scoring.in_streams(Counting(), counting_tokens(3 * scoring.CHUNK + 1), streams=25)
    shorter = scoring.in_streams(Counting(), counting_tokens(31), streams=25)

    assert (fewer.tokens, fewer.per_token) == (3 * scoring.CHUNK, pytest.approx(expected([scoring.CHUNK] * 3)))
    assert (shorter.tokens, shorter.per_token) == (30, pytest.approx(expected([30])))


def test_a_single_token_is_refused() -> None:
    with pytest.raises(ValueError, match="1 tokens leave nothing to foretell"):
        scoring.in_streams(Counting(), counting_tokens(1))


def test_a_whole_piece_is_read_from_its_start() -> None:
    score = scoring.whole_piece(Counting(), Piece("piece", counting_tokens(31)))

    assert score.tokens == 30
    assert score.per_token == pytest.approx(expected([30]))
