"""Nats per note by field, worked out by hand."""

from math import log

import numpy as np
import pytest

from export.corpora.work import Piece
from export.fields import nats_per_note
from export.scoring import Arrays, Logits, Tokens
from livegen.codecs.note_duration import NoteDurationCodec

CODEC = NoteDurationCodec(chords=["60.64 1.0"])


class Even:
    """Gives the tokens of a text 3 in 4 parts together, and all others the rest."""

    def __init__(self, *likely: str) -> None:
        self._likely = [CODEC.vocabulary.token(text) for text in likely]

    def begin(self, batch: int) -> Arrays:
        return {}

    def step(self, tokens: Tokens, state: Arrays) -> tuple[Logits, Arrays]:
        probabilities = np.full((*tokens.shape, len(CODEC.vocabulary)), 0.25 / (len(CODEC.vocabulary) - 2))
        probabilities[..., self._likely] = 0.75 / len(self._likely)
        return np.log(probabilities).astype(np.float32), state


def test_a_note_s_nats_are_its_pitches_and_then_its_duration() -> None:
    tokens = [CODEC.vocabulary.token(text) for text in ("START", "60 1.0", "60.64 1.0")]
    rest = 0.25 / (len(CODEC.vocabulary) - 2)
    of_60 = 0.75 + 16 * rest  # two durations are likely, the other sixteen are not

    figures = nats_per_note(Even("60 1.0", "60 2.0"), CODEC, [Piece("two", np.array(tokens))])

    assert figures["test_nats_per_note_pitch"] == pytest.approx((-log(of_60) - log(rest)) / 3, rel=1e-5)
    assert figures["test_nats_per_note_duration"] == pytest.approx(-log(0.375 / of_60) / 3, rel=1e-5)
    assert figures["test_nats_per_note_rest"] == 0


def test_rests_and_marks_are_a_field_of_their_own_and_the_sum_is_all() -> None:
    tokens = [CODEC.vocabulary.token(text) for text in ("START", "60 1.0", "rest 1.0", "END")]
    rest = 0.25 / (len(CODEC.vocabulary) - 2)

    figures = nats_per_note(Even("60 1.0", "rest 1.0"), CODEC, [Piece("one", np.array(tokens))])

    assert figures["test_nats_per_note_rest"] == pytest.approx(-log(0.375) - log(rest), rel=1e-5)
    assert figures["test_nats_per_note"] == pytest.approx(-2 * log(0.375) - log(rest), rel=1e-5)
