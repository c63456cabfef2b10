"""What may not sound is struck out, in every way of writing music."""

from typing import Any

import numpy as np
import pytest

from livegen.codecs.abc.codec import AbcCodec
from livegen.codecs.chorale import ChoraleCodec
from livegen.codecs.codec import Codec
from livegen.codecs.note_duration import NoteDurationCodec
from livegen.codecs.notes import NotesCodec
from livegen.codecs.performance import PerformanceCodec
from livegen.codecs.voices import VoicesCodec
from livegen.events import NoteOn

CODECS: list[Codec[Any]] = [
    AbcCodec(),
    ChoraleCodec(),
    NoteDurationCodec(chords=["60.64.67 1.0", "60.63.67 1.0"]),
    NotesCodec(),
    PerformanceCodec(),
    VoicesCodec(),
]
C_MAJOR = [pitch % 12 in (0, 2, 4, 5, 7, 9, 11) for pitch in range(128)]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
@pytest.mark.parametrize("seed", range(3))
def test_no_walk_through_what_is_left_begins_a_pitch_that_may_not_sound(codec: Codec[Any], seed: int) -> None:
    chance = np.random.default_rng(seed)
    allowed = np.array(C_MAJOR) & (np.arange(128) >= 48) & (np.arange(128) <= 79)
    cursor, struck = codec.begin(), list[int]()

    for _ in range(3_000):
        mask = codec.mask(cursor)
        left = mask & ~codec.disallowed(cursor, allowed)
        cursor, events = codec.step(cursor, int(chance.choice(np.flatnonzero(left if left.any() else mask))))
        struck += [ticked.event.pitch for ticked in events if isinstance(ticked.event, NoteOn)]

    assert len(struck) > 30
    assert {pitch for pitch in struck if not allowed[pitch]} == set()


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_where_all_may_sound_nothing_is_struck_out(codec: Codec[Any]) -> None:
    assert not codec.disallowed(codec.begin(), np.ones(128, np.bool_)).any()


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_busyness_lies_between_calm_and_busy(codec: Codec[Any]) -> None:
    weights = codec.density_weights()

    assert weights.shape == (len(codec.vocabulary),)
    assert np.abs(weights).max() <= 1
