"""Keys as musicians elsewhere write them."""

import pytest

from livegen.errors import SettingsError
from livegen.key_names import NAMES, english_name, note_names
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


@pytest.mark.parametrize(
    ("written", "short"),
    [("F sharp minor", "F# minor"), ("e flat", "Eb"), ("B-flat major", "Bb"), ("E♭", "Eb"), ("f♯ minor", "F# minor")],
)
def test_sharps_and_flats_are_read_as_words_and_signs_too(written: str, short: str) -> None:
    assert parse_key(written) == parse_key(short)


@pytest.mark.parametrize(("written", "near"), [("C dorian", "C minor"), ("g Mixolydian", "G major")])
def test_a_church_mode_is_told_the_nearest_key(written: str, near: str) -> None:
    with pytest.raises(SettingsError, match=f"livegen knows major and minor; the nearest is '{near}'"):
        parse_key(written)


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("C", "C C# D Eb E F F# G Ab A Bb B"),
        ("F# minor", "C C# D D# E F F# G G# A A# B"),
        ("G", "C C# D D# E F F# G G# A A# B"),
        ("F", "C Db D Eb E F Gb G Ab A Bb B"),
        ("Bb minor", "C Db D Eb E F Gb G Ab A Bb B"),
    ],
)
def test_notes_are_named_with_the_signs_of_their_key(key: str, names: str) -> None:
    found = parse_key(key)

    assert " ".join(note_names(found.tonic, is_minor=found.is_minor)) == names


@pytest.mark.parametrize("written", ["", "x", "X minor", "dur", "blues", "H# x", "cs"])
def test_what_is_no_key_is_told_how_one_is_written(written: str) -> None:
    with pytest.raises(SettingsError, match=r"write a key such as 'G', 'Bb major' or 'F# minor'"):
        parse_key(written)
