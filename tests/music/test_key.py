"""Key finding."""

import pytest

from livegen.errors import SettingsError
from livegen.music.key import Key, find_key, parse_key

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
