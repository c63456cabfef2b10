"""Keys as musicians elsewhere write them."""

import pytest

from livegen.errors import SettingsError
from livegen.key_names import NAMES, english_name
from livegen.music.key import parse_key


@pytest.mark.parametrize(
    ("written", "english"),
    [
        ("H", "B major"),
        ("h-moll", "B minor"),
        ("B dur", "Bb major"),
        ("b-Moll", "Bb minor"),
        ("fis moll", "F# minor"),
        ("Es-Dur", "Eb major"),
        ("As dur", "Ab major"),
        ("Des dur", "Db major"),
        ("Ces dur", "B major"),
        ("cis", "C# major"),
        ("do majeur", "C major"),
        ("Ré mineur", "D minor"),
        ("si bémol majeur", "Bb major"),
        ("fa dièse mineur", "F# minor"),
        ("la minore", "A minor"),
        ("sol mayor", "G major"),
        ("F sharp minor", "F# minor"),
        ("E♭", "Eb major"),
        ("F#m", "F# minor"),
        ("E# minor", "F minor"),
    ],
)
def test_a_key_that_is_written_otherwise_is_told_in_english(written: str, english: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_key(written)

    assert str(caught.value) == f"unknown key '{written}'; write '{english}': livegen reads English names"
    parse_key(english)


@pytest.mark.parametrize("mode", ["major", "minor"])
@pytest.mark.parametrize("tonic", NAMES)
def test_an_english_name_stays_what_it_is(tonic: str, mode: str) -> None:
    assert english_name(f"{tonic} {mode}") == f"{tonic} {mode}"
    assert parse_key(str(parse_key(f"{tonic} {mode}"))) == parse_key(f"{tonic} {mode}")


@pytest.mark.parametrize("written", ["", "x", "X minor", "dur", "blues", "G mixolydian", "H# x", "cs"])
def test_what_is_no_key_is_told_how_one_is_written(written: str) -> None:
    with pytest.raises(SettingsError, match=r"write a key such as 'G', 'Bb major' or 'F# minor'"):
        parse_key(written)
