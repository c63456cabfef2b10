"""How a line of music ends."""

import pytest

from livegen.events import TICKS_PER_QUARTER, Note
from livegen.music.cadence import Cadence, bars_by_end, cadence, is_strong
from livegen.music.key import Key
from livegen.music.metre import Bars

C, A_MINOR = Key(0), Key(9, is_minor=True)
FOUR = Bars(4)
JIG = Bars(2, is_compound=True)

CHORD_OF_C, F, G, G7 = (48, 60, 64, 67), (53, 60, 65, 69), (55, 59, 62, 67), (55, 59, 62, 65)
E, E7 = (52, 56, 59, 64), (52, 56, 62, 64)


def chords(*pitches: tuple[int, ...], last: float = 2) -> list[Note]:
    """A beat each, from the second beat of a bar on, the last one longer."""
    begins = [(1 + at) * TICKS_PER_QUARTER for at in range(len(pitches))]
    lengths = [TICKS_PER_QUARTER] * (len(pitches) - 1) + [round(last * TICKS_PER_QUARTER)]
    return [
        Note(begin, pitch, length)
        for begin, length, chord in zip(begins, lengths, pitches, strict=True)
        for pitch in chord
    ]


def tune(*notes: tuple[int, int]) -> list[Note]:
    """Pitches with their lengths in thirds of a beat."""
    third, at, line = TICKS_PER_QUARTER // 3, 0, []
    for pitch, length in notes:
        line.append(Note(at, pitch, length * third))
        at += length * third
    return line


@pytest.mark.parametrize(
    ("notes", "key", "kind"),
    [
        (chords(CHORD_OF_C, F, G7, CHORD_OF_C), C, "authentic"),
        (chords(CHORD_OF_C, G, F, CHORD_OF_C), C, "plagal"),
        (chords(CHORD_OF_C, F, CHORD_OF_C, G), C, "half"),
        (chords(CHORD_OF_C, F, E7, (45, 60, 64, 69)), A_MINOR, "authentic"),
        (chords(CHORD_OF_C, F, E7, (45, 61, 64, 69)), A_MINOR, "authentic"),  # a major chord at the end of minor
        (chords(CHORD_OF_C, F, G7, (52, 60, 64, 67)), C, None),  # its third is the lowest
        (chords(CHORD_OF_C, F, G7, CHORD_OF_C, last=1), C, None),  # no longer than the others
        (chords(F, G7, CHORD_OF_C, CHORD_OF_C, F, G7, CHORD_OF_C, last=1.5), C, None),  # on the last beat of a bar
        (chords(CHORD_OF_C, G, E, CHORD_OF_C), C, None),
        ([], C, None),
    ],
)
def test_a_cadence_is_two_chords_on_their_beats(notes: list[Note], key: Key, kind: Cadence | None) -> None:
    assert cadence(notes, key, FOUR) == kind


def test_a_tune_in_six_eight_ends_on_either_beat() -> None:
    rise = [(60, 1), (64, 1), (67, 1), (72, 1), (71, 1), (67, 1), (65, 1), (62, 1), (59, 1)]

    assert cadence(tune(*rise, (60, 3)), C, JIG) == "authentic"
    assert cadence(tune(*rise, (60, 3)), C, Bars(2)) is None  # of 2/4 the second beat is weak
    assert cadence(tune(*rise, (60, 2)), C, Bars(2, is_compound=True, upbeat=320)) is None


def test_a_last_note_that_is_struck_again_is_one_chord() -> None:
    end = tune((64, 1), (65, 1), (64, 1), (62, 1), (59, 1), (62, 1), (60, 3), (60, 2))

    assert cadence(end, C, JIG) == "authentic"


def test_where_nothing_is_known_of_bars_each_beat_is_strong() -> None:
    assert is_strong(3 * TICKS_PER_QUARTER, None)
    assert not is_strong(TICKS_PER_QUARTER // 2, None)


def test_a_phrase_ends_on_a_strong_beat() -> None:
    notes = chords(CHORD_OF_C, F, G7, CHORD_OF_C)  # its last chord begins on a bar line

    assert bars_by_end(notes, FOUR) == FOUR
    assert bars_by_end(notes, Bars(4, upbeat=TICKS_PER_QUARTER)).upbeat == 0
    assert bars_by_end(chords(CHORD_OF_C, F, G7, CHORD_OF_C, last=1), Bars(4, upbeat=TICKS_PER_QUARTER)).upbeat == 960
