"""Nats per note by field, worked out by hand."""

from math import log

import numpy as np
import pytest

from export.corpora.work import Piece
from export.fields import nats_per_note, nats_per_played_note
from export.scoring import Arrays, Logits, Tokens
from livegen.codecs.note_duration import NoteDurationCodec
from livegen.codecs.performance import PerformanceCodec
from livegen.codecs.vocabulary import Vocabulary

CODEC = NoteDurationCodec(chords=["60.64 1.0"])


class Even:
    """Gives the tokens of a text 3 in 4 parts together, and all others the rest."""

    def __init__(self, *likely: str, vocabulary: Vocabulary = CODEC.vocabulary) -> None:
        self._likely = [vocabulary.token(text) for text in likely]
        self._vocab = len(vocabulary)

    def begin(self, batch: int) -> Arrays:
        return {}

    def step(self, tokens: Tokens, state: Arrays) -> tuple[Logits, Arrays]:
        probabilities = np.full((*tokens.shape, self._vocab), 0.25 / (self._vocab - 2))
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


def test_each_token_of_a_performance_is_of_one_field_and_songs_stand_apart_from_pieces() -> None:
    codec = PerformanceCodec()
    token = codec.vocabulary.token
    song = [token(text) for text in ("START", "velocity 64", "60 on", "100 ms", "60 off", "END")]
    piece = [token(text) for text in ("START", "pedal down", "velocity 64", "60 on", "64 on", "10 ms", "pedal up")]
    likely, other = -log(0.375), -log(0.25 / (len(codec.vocabulary) - 2))

    figures = nats_per_played_note(
        Even("60 on", "100 ms", vocabulary=codec.vocabulary),
        codec,
        [Piece("001", np.array(song)), Piece("elise", np.array(piece))],
    )

    expected = {
        "test_nats_per_note_pedal": 3 * other / 3,
        "test_nats_per_note_wait": (likely + other) / 3,
        "test_nats_per_note_loudness": 2 * other / 3,
        "test_nats_per_note_on": (2 * likely + other) / 3,
        "test_nats_per_note_off": other / 3,
        "test_nats_per_note_songs": 2 * likely + 3 * other,
        "test_nats_per_note_pieces": (likely + 5 * other) / 2,
        "test_nats_per_note": (3 * likely + 8 * other) / 3,
    }
    assert figures == pytest.approx(expected, rel=1e-5)
