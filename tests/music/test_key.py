"""Key finding."""

import pytest

from livegen.errors import SettingsError
from livegen.music.key import Key, find_key, hear_key, parse_key

OLD_HUNDREDTH = (67, 67, 66, 64, 62, 67, 69, 71)  # in G


@pytest.mark.parametrize("shift", range(-6, 6))
def test_a_hymn_is_found_in_its_key_in_all_twelve_transpositions(shift: int) -> None:
    found = find_key([(pitch + shift, 1) for pitch in OLD_HUNDREDTH])

    assert found == Key((7 + shift) % 12)


def test_a_minor_tune_is_found_minor() -> None:
    assert find_key([(pitch, 1) for pitch in (69, 71, 72, 74, 76, 74, 72, 71, 68, 69)]) == Key(9, is_minor=True)


def test_a_key_is_kept_while_another_is_hardly_likelier() -> None:
    ambiguous = [(60, 1), (64, 1), (67, 1)]

    assert find_key(ambiguous, before=Key(7)) == Key(7)
    assert find_key([(61, 1), (65, 1), (68, 1), (61, 2)], before=Key(7)) != Key(7)


@pytest.mark.parametrize("pitch", range(60, 72))
def test_one_note_is_heard_in_a_usual_key_that_it_belongs_to(pitch: int) -> None:
    key = hear_key([pitch])

    assert pitch % 12 in key.scale
    assert -4 <= (key.tonic + 3 * key.is_minor) * 7 % 12 - 12 * ((key.tonic + 3 * key.is_minor) * 7 % 12 > 6) <= 4


def test_one_c_is_no_minor_key() -> None:
    assert hear_key([60]) == Key(0)


@pytest.mark.parametrize("shift", range(-6, 6))
def test_the_beginning_of_a_hymn_is_heard_within_a_fifth_from_its_third_note(shift: int) -> None:
    heard = [hear_key([pitch + shift for pitch in OLD_HUNDREDTH[:count]]) for count in (4, 8)]

    assert (heard[0].tonic - 7 - shift) % 12 in (0, 5, 7)
    assert heard[1] == Key((7 + shift) % 12)


def test_a_key_that_is_heard_is_kept_while_another_is_hardly_likelier() -> None:
    assert [hear_key([62, 64], before=before) for before in (None, Key(7), Key(2))] == [Key(2), Key(7), Key(2)]
    assert hear_key([61, 65, 68, 61], before=Key(7)) == Key(1)


def test_a_key_of_a_long_phrase_is_kept_for_longer_than_that_of_an_opening() -> None:
    notes = [62, 64, 66, 67, 69, 67, 66, 64, 62, 67, 66, 64, 62, 69, 62]

    assert hear_key(notes) == hear_key(notes, before=Key(7)) == Key(2)
    assert hear_key(notes[:2], before=Key(7), is_opening=False) == Key(7)


@pytest.mark.parametrize(
    ("tonic", "is_minor", "expected"), [(0, False, 0), (7, False, 5), (6, False, -6), (9, True, 0)]
)
def test_home_is_the_shorter_way(tonic: int, is_minor: bool, expected: int) -> None:  # noqa: FBT001 (a table's column)
    assert Key(tonic, is_minor).semitones_home == expected


def test_keys_are_read_as_people_write_them() -> None:
    assert [parse_key(text) for text in ("C", "f# minor", "Eb major", "Db")] == [
        Key(0),
        Key(6, is_minor=True),
        Key(3),
        Key(1),
    ]


def test_a_misspelt_key_is_answered_with_the_nearest_of_its_tonic() -> None:
    with pytest.raises(SettingsError, match=r"unknown key 'G minr'; write 'G minor'"):
        parse_key("G minr")
