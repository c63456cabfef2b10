"""The measure of what is heard."""

import random

import pytest

from livegen.model.bundle import load_bundle
from livegen.music.key import Key
from tests.hearing import COUNTED, Heard, Opening, fifths_between, in_words, measure_chords, signature, two_hand_chord

C_MAJOR = tuple((pitch, 1.0) for pitch in (60, 62, 64, 65, 67, 69, 71, 72))


@pytest.mark.parametrize(
    ("key", "sharps"), [(Key(0), 0), (Key(7), 1), (Key(5), 11), (Key(9, is_minor=True), 0), (Key(6), 6)]
)
def test_a_signature_is_its_sharps(key: Key, sharps: int) -> None:
    assert signature(key) == sharps


def test_signatures_are_fifths_apart_on_a_circle_and_move_with_the_music() -> None:
    opening = Opening("scale", 0, C_MAJOR)

    assert [fifths_between(-1, 1), fifths_between(11, -1), fifths_between(6, -5)] == [2, 0, 1]
    assert opening.transposed(2).signature % 12 == signature(Key(2))
    assert opening.transposed(-3).notes[0] == (57, 1.0)


def test_a_scale_is_heard_in_its_key_and_counted_as_wrong_where_another_is_said() -> None:
    bundle, right, wrong = load_bundle("bach"), Heard(), Heard()

    right.hear(bundle, Opening("scale", 0, C_MAJOR))
    wrong.hear(bundle, Opening("scale", 6, C_MAJOR))

    assert right.same[max(COUNTED)] == 1
    assert (wrong.near.total(), wrong.same.total()) == (0, 0)
    assert right.is_well
    assert not wrong.is_well
    assert right.and_also(wrong).phrases == 2


def test_chords_have_three_to_six_keys_in_two_hands() -> None:
    chords = [two_hand_chord(random.Random(seed)) for seed in range(200)]

    assert {len(set(chord.keys)) for chord in chords} == {3, 4, 5, 6}
    assert all(min(chord.keys) < 65 <= max(chord.keys) for chord in chords)
    assert max(chord.spread_ms * (len(chord.keys) - 1) for chord in chords) <= 60


def test_chords_of_two_hands_are_answered() -> None:
    assert measure_chords(load_bundle("bach"), 5, lambda line: None)


def test_an_interval_is_wilsons() -> None:
    assert in_words(8, 10) == "8 of 10 (80.0 %; 95 %: 49.0 to 94.3)"
