"""What chords are called."""

import pytest

from livegen.key_names import note_names
from livegen.music.chord_names import chord_name


@pytest.mark.parametrize(
    ("pitches", "name"),
    [
        ((60, 64, 67), "C"),
        ((64, 67, 72), "C/E"),
        ((57, 60, 64, 67, 69), "Am7"),
        ((57, 60, 64), "Am"),
        ((55, 59, 62, 65), "G7"),
        ((55, 65, 71), "G7"),
        ((62, 66, 69, 73), "Dmaj7"),
        ((59, 62, 65), "Bdim"),
        ((59, 62, 65, 69), "Bm7b5"),
        ((56, 59, 62, 65), "Abdim7"),
        ((62, 65, 68, 71), "Ddim7"),
        ((53, 57, 61), "Faug"),
        ((60, 65, 67), "Csus4"),
        ((60, 64, 67, 68), ""),
        ((60, 67), ""),
        ((60,), ""),
        ((), ""),
    ],
)
def test_a_chord_has_the_name_of_a_lead_sheet(pitches: tuple[int, ...], name: str) -> None:
    assert chord_name(pitches) == name


@pytest.mark.parametrize(
    ("pitches", "name"),
    [((53, 61, 68), "C#/E#"), ((51, 59, 66, 69), "B7/D#"), ((53, 56, 59, 50), "Ddim7"), ((55, 64, 61, 58), "Gdim7")],
)
def test_a_chord_over_its_third_names_that_third(pitches: tuple[int, ...], name: str) -> None:
    assert chord_name(pitches, note_names(6, is_minor=True)) == name
