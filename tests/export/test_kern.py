"""Scores in ``**kern``, as they sound."""

from pathlib import Path

import pytest

from export.corpora import kern
from livegen.errors import SettingsError
from livegen.events import TICKS_PER_QUARTER


def sounding(folder: Path, lines: list[str]) -> list[tuple[float, int, float]]:
    """Onset, pitch and duration, in quarters."""
    path = folder / "score.krn"
    path.write_text("\n".join(lines) + "\n")
    ticks = TICKS_PER_QUARTER
    return [(note.onset / ticks, note.pitch, note.duration / ticks) for note in kern.read(path)]


def test_a_tie_in_a_chord_is_one_note_and_spines_that_split_sound_together(tmp_path: Path) -> None:
    lines = [
        "**kern\t**text",
        "=1\t=1",
        "2c [2e\tla",
        "*^\t*",
        "2g\t2e]\tla",
        "*v\t*v\t*",
        "=2\t=2",
        "1c\tla",
        "*-\t*-",
    ]

    assert sounding(tmp_path, lines) == [(0, 60, 2), (0, 64, 4), (2, 67, 2), (4, 60, 4)]


def test_sections_are_played_out_as_the_expansion_list_says(tmp_path: Path) -> None:
    lines = ["**kern", "*>[A,A,B]", "*>norep[A,B]", "*>A", "=1", "1c", "*>B", "=2", "1d", "==", "*-"]

    assert sounding(tmp_path, lines) == [(0, 60, 4), (4, 60, 4), (8, 62, 4)]


def test_a_section_that_ends_with_more_spines_than_it_begins_with_is_played_once(tmp_path: Path) -> None:
    lines = ["**kern", "*>[A,A,B]", "*>A", "=1", "1c", "*^", "1e\t1g", "*>B\t*>B", "1c\t1d", "*v\t*v", "==", "*-"]

    assert [pitch for _, pitch, _ in sounding(tmp_path, lines)] == [60, 64, 67, 60, 62]


@pytest.mark.parametrize("lines", [[], ["no music"], ["**kern", "4c\t4d\t4e", "*-"]])
def test_what_is_no_score_is_refused_in_one_line(tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises(SettingsError, match=r"score\.krn: ") as told:
        sounding(tmp_path, lines)

    assert "\n" not in str(told.value)
