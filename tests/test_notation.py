"""The measure of exported files in other programs."""

from dataclasses import replace
from pathlib import Path

import pytest

from livegen.clock import NS_PER_S
from livegen.events import Timed
from livegen.files.bar_map import lay_bars
from livegen.files.midi_file import write_midi
from livegen.music.metre import KeyChange, Mark, Metre
from tests.notation import F_IN_THREE, G_IN_FOUR, Phrase, as_played, steady
from tests.support.notation_programs import Onset, Written, differences, in_one_octave, placed, read_by_mido

SECOND_S = 12.1  # where the second phrase begins


def written(folder: Path, *, tonic: int = 5, beats: int = 3, beat_s: float = 0.7, late_s: float = 0.0) -> Written:
    """A file with two phrases, as mido reads it; what is told of the second may be wrong."""
    marks: list[Mark] = [
        Metre(0, 0, NS_PER_S * 6 // 10, 4),
        KeyChange(0, 7, is_minor=False),
        Metre(round((SECOND_S + late_s) * NS_PER_S), 0, round(beat_s * NS_PER_S), beats),
        KeyChange(round((SECOND_S + late_s) * NS_PER_S), tonic, is_minor=False),
    ]
    score = [*G_IN_FOUR.score(steady(0, 0.6)), *F_IN_THREE.score(steady(SECOND_S, 0.7))]
    events = [Timed(round(at_s * NS_PER_S), event) for at_s, event in score]
    write_midi(folder / "a.mid", [("player", events)], lay_bars(marks, 0))
    return read_by_mido(folder / "a.mid")[0]


def test_what_is_written_as_it_was_played_has_no_fault(tmp_path: Path) -> None:
    phrases = (replace(G_IN_FOUR, bar=1), replace(F_IN_THREE, bar=7))

    assert as_played(written(tmp_path), phrases) == []


@pytest.mark.parametrize(
    ("told", "fault"),
    [
        ({"tonic": 0}, "phrase 2: 0 fifths, not -1"),
        ({"beats": 4}, "phrase 2: (4, 4), not 3/4"),
        ({"beat_s": 0.62}, "phrase 2: 96.77 bpm, not 85.71"),
        ({"late_s": 0.7}, "phrase 2: the notes are at"),
    ],
)
def test_another_key_metre_tempo_or_place_is_a_fault(tmp_path: Path, told: dict[str, float], fault: str) -> None:
    found = as_played(written(tmp_path, **told), (G_IN_FOUR, F_IN_THREE))  # type: ignore[arg-type]

    assert [line for line in found if line.startswith(fault)]


def test_another_bar_is_a_fault_and_an_upbeat_is_none(tmp_path: Path) -> None:
    file = written(tmp_path)

    assert as_played(file, (G_IN_FOUR, replace(F_IN_THREE, bar=8))) == ["phrase 2: it begins in bar 7, not 8"]
    assert as_played(file, (G_IN_FOUR, replace(F_IN_THREE, first=2))) == []
    assert as_played(file, (G_IN_FOUR, Phrase(F_IN_THREE.notes[:-1], 0.7, -1, beats=3))) != []


def test_a_program_that_reads_another_note_or_another_sign_differs(tmp_path: Path) -> None:
    file = written(tmp_path)
    onset, signs = file[-1]

    def changed(onset: Onset = onset, **other: object) -> list[str]:
        return differences([*file[:-1], (onset, replace(signs, **other))], file, 0.02)  # type: ignore[arg-type]

    assert changed() == changed(beats=None, fifths=None, tempo_bpm=None) == []
    assert len(changed(beats=(4, 4))) == len(changed(fifths=1)) == len(changed(tempo_bpm=90.0)) == 1
    assert len(changed(replace(onset, bar=onset.bar + 1))) == len(changed(replace(onset, quarter=0.5))) == 1
    assert changed(replace(onset, pitch=onset.pitch + 12)) != []
    assert (
        differences(in_one_octave([(replace(onset, pitch=onset.pitch + 12), signs)]), in_one_octave(file[-1:]), 0) == []
    )


def test_a_note_is_on_the_nearest_sixteenth_and_may_be_in_the_next_bar() -> None:
    assert placed(2, 1.13, 4, 60) == Onset(2, 1.25, 60)
    assert placed(2, 3.9, 4, 60) == Onset(3, 0, 60)
