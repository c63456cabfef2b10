"""The form of long music."""

from export.measures.form import Form, bars_of, form_of, strung
from livegen.events import TICKS_PER_QUARTER, Note


def bar(at: int, *notes: tuple[float, int]) -> list[Note]:
    """A bar of four beats: notes by their beat."""
    return [Note(round((4 * at + beat) * TICKS_PER_QUARTER), pitch, 480) for beat, pitch in notes]


A, B = ((0, 60), (1, 62), (2, 64), (3, 65)), ((0, 67), (2, 65))


def music(*bars: tuple[tuple[float, int], ...]) -> list[Note]:
    return [note for at, notes in enumerate(bars) for note in bar(at, *notes)]


def test_bars_that_come_back_are_counted_and_so_are_rhythms_and_densities() -> None:
    found = form_of(music(A, B, A, B, A, B, A, B), 4)

    assert found == Form(come_back=6 / 8, same_rhythm=0, density=1 / 3, closes=0)


def test_a_bar_in_another_key_has_the_same_rhythm_and_does_not_come_back() -> None:
    bars = [tuple((beat, pitch + up) for beat, pitch in A) for up in range(8)]

    assert form_of(music(*bars), 4) == Form(come_back=0, same_rhythm=1, density=0, closes=0)


def test_only_the_highest_line_has_to_come_back() -> None:
    below = [tuple([*A, (0, 40 + at)]) for at in range(8)]

    found = form_of(music(*below), 4)

    assert found
    assert found.come_back == 7 / 8


def test_bars_without_an_onset_are_left_out_and_few_bars_have_no_form() -> None:
    assert len(bars_of([*bar(0, *A), *bar(5, *A)], 4)) == 2
    assert form_of(music(A, B), 4) is None


def test_pieces_are_strung_together_with_a_rest_until_they_are_as_long_as_a_solo() -> None:
    quarter = TICKS_PER_QUARTER
    piece = [Note(0, 60, quarter), Note(quarter, 62, quarter // 2)]

    strings = list(strung([piece] * 5, 8 * quarter))

    assert [[note.onset // quarter for note in string] for string in strings] == [[0, 1, 4, 5]] * 2
    assert list(strung([piece], 8 * quarter)) == [piece]


def test_a_chord_that_is_rested_on_after_its_dominant_closes() -> None:
    quarter = TICKS_PER_QUARTER

    def section(begin: int, last: tuple[int, ...]) -> list[Note]:
        """A bar in C, one of the dominant, and a last chord of two beats."""
        chords = ((48, 64, 67), (53, 65, 69), (48, 64, 72), (53, 65, 69), *[(55, 62, 65, 71)] * 4)
        beats = [Note((begin + at) * quarter, pitch, quarter) for at, chord in enumerate(chords) for pitch in chord]
        return [*beats, *(Note((begin + 8) * quarter, pitch, 2 * quarter) for pitch in last)]

    closing, other = (48, 64, 67, 72), (54, 61, 66, 70)
    found = form_of([*section(0, closing), *section(12, other), *section(24, closing), *section(36, closing)], 4)

    assert found
    assert round(found.closes * 12 / 100) == 2  # the last one is not rested on before anything; there are 12 bars
